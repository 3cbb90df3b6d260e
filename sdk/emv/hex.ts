const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).toUpperCase().padStart(2, '0'),
);
/** Names of applications, keys and cards, and what a track 2 holds, are this short; calling into the engine for them costs three times their text. */
const SHORT_BYTES = 19;

/** Bytes as the specifications print them: upper-case hex, no spaces. */
export function hex(bytes: Uint8Array): string {
  if (bytes.length <= SHORT_BYTES) {
    let text = '';
    for (const byte of bytes) text += HEX_OF_BYTE[byte] ?? '';
    return text;
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex').toUpperCase();
}

const HEX_PAIRS = /^(?:[0-9A-Fa-f]{2})*$/;

/** @returns null when the text is not whole pairs of hex digits */
export function parseHex(text: string): Uint8Array | null {
  if (!HEX_PAIRS.test(text)) return null;
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/**
 * Hex that we wrote ourselves, as bytes; for input of others use parseHex.
 *
 * @throws RangeError when the text is not whole pairs of hex digits; the text is not quoted, because it may be card data
 */
export function bytesFromHex(text: string): Uint8Array {
  const bytes = parseHex(text);
  if (bytes === null) throw new RangeError('not whole pairs of hex digits');
  return bytes;
}

/** For public values: it stops at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length > SHORT_BYTES) return Buffer.compare(a, b) === 0;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
