const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).toUpperCase().padStart(2, '0'),
);
/** A tag. Up to here the engine puts texts together whole; longer ones as trees, which are made flat when they are first compared. */
const TAG_BYTES = 4;
/** Names of applications, keys and cards, what a track 2 holds, digests: calling into the engine for them costs two or three times their text. */
const SHORT_BYTES = 32;
const DIGITS = Buffer.from('0123456789ABCDEF', 'latin1');
const TEXT = Buffer.allocUnsafeSlow(SHORT_BYTES * 2);

/** Bytes as the specifications print them: upper-case hex, no spaces. */
export function hex(bytes: Uint8Array): string {
  if (bytes.length <= TAG_BYTES) {
    let text = '';
    for (const byte of bytes) text += HEX_OF_BYTE[byte] ?? '';
    return text;
  }
  if (bytes.length <= SHORT_BYTES) {
    let at = 0;
    for (const byte of bytes) {
      TEXT[at] = DIGITS[byte >> 4] ?? 0;
      TEXT[at + 1] = DIGITS[byte & 0x0f] ?? 0;
      at += 2;
    }
    return TEXT.toString('latin1', 0, at);
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

const COMPARED_HERE_BYTES = 19;

/** For public values: it stops at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length > COMPARED_HERE_BYTES) return Buffer.compare(a, b) === 0;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
