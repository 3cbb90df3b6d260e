import { cryptogramTypeOfCid, type CryptogramType, firstCryptogramType, type Iad } from '../emv/iad.ts';

export type { CryptogramType } from '../emv/iad.ts';

export type CryptogramTypeResult =
  | { readonly ok: true; readonly type: CryptogramType }
  | { readonly ok: false; readonly field: '9F10' | '9F27' };

/**
 * The type of the cryptogram that GPO gave, from the CVR. A contactless PBOC card usually sends no 9F27; one that it sends must
 * say the same, because the cryptogram covers the CVR and not 9F27.
 *
 * @refuses 9F10 with the type that is not used; 9F27 that contradicts it
 * @spec pboc-contactless.md 2.5 (row 9F27) and 5.2
 */
export function readCryptogramType(iad: Iad, cid: Uint8Array | undefined): CryptogramTypeResult {
  const type = firstCryptogramType(iad.cvr);
  if (type === null) return { ok: false, field: '9F10' };
  if (cid !== undefined && cryptogramTypeOfCid(cid) !== type) return { ok: false, field: '9F27' };
  return { ok: true, type };
}
