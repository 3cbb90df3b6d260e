import { importSm2PublicKey, type Sm2PublicKey } from '../gm/sm2.ts';
import { isIsoDate, type IsoDate } from '../wire/identifiers.ts';
import { findTlv, parseTlv } from './ber-tlv.ts';
import { equalBytes, hex } from './hex.ts';
import { odaRefused, type OdaRefused } from './oda-refusal.ts';
import { lastDayOfMonthMmyy } from './expiry.ts';
import { isRsaExponent, isRsaKey, sha1 } from './rsa-recovery.ts';
import { SM2_ROOT_LAYOUT } from './sm2-certificate-layouts.ts';
import { splitByLayout } from './byte-layout.ts';

/** A certification authority's public key, named by the RID of its scheme and an index (tag 8F). */
type CaKeyName = {
  /** upper-case hex, 5 bytes */
  readonly rid: string;
  /** 0..255 */
  readonly index: number;
  /** last day of use; null where the list states none */
  readonly expiry: IsoDate | null;
};
export type RsaCaKey = CaKeyName & {
  readonly algorithm: 'RSA';
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
};
export type Sm2CaKey = CaKeyName & { readonly algorithm: 'SM2'; readonly publicKey: Sm2PublicKey };
export type CaKey = RsaCaKey | Sm2CaKey;

export type CaKeyRefusal = {
  readonly code:
    | 'record_malformed'
    | 'rid_invalid'
    | 'index_invalid'
    | 'expiry_invalid'
    | 'modulus_invalid'
    | 'exponent_invalid'
    | 'point_not_on_curve'
    | 'checksum_missing'
    | 'checksum_mismatch'
    | 'root_signature_invalid';
};
export type CaKeyResult =
  { readonly ok: true; readonly key: CaKey } | { readonly ok: false; readonly refusal: CaKeyRefusal };

/** What a list of CA keys states of one key, in whatever file it stands. */
export type StatedCaKey = {
  readonly rid: Uint8Array;
  readonly index: number;
  readonly expiry: IsoDate | null;
  /** RSA modulus; 64 bytes are an SM2 point X, Y whatever the list says of its algorithm */
  readonly modulus: Uint8Array;
  /** empty for SM2 */
  readonly exponent: Uint8Array;
  /** SHA-1 of RID, index, modulus, exponent; empty where none is stated */
  readonly checksum: Uint8Array;
};

const SM2_POINT_BYTES = 64;

/**
 * Decides whether a stated key may be loaded. A 64-byte modulus is an SM2 point, because many lists keep the RSA indicators
 * beside one (pboc-contactless.md 4.3); it is judged by standing on the curve, for no source says over what an SM2 checksum
 * would be made.
 *
 * @refuses rid_invalid, index_invalid, then for SM2 point_not_on_curve; for RSA exponent_invalid, modulus_invalid,
 *   checksum_missing, checksum_mismatch
 * @spec pboc-contactless.md 3 (DF02 to DF07), 4.1, 4.3
 */
export function loadCaKey(stated: StatedCaKey): CaKeyResult {
  if (stated.rid.length !== 5) return refused('rid_invalid');
  if (!Number.isInteger(stated.index) || stated.index < 0 || stated.index > 0xff)
    return refused('index_invalid');
  const name: CaKeyName = { rid: hex(stated.rid), index: stated.index, expiry: stated.expiry };
  if (stated.modulus.length === SM2_POINT_BYTES) {
    const publicKey = importSm2PublicKey(stated.modulus);
    if (publicKey === null) return refused('point_not_on_curve');
    return { ok: true, key: { ...name, algorithm: 'SM2', publicKey } };
  }
  if (!isRsaExponent(stated.exponent)) return refused('exponent_invalid');
  if (!isRsaKey(stated)) return refused('modulus_invalid');
  if (stated.checksum.length === 0) return refused('checksum_missing');
  if (!equalBytes(stated.checksum, caKeyChecksum(stated))) return refused('checksum_mismatch');
  return { ok: true, key: { ...name, algorithm: 'RSA', modulus: stated.modulus, exponent: stated.exponent } };
}

/** SHA-1 of RID, index, modulus, exponent: 20 bytes (DF03). */
export function caKeyChecksum(
  stated: Pick<StatedCaKey, 'rid' | 'index' | 'modulus' | 'exponent'>,
): Uint8Array {
  return sha1(stated.rid, Uint8Array.of(stated.index), stated.modulus, stated.exponent);
}

/**
 * Reads a downloaded CAPK record: 9F06 RID, 9F22 index, DF05 expiry (YYYYMMDD, 8 ASCII or 4 BCD bytes), DF02 modulus or point,
 * DF04 exponent, DF03 checksum. DF06 and DF07 are not asked: lists state them wrongly.
 *
 * @refuses record_malformed, expiry_invalid, then as loadCaKey
 */
