import { type CaKeyTable, findCaKey } from '@tapgate/sdk/emv/ca-keys';
import {
  decideFddaVersion,
  type FddaPolicy,
  FDDA_POLICY_GATE,
  fddaTerminalData,
} from '@tapgate/sdk/emv/fdda';
import { hex } from '@tapgate/sdk/emv/hex';
import type { OdaRefusal, OdaRefused } from '@tapgate/sdk/emv/oda-refusal';
import { verifyRsaIccCertificate, verifyRsaIssuerCertificate } from '@tapgate/sdk/emv/rsa-certificates';
import { verifyRsaDynamicSignature } from '@tapgate/sdk/emv/rsa-signed-data';
import { verifyIccCertificate, verifyIssuerCertificate } from '@tapgate/sdk/emv/sm2-certificates';
import { verifyDynamicSignature } from '@tapgate/sdk/emv/sm2-signed-data';
import { chainOf, type TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';

/** What a terminal proves cards with. */
export type CardAuthority = {
  readonly caKeys: CaKeyTable;
  /** names of revoked issuer certificates, as `issuerCertificateName` writes them */
  readonly revokedIssuerCertificates: ReadonlySet<string>;
  readonly fddaPolicy?: FddaPolicy;
};

/** Where and when a card is to be proven. */
type ProofPlace = {
  /** its first five bytes name the scheme whose CA keys count */
  readonly dfName: Uint8Array;
  readonly onDate: IsoDate;
  readonly authority: CardAuthority;
};

const RID_BYTES = 5;

/**
 * Proves a card offline: issuer certificate under the CA's key, card certificate under the issuer's over the static data, dynamic
 * signature over what the terminal sent. All of it on every tap: a gate keeps no memory of cards, and it is one millisecond.
 * The card has chosen the chain (DF69); both are taken here.
 *
 * @returns null when everything verifies
 * @refuses in the order of the chain: ca_key_*, issuer_*, icc_*, fdda_version_refused, card_authentication_data_invalid,
 *   ctq_mismatch, signed_dynamic_data_*, dynamic_*
 * @spec pboc-contactless.md 4.1 to 4.4
 */
export function authenticateCard(
  evidence: TapEvidence,
  dfName: Uint8Array,
  onDate: IsoDate,
  authority: CardAuthority,
): OdaRefusal | null {
  const place: ProofPlace = { dfName, onDate, authority };
  const proof = chainOf(evidence) === 'SM2' ? proveSm2(evidence, place) : proveRsa(evidence, place);
  return proof.ok ? null : proof.refusal;
}

type Proof = { readonly ok: true } | OdaRefused;

function proveSm2(evidence: TapEvidence, place: ProofPlace): Proof {
  const caKey = findCaKey(
    place.authority.caKeys,
    { ...caKeyNameOf(evidence, place), algorithm: 'SM2' },
    place.onDate,
  );
  if (!caKey.ok) return caKey;
  const context = contextOf(evidence, place);
  const issuer = verifyIssuerCertificate(evidence.issuerCertificate, caKey.key, context);
  if (!issuer.ok) return issuer;
  const issuerKeyXy = issuer.certificate.publicKeyXy;
  const card = verifyIccCertificate(evidence.cardCertificate, issuerKeyXy, evidence.staticData, context);
  if (!card.ok) return card;
  const signed = signedTerminalData(evidence, 'SM2', place.authority);
  if (!signed.ok) return signed;
  return verifyDynamicSignature({
    sdad: evidence.signedDynamicData,
    iccKeyXy: card.certificate.publicKeyXy,
    terminalData: signed.terminalData,
    atc: objectOf(evidence.cardObjects, '9F36'),
  });
}

function proveRsa(evidence: TapEvidence, place: ProofPlace): Proof {
  const caKey = findCaKey(
    place.authority.caKeys,
    { ...caKeyNameOf(evidence, place), algorithm: 'RSA' },
    place.onDate,
  );
  if (!caKey.ok) return caKey;
  const context = contextOf(evidence, place);
  const { cardObjects, staticData } = evidence;
  const issuerObjects = {
    certificate: evidence.issuerCertificate,
    remainder: cardObjects.get('92'),
    exponent: cardObjects.get('9F32'),
  };
  const issuer = verifyRsaIssuerCertificate(issuerObjects, caKey.key, context);
  if (!issuer.ok) return issuer;
  const cardCertificateObjects = {
    certificate: evidence.cardCertificate,
    remainder: cardObjects.get('9F48'),
    exponent: cardObjects.get('9F47'),
  };
  const card = verifyRsaIccCertificate(cardCertificateObjects, issuer.publicKey, staticData, context);
  if (!card.ok) return card;
  const signed = signedTerminalData(evidence, 'RSA', place.authority);
  if (!signed.ok) return signed;
  return verifyRsaDynamicSignature({
    sdad: evidence.signedDynamicData,
    iccKey: card.publicKey,
    terminalData: signed.terminalData,
    atc: objectOf(cardObjects, '9F36'),
  });
}

function caKeyNameOf(evidence: TapEvidence, place: ProofPlace) {
  return { rid: hex(place.dfName.subarray(0, RID_BYTES)), index: evidence.cardObjects.get('8F') };
}

function contextOf(evidence: TapEvidence, place: ProofPlace) {
  const { onDate, authority } = place;
  return { pan: evidence.identity.pan, onDate, revoked: authority.revokedIssuerCertificates };
}

/** What the dynamic signature must cover, by the version of fDDA that this tap used (4.4). */
function signedTerminalData(
  evidence: TapEvidence,
  algorithm: 'SM2' | 'RSA',
  authority: CardAuthority,
): { readonly ok: true; readonly terminalData: Uint8Array } | OdaRefused {
  const { terminal, cardObjects, cardAuthenticationData } = evidence;
  const version = decideFddaVersion(
    {
      ttq: terminal.ttq,
      cardAuthenticationData,
      ctq: evidence.cardTransactionQualifiers,
      cardApplicationVersion: cardObjects.get('9F08') ?? null,
      algorithm,
    },
    authority.fddaPolicy ?? FDDA_POLICY_GATE,
  );
  if (!version.ok) return version;
  const terminalData = fddaTerminalData(version.version, {
    unpredictableNumber: terminal.unpredictableNumber,
    amount: objectOf(terminal.objects, '9F02'),
    currency: objectOf(terminal.objects, '5F2A'),
    cardAuthenticationData,
  });
  return { ok: true, terminalData };
}

function objectOf(objects: ReadonlyMap<string, Uint8Array>, tag: string): Uint8Array {
  const value = objects.get(tag);
  if (value === undefined) throw new RangeError('evidence without an object that it was read with');
  return value;
}
