import { importSm2PublicKey, type Sm2PublicKey } from '../gm/sm2.ts';
import { sm3 } from '../gm/sm3.ts';

/**
 * One SM2 check that is still to be made: everything cheaper has been decided. Three byte strings, so that it can be sent to a
 * worker thread and checked there.
 */
export type Sm2Claim = {
  /** the signer's, X and Y */
  readonly publicKeyXy: Uint8Array;
  readonly message: Uint8Array;
  readonly signatureRs: Uint8Array;
};

/**
 * Decides the check, under the PBOC user id.
 *
 * @param imported the signer's key where the caller keeps it imported; it must be the key of the claim
 */
export function holdsSm2Claim(claim: Sm2Claim, imported?: Sm2PublicKey): boolean {
  const key = imported ?? importSm2PublicKey(claim.publicKeyXy);
  return key?.verify(claim.message, claim.signatureRs) ?? false;
}

/**
 * SM3 over the whole claim: names a check that was made, so that the same certificate over the same static data under the same
 * signer need not be checked again. Another valid signature over the same body has another name, which costs one check.
 */
export function claimFingerprint(claim: Sm2Claim): Uint8Array {
  return sm3(claim.publicKeyXy, claim.signatureRs, claim.message);
}
