/**
 * SM2 signatures travel raw on a card (r and s, 32 bytes each, big-endian) and in DER inside OpenSSL:
 *
 *   30 len  02 len r  02 len s      both INTEGERs minimal, never negative
 */

/** @throws RangeError when the signature is not 64 bytes; callers of card data check the length first. */
export function rsToDer(rs: Uint8Array): Uint8Array {
  if (rs.length !== 64) throw new RangeError('a raw SM2 signature has 64 bytes');
  const rStart = firstSignificant(rs, 0, 32);
  const sStart = firstSignificant(rs, 32, 64);
  const rPad = (rs[rStart] ?? 0) & 0x80 ? 1 : 0;
  const sPad = (rs[sStart] ?? 0) & 0x80 ? 1 : 0;
  const rLength = 32 - rStart + rPad;
  const sLength = 64 - sStart + sPad;
  const der = new Uint8Array(6 + rLength + sLength);
  der[0] = 0x30;
  der[1] = 4 + rLength + sLength;
  der[2] = 0x02;
  der[3] = rLength;
  der.set(rs.subarray(rStart, 32), 4 + rPad);
  der[4 + rLength] = 0x02;
  der[5 + rLength] = sLength;
  der.set(rs.subarray(sStart, 64), 6 + rLength + sPad);
  return der;
}

/** Index of the first byte of a 32-byte number that is not a leading zero; the last byte always counts. */
function firstSignificant(bytes: Uint8Array, from: number, to: number): number {
  let index = from;
  while (index < to - 1 && bytes[index] === 0) index++;
  return index;
}

/** @returns r and s as 64 bytes, or null when the bytes are not exactly one minimal DER signature of two 256-bit numbers */
export function derToRs(der: Uint8Array): Uint8Array | null {
  if (der.length < 8 || der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const rs = new Uint8Array(64);
  let offset = 2;
  for (const end of [32, 64]) {
    const length = der[offset + 1];
    if (der[offset] !== 0x02 || length === undefined || length === 0) return null;
    const start = offset + 2;
    const stop = start + length;
    if (stop > der.length) return null;
    const first = der[start] ?? 0;
    const second = der[start + 1] ?? 0;
    const negative = (first & 0x80) !== 0;
    const padded = first === 0 && length > 1;
    if (negative || (padded && (second & 0x80) === 0)) return null;
    const digits = der.subarray(padded ? start + 1 : start, stop);
    if (digits.length > 32) return null;
    rs.set(digits, end - digits.length);
    offset = stop;
  }
  return offset === der.length ? rs : null;
}
