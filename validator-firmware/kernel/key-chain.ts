import { type CaKeyTable, findCaKey } from '@tapgate/sdk/emv/ca-keys';
import type { Pan } from '@tapgate/sdk/emv/card-identity';
import type { FddaPolicy } from '@tapgate/sdk/emv/fdda';
import { hex } from '@tapgate/sdk/emv/hex';
import { odaRefused, type OdaRefused } from '@tapgate/sdk/emv/oda-refusal';
import { verifyRsaIccCertificate, verifyRsaIssuerCertificate } from '@tapgate/sdk/emv/rsa-certificates';
import type { RsaPublicKey } from '@tapgate/sdk/emv/rsa-recovery';
import { verifyIccCertificate, verifyIssuerCertificate } from '@tapgate/sdk/emv/sm2-certificates';
import type { Sm2PublicKey } from '@tapgate/sdk/gm/sm2';
import type { DataObjects } from '@tapgate/sdk/tap-record/card-exchange';
import { chainOf } from '@tapgate/sdk/tap-record/tap-evidence';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';

/** What a terminal proves cards with. */
export type CardAuthority = {
  readonly caKeys: CaKeyTable;
  /** names of revoked issuer certificates, as `issuerCertificateName` writes them */
  readonly revokedIssuerCertificates: ReadonlySet<string>;
  readonly fddaPolicy?: FddaPolicy;
};

/** The card whose keys are to be proven, where and when. */
export type CardToProve = {
  readonly objects: DataObjects;
  readonly pan: Pan;
  /** its first five bytes name the scheme whose CA keys count */
  readonly dfName: Uint8Array;
  readonly onDate: IsoDate;
  readonly authority: CardAuthority;
};

export type ProvenKey =
  | { readonly algorithm: 'SM2'; readonly publicKey: Sm2PublicKey }
  | { readonly algorithm: 'RSA'; readonly publicKey: RsaPublicKey };
export type ProvenKeyResult = { readonly ok: true; readonly key: ProvenKey } | OdaRefused;

const RID_BYTES = 5;

/**
 * Proves the key of the card's issuer under the CA key that 8F names. The card has chosen the chain (DF69); both are taken.
 *
 * @refuses oda_data_missing (90, 8F, 9F32), ca_key_unknown, ca_key_expired, then issuer_* as the certificate's own function
 * @spec pboc-contactless.md 4.1, 4.3
 */
export function proveIssuerKey(card: CardToProve): ProvenKeyResult {
  const { objects, dfName, onDate, authority, pan } = card;
  const certificate = objects.get('90');
  if (certificate === undefined) return odaRefused('oda_data_missing', '90');
  const name = { rid: hex(dfName.subarray(0, RID_BYTES)), index: objects.get('8F') };
  const context = { pan, onDate, revoked: authority.revokedIssuerCertificates };

  if (chainOf({ issuerCertificate: certificate }) === 'SM2') {
    const caKey = findCaKey(authority.caKeys, { ...name, algorithm: 'SM2' }, onDate);
    if (!caKey.ok) return caKey;
    const issuer = verifyIssuerCertificate(certificate, caKey.key, context);
    return issuer.ok ? { ok: true, key: { algorithm: 'SM2', publicKey: issuer.publicKey } } : issuer;
  }
  const caKey = findCaKey(authority.caKeys, { ...name, algorithm: 'RSA' }, onDate);
  if (!caKey.ok) return caKey;
  const parts = { certificate, remainder: objects.get('92'), exponent: objects.get('9F32') };
  const issuer = verifyRsaIssuerCertificate(parts, caKey.key, context);
  return issuer.ok ? { ok: true, key: { algorithm: 'RSA', publicKey: issuer.publicKey } } : issuer;
}

/**
 * Proves the card's own key under its issuer's, over the static data.
 *
 * @refuses oda_data_missing (9F46, 9F47), then icc_* as the certificate's own function
 * @spec pboc-contactless.md 4.1 to 4.3
 */
export function proveCardKey(
  card: CardToProve,
  issuerKey: ProvenKey,
  staticData: Uint8Array,
): ProvenKeyResult {
  const { objects, onDate, pan } = card;
  const context = { pan, onDate };
  if (issuerKey.algorithm === 'SM2') {
    const { publicKey } = issuerKey;
    const own = verifyIccCertificate(objects.get('9F46'), publicKey.xy, staticData, context, publicKey);
    return own.ok ? { ok: true, key: { algorithm: 'SM2', publicKey: own.publicKey } } : own;
  }
  const parts = {
    certificate: objects.get('9F46'),
    remainder: objects.get('9F48'),
    exponent: objects.get('9F47'),
  };
  const own = verifyRsaIccCertificate(parts, issuerKey.publicKey, staticData, context);
  return own.ok ? { ok: true, key: { algorithm: 'RSA', publicKey: own.publicKey } } : own;
}
