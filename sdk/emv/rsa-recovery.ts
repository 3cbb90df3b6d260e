import { createHash } from 'node:crypto';
import { hex } from './hex.ts';

/** RSA with message recovery as EMV uses it: the public operation, then `6A | content | hash 20 | BC`. */
export type RsaPublicKey = { readonly modulus: Uint8Array; readonly exponent: Uint8Array };

const HEADER = 0x6a;
const TRAILER = 0xbc;
export const SHA1_BYTES = 20;
/** EMV's largest modulus, 1984 bits. */
export const RSA_BYTES_MAX = 248;
/** Below 512 bits nothing is proven, and there is no room for the fields. */
export const RSA_BYTES_MIN = 64;

/** What stands between header and hash, and the hash; both are views of the recovered bytes. */
export type Recovered = { readonly content: Uint8Array; readonly hash: Uint8Array };

/** The bytes as a number raised to the exponent, in the length of the modulus. The exponent is 3 or 65537: 17 products. */
export function rsaPublicOperation(key: RsaPublicKey, data: Uint8Array): Uint8Array {
  const modulus = numberOf(key.modulus);
  const exponent = numberOf(key.exponent);
  const base = numberOf(data);
  let result = 1n;
  for (let bit = BigInt(exponent.toString(2).length - 1); bit >= 0n; bit--) {
    result = (result * result) % modulus;
    if ((exponent >> bit) & 1n) result = (result * base) % modulus;
  }
  return new Uint8Array(Buffer.from(result.toString(16).padStart(key.modulus.length * 2, '0'), 'hex'));
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x0${hex(bytes)}`);
}

/**
 * Opens signed bytes with a public key.
 *
 * @param key a key that isRsaKey accepts
 * @returns null when header or trailer are not 6A and BC, or the bytes are no number below the modulus: they were not signed
 *   with this key
 * @throws RangeError when the bytes have another length than the modulus; the caller names that refusal first
 * @spec pboc-contactless.md 4.1
 */
export function recoverSigned(key: RsaPublicKey, signed: Uint8Array): Recovered | null {
  if (signed.length !== key.modulus.length)
    throw new RangeError('signed bytes have the length of the modulus');
  if (Buffer.compare(signed, key.modulus) >= 0) return null;
  const opened = rsaPublicOperation(key, signed);
  const last = opened.length - 1;
  if (opened[0] !== HEADER || opened[last] !== TRAILER) return null;
  return { content: opened.subarray(1, last - SHA1_BYTES), hash: opened.subarray(last - SHA1_BYTES, last) };
}

/** Decides whether a modulus and exponent can be a key of EMV: odd, full first byte, 64 to 248 bytes, exponent 3 or 65537. */
export function isRsaKey(key: RsaPublicKey): boolean {
  const { modulus, exponent } = key;
  return (
    modulus.length >= RSA_BYTES_MIN &&
    modulus.length <= RSA_BYTES_MAX &&
    ((modulus[0] ?? 0) & 0x80) !== 0 &&
    ((modulus[modulus.length - 1] ?? 0) & 1) === 1 &&
    isRsaExponent(exponent)
  );
}

/** 3 or 65537 in one or three bytes, the only exponents EMV allows. */
export function isRsaExponent(exponent: Uint8Array): boolean {
  const text = hex(exponent);
  return text === '03' || text === '000003' || text === '010001';
}

export function sha1(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