export function parseCaKeyRecord(record: Uint8Array): CaKeyResult {
  const parsed = parseTlv(record);
  if (!parsed.ok) return refused('record_malformed');
  const value = (tag: string): Uint8Array | undefined => findTlv(parsed.nodes, tag)?.value;
  const rid = value('9F06');
  const index = value('9F22');
  const modulus = value('DF02');
  if (rid === undefined || modulus === undefined || index?.length !== 1) return refused('record_malformed');
  const stated = value('DF05');
  const expiry = stated === undefined ? null : parseRecordExpiry(stated);
  if (stated !== undefined && expiry === null) return refused('expiry_invalid');
  const empty = new Uint8Array();
  return loadCaKey({
    rid,
    index: index[0] ?? 0,
    expiry,
    modulus,
    exponent: value('DF04') ?? empty,
    checksum: value('DF03') ?? empty,
  });
}

function parseRecordExpiry(value: Uint8Array): IsoDate | null {
  const digits = value.length === 8 ? Buffer.from(value).toString('latin1') : hex(value);
  const text = /^\d{8}$/.test(digits) ? `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}` : '';
  return isIsoDate(text) ? text : null;
}

/**
 * Reads the self-signed root file of an SM2 certification authority, 144 bytes.
 *
 * @refuses record_malformed (length, format 31, algorithm 04, key length 40), expiry_invalid, point_not_on_curve,
 *   root_signature_invalid
 * @spec pboc-contactless.md 4.3, root file
 */
export function parseSm2RootFile(file: Uint8Array): CaKeyResult {
  const fields = splitByLayout(SM2_ROOT_LAYOUT, file);
  if (fields?.format[0] !== 0x31 || fields.signature_alg[0] !== 0x04 || fields.key_length[0] !== 0x40) {
    return refused('record_malformed');
  }
  const expiry = lastDayOfMonthMmyy(fields.expiry_mmyy);
  if (expiry === null) return refused('expiry_invalid');
  const publicKey = importSm2PublicKey(fields.public_key_xy);
  if (publicKey === null) return refused('point_not_on_curve');
  const signed = file.subarray(0, file.length - fields.signature_rs.length);
  if (!publicKey.verify(signed, fields.signature_rs)) return refused('root_signature_invalid');
  const name = { rid: hex(fields.rid), index: fields.index[0] ?? 0, expiry };
  return { ok: true, key: { ...name, algorithm: 'SM2', publicKey } };
}

function refused(code: CaKeyRefusal['code']): CaKeyResult {
  return { ok: false, refusal: { code } };
}

/** CA keys by RID, index and algorithm: one index may name an RSA and an SM2 key, and DF69 decides which a card uses. */
export type CaKeyTable = ReadonlyMap<string, CaKey>;

/** Of two keys of one name the later in the list stands, as a newer list replaces an older one. */
export function buildCaKeyTable(keys: Iterable<CaKey>): CaKeyTable {
  return new Map(Array.from(keys, (key) => [tableKey(key.rid, key.index, key.algorithm), key]));
}

function tableKey(rid: string, index: number, algorithm: CaKey['algorithm']): string {
  return `${rid}/${index}/${algorithm}`;
}

export type CaKeyChoice<Key extends CaKey> = { readonly ok: true; readonly key: Key } | OdaRefused;

/**
 * Finds the key that a card's issuer certificate is signed with.
 *
 * @param index value of tag 8F
 * @param onDate the day of the tap; null where expiry is not judged
 * @refuses oda_data_missing (8F not one byte), ca_key_unknown, ca_key_expired
 */
export function findCaKey<Algorithm extends CaKey['algorithm']>(
  table: CaKeyTable,
  wanted: { readonly rid: string; readonly index: Uint8Array | undefined; readonly algorithm: Algorithm },
  onDate: IsoDate | null,
): CaKeyChoice<Extract<CaKey, { algorithm: Algorithm }>> {
  if (wanted.index?.length !== 1) return odaRefused('oda_data_missing', '8F');
  const key = table.get(tableKey(wanted.rid, wanted.index[0] ?? 0, wanted.algorithm));
  if (key === undefined || !hasAlgorithm(key, wanted.algorithm)) return odaRefused('ca_key_unknown', '8F');
  if (onDate !== null && key.expiry !== null && onDate > key.expiry)
    return odaRefused('ca_key_expired', '8F');
  return { ok: true, key };
}

function hasAlgorithm<Algorithm extends CaKey['algorithm']>(
  key: CaKey,
  algorithm: Algorithm,
): key is Extract<CaKey, { algorithm: Algorithm }> {
  return key.algorithm === algorithm;
}
