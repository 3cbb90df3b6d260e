/**
 * Binary coded decimal, two digits a byte. Format n is right-aligned with leading zeros, cn is left-aligned with trailing F
 * (pboc-contactless.md 3).
 */

/** The two digits of each byte, undefined where a nibble is none: a table, because a tap reads some forty such bytes. */
const PAIRS: readonly (string | undefined)[] = Array.from({ length: 256 }, (_none, byte) => {
  const text = byte.toString(16).padStart(2, '0');
  return /^\d\d$/.test(text) ? text : undefined;
});

/** The digits of format n, or null when a nibble is no digit. */
export function bcdDigits(bytes: Uint8Array): string | null {
  let digits = '';
  for (const byte of bytes) {
    const pair = PAIRS[byte];
    if (pair === undefined) return null;
    digits += pair;
  }
  return digits;
}

/** The digits of format cn without its padding, or null when anything but F follows the digits, or for more than 256 bytes. */
export function compressedDigits(bytes: Uint8Array): string | null {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0xff) end -= 1;
  if (end > TEXT.length / 2) return null;
  let length = 0;
  for (let at = 0; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const [high, low] = [byte >> 4, byte & 0x0f];
    if (high > 9) return null;
    TEXT[length++] = ZERO + high;
    if (low <= 9) TEXT[length++] = ZERO + low;
    // The last digit may share its byte with the first F.
    else if (at !== end - 1 || low !== 0x0f) return null;
  }
  return TEXT.toString('latin1', 0, length);
}

const ZERO = 0x30;
/** Put together here and made a text at once: one that is made of pieces is flattened when it is first looked at. */
const TEXT = Buffer.allocUnsafeSlow(512);

/** The number that a value of format n writes, or null when it is none or above 2^53. */
export function bcdNumber(bytes: Uint8Array): number | null {
  let value = 0;
  for (const byte of bytes) {
    const [high, low] = [byte >> 4, byte & 0x0f];
    if (high > 9 || low > 9) return null;
    value = value * 100 + high * 10 + low;
  }
  return Number.isSafeInteger(value) ? value : null;
}

/** @throws RangeError when the digits do not fit, or are none: values to encode are ours */
export function bcdFromDigits(digits: string, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  putDigits(digits, bytes, byteLength * 2 - digits.length);
  return bytes;
}

/** @throws RangeError when the digits do not fit, or are none */
export function compressedFromDigits(digits: string, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  putDigits(digits, bytes, 0);
  for (let nibble = digits.length; nibble < byteLength * 2; nibble++) putNibble(bytes, nibble, 0x0f);
  return bytes;
}

/** An amount, counter or date as format n. @throws RangeError for a negative number, a fraction, or one that does not fit */
export function bcdFromNumber(value: number, byteLength: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('BCD holds whole numbers from zero');
  return bcdFromDigits(String(value), byteLength);
}

/** Digits one a nibble, the first at the given nibble. */
function putDigits(digits: string, bytes: Uint8Array, first: number): void {
  if (first < 0 || first + digits.length > bytes.length * 2)
    throw new RangeError(`the digits do not fit ${bytes.length} bytes`);
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) throw new RangeError('BCD holds digits only');
    putNibble(bytes, first + index, digit);
  }
}

function putNibble(bytes: Uint8Array, nibble: number, value: number): void {
  const at = nibble >> 1;
  bytes[at] = (bytes[at] ?? 0) | ((nibble & 1) === 0 ? value << 4 : value);
}
