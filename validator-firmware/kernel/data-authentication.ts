import { type CaKeyTable, findCaKey } from '@tapgate/sdk/emv/ca-keys';
import {
  decideFddaVersion,
  type FddaPolicy,
  FDDA_POLICY_GATE,
  fddaTerminalData,
} from '@tapgate/sdk/emv/fdda';
import { hex } from '@tapgate/sdk/emv/hex';
import type { OdaRefusal } from '@tapgate/sdk/emv/oda-refusal';
import { verifyIccCertificate, verifyIssuerCertificate } from '@tapgate/sdk/emv/sm2-certificates';
import { verifyDynamicSignature } from '@tapgate/sdk/emv/sm2-signed-data';
import type { TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';

/** What a terminal proves cards with. */
export type CardAuthority = {
  readonly caKeys: CaKeyTable;
  /** names of revoked issuer certificates, as `issuerCertificateName` writes them */
  readonly revokedIssuerCertificates: ReadonlySet<string>;
  readonly fddaPolicy?: FddaPolicy;
};

const RID_BYTES = 5;

/**
 * Proves a card offline: issuer certificate under the CA's key, card certificate under the issuer's over the static data, dynamic
 * signature over what the terminal sent. All three on every tap: a gate keeps no memory of cards, and it is one millisecond.
 *
 * @param dfName its first five bytes name the scheme whose CA keys count
 * @returns null when everything verifies
 * @refuses in the order of the chain: ca_key_*, issuer_*, icc_*, fdda_version_refused, card_authentication_data_invalid,
 *   ctq_mismatch, dynamic_*
 * @spec pboc-contactless.md 4.2 to 4.4
 */
export function authenticateCard(
  evidence: TapEvidence,
  dfName: Uint8Array,
  onDate: IsoDate,
  authority: CardAuthority,
): OdaRefusal | null {
  const { identity, terminal, cardObjects } = evidence;
  const context = { pan: identity.pan, onDate, revoked: authority.revokedIssuerCertificates };
  const rid = hex(dfName.subarray(0, RID_BYTES));
  const caKey = findCaKey(authority.caKeys, { rid, index: cardObjects.get('8F'), algorithm: 'SM2' }, onDate);
  if (!caKey.ok) return caKey.refusal;

  const issuer = verifyIssuerCertificate(evidence.issuerCertificate, caKey.key, context);
  if (!issuer.ok) return issuer.refusal;
  const issuerKeyXy = issuer.certificate.publicKeyXy;
  const card = verifyIccCertificate(evidence.cardCertificate, issuerKeyXy, evidence.staticData, context);
  if (!card.ok) return card.refusal;

  const cardAuthenticationData = evidence.cardAuthenticationData;
  const version = decideFddaVersion(
    {
      ttq: terminal.ttq,
      cardAuthenticationData,
      ctq: evidence.cardTransactionQualifiers,
      cardApplicationVersion: cardObjects.get('9F08') ?? null,
      algorithm: 'SM2',
    },
    authority.fddaPolicy ?? FDDA_POLICY_GATE,
  );
  if (!version.ok) return version.refusal;
  const signature = verifyDynamicSignature({
    sdad: evidence.signedDynamicData,
    iccKeyXy: card.certificate.publicKeyXy,
    terminalData: fddaTerminalData(version.version, {
      unpredictableNumber: terminal.unpredictableNumber,
      amount: objectOf(terminal.objects, '9F02'),
      currency: objectOf(terminal.objects, '5F2A'),
      cardAuthenticationData,
    }),
    atc: objectOf(cardObjects, '9F36'),
  });
  return signature.ok ? null : signature.refusal;
}

function objectOf(objects: ReadonlyMap<string, Uint8Array>, tag: string): Uint8Array {
  const value = objects.get(tag);
  if (value === undefined) throw new RangeError('evidence without an object that it was read with');
  return value;
}
