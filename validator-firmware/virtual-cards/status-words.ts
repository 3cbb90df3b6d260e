/** Status words that a card answers with (pboc-contactless.md 2.3). */
export const SW = {
  ok: 0x9000,
  wrongLength: 0x6700,
  authenticationFailed: 0x6300,
  securityNotSatisfied: 0x6982,
  useAnotherInterface: 0x6984,
  conditionsNotSatisfied: 0x6985,
  commandNotAllowed: 0x6986,
  wrongData: 0x6a80,
  functionNotSupported: 0x6a81,
  fileNotFound: 0x6a82,
  recordNotFound: 0x6a83,
  wrongParameters: 0x6a86,
  instructionUnknown: 0x6d00,
  classUnknown: 0x6e00,
} as const;
export type StatusWord = (typeof SW)[keyof typeof SW];

const NO_DATA = new Uint8Array(0);

export function respond(sw: StatusWord, data: Uint8Array = NO_DATA): Uint8Array {
  return Buffer.concat([data, Uint8Array.of(sw >> 8, sw & 0xff)]);
}
