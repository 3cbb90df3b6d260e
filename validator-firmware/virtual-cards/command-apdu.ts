/** A command as a card reads it: ISO 7816-4 short form, cases 1 to 4. */
export type CommandApdu = {
  readonly cla: number;
  readonly ins: number;
  readonly p1: number;
  readonly p2: number;
  readonly data: Uint8Array;
};

/** @returns null when Lc and the length of the command disagree */
export function parseCommandApdu(bytes: Uint8Array): CommandApdu | null {
  const [cla, ins, p1, p2, p3] = bytes;
  if (cla === undefined || ins === undefined || p1 === undefined || p2 === undefined) return null;
  const header = { cla, ins, p1, p2 };
  // Case 1 has no fifth byte, case 2 has only Le in it.
  if (p3 === undefined || bytes.length === 5) return { ...header, data: new Uint8Array(0) };
  const withoutLe = bytes.length === 5 + p3;
  const withLe = bytes.length === 6 + p3;
  return withoutLe || withLe ? { ...header, data: bytes.subarray(5, 5 + p3) } : null;
}
