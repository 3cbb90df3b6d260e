/** What a cryptogram says: declined (AAC), paid offline (TC), ask the issuer (ARQC). */
export const CRYPTOGRAM_TYPES = ['AAC', 'TC', 'ARQC'] as const;
export type CryptogramType = (typeof CRYPTOGRAM_TYPES)[number];

export type CryptogramTypeResult =
  | { readonly ok: true; readonly type: CryptogramType }
  | { readonly ok: false; readonly field: '9F10' | '9F27' };

const CVR_LENGTH = 0x03;

/**
 * The type of a cryptogram, from bits 6-5 of the first status byte of the CVR (fifth byte of 9F10, after its length byte 03).
 * A contactless PBOC card usually sends no 9F27; one that it sends must say the same in bits 8-7, because the cryptogram covers
 * the CVR and not 9F27.
 *
 * @refuses 9F10 without a CVR, or with the type that is not used (11); 9F27 that contradicts it
 * @spec pboc-contactless.md 2.5 (row 9F27) and 5.2
 */
export function readCryptogramType(iad: Uint8Array, cid: Uint8Array | undefined): CryptogramTypeResult {
  const [, , , cvrLength, status] = iad;
  if (cvrLength !== CVR_LENGTH || status === undefined) return { ok: false, field: '9F10' };
  const type = CRYPTOGRAM_TYPES[(status >> 4) & 0x03];
  if (type === undefined) return { ok: false, field: '9F10' };
  const stated = cid?.[0];
  if (stated !== undefined && CRYPTOGRAM_TYPES[stated >> 6] !== type) return { ok: false, field: '9F27' };
  return { ok: true, type };
}
