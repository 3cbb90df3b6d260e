import { randomBytes } from 'node:crypto';
import type { ImportedKey } from './algorithms.ts';
import { gm } from './provider.ts';
import { isOnSm2Curve, isSignatureScalar, privateKeyFromUniformBytes, SM2_CURVE_FOR_Z } from './sm2-curve.ts';
import { sm3 } from './sm3.ts';

export { isOnSm2Curve } from './sm2-curve.ts';
export { derToRs, rsToDer } from './signature-encoding.ts';

/** The user id of every PBOC signature: ASCII 1234567812345678 (pboc-contactless.md 4.3). */
export const PBOC_USER_ID: Uint8Array = new TextEncoder().encode('1234567812345678');

/**
 * A public key ready to verify with: importing costs as much as a tenth of a verification, so it is done once per key. Z for
 * the PBOC user id is kept with it.
 */
export class Sm2PublicKey {
  readonly xy: Uint8Array;
  readonly #imported: ImportedKey;
  readonly #pbocZ: Uint8Array;

  private constructor(xy: Uint8Array, imported: ImportedKey) {
    this.xy = xy;
    this.#imported = imported;
    this.#pbocZ = sm2Z(xy);
  }

  /** @returns null when the bytes are not a point of the curve, whoever sent them */
  static import(xy: Uint8Array): Sm2PublicKey | null {
    if (!isOnSm2Curve(xy)) return null;
    const own = xy.slice();
    return new Sm2PublicKey(own, gm.sm2.importPublicKey(own));
  }

  /**
   * Decides whether r and s are a signature of this key over the message, SM2 with SM3. Never throws on card data: a
   * signature of another length, or with r or s outside 1..n-1, is no signature.
   */
  verify(message: Uint8Array, signatureRs: Uint8Array, userId: Uint8Array = PBOC_USER_ID): boolean {
    if (signatureRs.length !== 64) return false;
    if (!isSignatureScalar(signatureRs.subarray(0, 32)) || !isSignatureScalar(signatureRs.subarray(32)))
      return false;
    const z = userId === PBOC_USER_ID ? this.#pbocZ : sm2Z(this.xy, userId);
    return gm.sm2.verify(this.#imported, Buffer.concat([z, message]), signatureRs);
  }
}

/** @returns null when the 64 bytes are not a point of the curve */
export function importSm2PublicKey(xy: Uint8Array): Sm2PublicKey | null {
  return Sm2PublicKey.import(xy);
}

/**
 * Z, the hash that binds user id, curve and public key: SM3(ENTL | id | a | b | Gx | Gy | X | Y), GB/T 32918.2-2016, 5.5.
 *
 * @throws RangeError for a user id over 8191 bytes: its bit length must fit ENTL
 */
export function sm2Z(publicKeyXy: Uint8Array, userId: Uint8Array = PBOC_USER_ID): Uint8Array {
  if (userId.length > 0x1fff) throw new RangeError('a user id has at most 8191 bytes');
  const bits = userId.length * 8;
  return sm3(Uint8Array.of(bits >> 8, bits & 0xff), userId, SM2_CURVE_FOR_Z, publicKeyXy);
}

/**
 * Decides whether a signature verifies; false, never a throw, whatever the card sent (a point off the curve included). For
 * several signatures of one key, import it once.
 */
export function sm2Verify(claim: {
  publicKeyXy: Uint8Array;
  message: Uint8Array;
  signatureRs: Uint8Array;
  userId?: Uint8Array;
}): boolean {
  const key = Sm2PublicKey.import(claim.publicKeyXy);
  return key?.verify(claim.message, claim.signatureRs, claim.userId) ?? false;
}

/**
 * Signs with SM2 and SM3: r and s, 64 bytes. Randomised: two calls give two signatures, both valid.
 *
 * @throws RangeError when the key pair has wrong lengths: keys are ours
 */
export function sm2Sign(order: {
  privateKey: Uint8Array;
  publicKeyXy: Uint8Array;
  message: Uint8Array;
  userId?: Uint8Array;
}): Uint8Array {
  requirePrivateKey(order.privateKey);
  if (order.publicKeyXy.length !== 64) throw new RangeError('an SM2 public key has 64 bytes');
  const prefixed = Buffer.concat([sm2Z(order.publicKeyXy, order.userId), order.message]);
  return gm.sm2.sign(order.privateKey, order.publicKeyXy, prefixed);
}

/** @throws RangeError when the private key is not 32 bytes in 1..n-1 */
export function sm2PublicKeyOf(privateKey: Uint8Array): Uint8Array {
  requirePrivateKey(privateKey);
  return gm.sm2.publicKeyOf(privateKey);
}

function requirePrivateKey(privateKey: Uint8Array): void {
  if (!isSignatureScalar(privateKey)) throw new RangeError('an SM2 private key has 32 bytes in 1..n-1');
}

export type Sm2KeyPair = { readonly privateKey: Uint8Array; readonly publicKeyXy: Uint8Array };

/** A new key pair from the system's randomness. */
export function generateSm2KeyPair(): Sm2KeyPair {
  return keyPairOf(privateKeyFromUniformBytes(randomBytes(48)));
}

/** The key pair that a seed names, always the same: for virtual cards and tests. Any length of seed, an empty one too. */
export function sm2KeyPairFromSeed(seed: Uint8Array): Sm2KeyPair {
  const uniform = Buffer.concat([sm3(seed, Uint8Array.of(1)), sm3(seed, Uint8Array.of(2))]);
  return keyPairOf(privateKeyFromUniformBytes(uniform));
}

function keyPairOf(privateKey: Uint8Array): Sm2KeyPair {
  return { privateKey, publicKeyXy: sm2PublicKeyOf(privateKey) };
}
