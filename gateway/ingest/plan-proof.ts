import { findCaKey, type CaKeyTable, type Sm2CaKey } from '@tapgate/sdk/emv/ca-keys';
import { decideFddaVersion, fddaTerminalData } from '@tapgate/sdk/emv/fdda';
import { equalBytes, hex } from '@tapgate/sdk/emv/hex';
import { proofRefusalOf, type OdaRefusal } from '@tapgate/sdk/emv/oda-refusal';
import {
  prepareIccCertificate,
  prepareIssuerCertificate,
  refuseIssuerHere,
  type Sm2IssuerCertificate,
} from '@tapgate/sdk/emv/sm2-certificates';
import { claimFingerprint, type Sm2Claim } from '@tapgate/sdk/emv/sm2-claim';
import { prepareDynamicSignature } from '@tapgate/sdk/emv/sm2-signed-data';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { chainOf, type TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { ProofRefusalCode } from '@tapgate/sdk/wire/refusals';
import { proveRsa } from './prove-rsa.ts';

/**
 * Everything of the offline proof but its SM2 signatures: those are claims, each with the refusal that it is when it does not
 * hold. Claims stand in the order of the chain; `stop` is what is wrong with what comes after the last of them.
 */
export type ProofPlan = {
  readonly claims: readonly PlannedClaim[];
  readonly stop: ProofRefusalCode | null;
  /** the issuer certificate whose claim stands in the plan, to be remembered when it holds */
  readonly issuerCertificate: NamedIssuerCertificate | null;
  /** names the card certificate with its static data and signer; null when the chain does not reach so far */
  readonly certificateFingerprint: Uint8Array | null;
};

/** An SM2 issuer certificate under a name that says everything its verification rests on: the CA's key and its own bytes. */
export type NamedIssuerCertificate = { readonly name: string; readonly certificate: Sm2IssuerCertificate };

export type PlannedClaim = Sm2Claim & {
  readonly step: 'issuer_certificate' | 'card_certificate' | 'dynamic_signature';
  readonly refusal: ProofRefusalCode;
  /** for a certificate: the name under which its verification is remembered */
  readonly fingerprint: Uint8Array | null;
};

export type ProofAuthority = {
  readonly caKeys: CaKeyTable;
  /** serials of issuer certificates that are revoked, as emv/sm2-certificates names them */
  readonly revokedIssuerCertificates: ReadonlySet<string>;
  /** what this process has verified under the name before */
  verifiedIssuerCertificate(name: string): Sm2IssuerCertificate | null;
};

/** The RID is the first five bytes of an application's name (ISO 7816-5). */
const RID_BYTES = 5;

/**
 * Plans the offline proof of one tap: issuer certificate under the CA's key, card certificate under the issuer's, dynamic
 * signature over what the terminal says it sent. The card has chosen the chain (DF69): that of SM2 becomes claims, that of RSA
 * is decided here. An issuer certificate that this process has verified before is not claimed again; whether somebody has
 * verified that of the card is known to its row alone, and withoutVerified takes the claim out then.
 *
 * @refuses (as `stop`, or as the refusal of a claim, in this order) ca_key_unknown; issuer_certificate_*;
 *   card_certificate_*; fdda_version_refused; card_data_invalid for a 9F69 that contradicts; dynamic_number_mismatch;
 *   dynamic_signature_invalid
 * @spec pboc-contactless.md 4.2 to 4.4
 */
export function planProof(evidence: TapEvidence, tap: TapToProve, authority: ProofAuthority): ProofPlan {
  const chain = chainOf(evidence);
  const { onDate } = tap;
  const rid = hex(tap.dfName.subarray(0, RID_BYTES));
  const index = evidence.cardObjects.get('8F');
  if (chain === 'RSA') {
    const caKey = findCaKey(authority.caKeys, { rid, index, algorithm: 'RSA' }, onDate);
    if (!caKey.ok) return stoppedBy(caKey.refusal, [], null);
    const context = { onDate, revoked: authority.revokedIssuerCertificates };
    const refusal = proveRsa(evidence, caKey.key, dynamicTerminalData(evidence, chain), context);
    // Named for the card's row, so that a renewed card is seen; it is proven anew each time.
    const fingerprint = sm3(evidence.cardCertificate, evidence.staticData);
    return refusal === null
      ? { claims: [], stop: null, issuerCertificate: null, certificateFingerprint: fingerprint }
      : stoppedBy(refusal, [], null);
  }
  const caKey = findCaKey(authority.caKeys, { rid, index, algorithm: 'SM2' }, onDate);
  return caKey.ok ? planSm2(evidence, caKey.key, tap, authority) : stoppedBy(caKey.refusal, [], null);
}

/** What of a tap, beside the card's own data, its proof rests on. */
export type TapToProve = {
  readonly dfName: Uint8Array;
  /** day of the terminal's clock: 9A is not under the dynamic signature */
  readonly onDate: IsoDate;
};

function stoppedBy(
  refusal: OdaRefusal,
  claims: readonly PlannedClaim[],
  certificateFingerprint: Uint8Array | null,
  issuerCertificate: NamedIssuerCertificate | null = null,
): ProofPlan {
  return { claims, stop: proofRefusalOf(refusal.code), issuerCertificate, certificateFingerprint };
}

function planSm2(
  evidence: TapEvidence,
  caKey: Sm2CaKey,
  tap: TapToProve,
  authority: ProofAuthority,
): ProofPlan {
  const claims: PlannedClaim[] = [];
  const { onDate } = tap;
  const { pan } = evidence.identity;
  const revoked = authority.revokedIssuerCertificates;
  const name = nameOfIssuerCertificate(caKey, evidence.issuerCertificate);
  const verified = authority.verifiedIssuerCertificate(name);
  let issuerCertificate: NamedIssuerCertificate | null = null;
  let issuerKeyXy: Uint8Array;
  if (verified !== null) {
    const refused = refuseIssuerHere(verified, caKey, { pan, onDate, revoked });
    if (refused !== null) return stoppedBy(refused.refusal, claims, null);
    issuerKeyXy = verified.publicKeyXy;
  } else {
    // A copy: what is remembered must not keep the record alive from which it was read.
    const value = Uint8Array.from(evidence.issuerCertificate);
    const issuer = prepareIssuerCertificate(value, caKey, { pan, onDate, revoked });
    if (!issuer.ok) return stoppedBy(issuer.refusal, claims, null);
    issuerCertificate = { name, certificate: issuer.certificate };
    issuerKeyXy = issuer.certificate.publicKeyXy;
    claims.push({
      step: 'issuer_certificate',
      ...claimOf(issuer),
      refusal: 'issuer_certificate_invalid',
      fingerprint: claimFingerprint(issuer),
    });
  }

  const { cardCertificate, staticData } = evidence;
  const card = prepareIccCertificate(cardCertificate, issuerKeyXy, staticData, { pan, onDate });
  if (!card.ok) return stoppedBy(card.refusal, claims, null, issuerCertificate);
  const fingerprint = claimFingerprint(card);
  claims.push({
    step: 'card_certificate',
    ...claimOf(card),
    refusal: 'card_certificate_invalid',
    fingerprint,
  });

  const terminalData = dynamicTerminalData(evidence, 'SM2');
  if ('code' in terminalData) return stoppedBy(terminalData, claims, fingerprint, issuerCertificate);
  const dynamic = prepareDynamicSignature({
    sdad: evidence.signedDynamicData,
    iccKeyXy: card.certificate.publicKeyXy,
    terminalData,
    atc: evidence.cardObjects.get('9F36') ?? new Uint8Array(),
  });
  if (!dynamic.ok) return stoppedBy(dynamic.refusal, claims, fingerprint, issuerCertificate);
  claims.push({
    step: 'dynamic_signature',
    ...claimOf(dynamic),
    refusal: 'dynamic_signature_invalid',
    fingerprint: null,
  });
  return { claims, stop: null, issuerCertificate, certificateFingerprint: fingerprint };
}

function nameOfIssuerCertificate({ rid, index }: Sm2CaKey, certificate: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = certificate;
  return `${rid}/${index}/${Buffer.from(buffer, byteOffset, byteLength).toString('latin1')}`;
}

/** What the dynamic signature must cover, by the version of fDDA that this tap used: what the terminal says that it sent. */
function dynamicTerminalData(evidence: TapEvidence, algorithm: 'SM2' | 'RSA'): Uint8Array | OdaRefusal {
  const { terminal, cardAuthenticationData } = evidence;
  const version = decideFddaVersion({
    ttq: terminal.ttq,
    cardAuthenticationData,
    ctq: evidence.cardTransactionQualifiers,
    cardApplicationVersion: evidence.cardObjects.get('9F08') ?? null,
    algorithm,
  });
  if (!version.ok) return version.refusal;
  const empty = new Uint8Array();
  return fddaTerminalData(version.version, {
    unpredictableNumber: terminal.unpredictableNumber,
    amount: terminal.objects.get('9F02') ?? empty,
    currency: terminal.objects.get('5F2A') ?? empty,
    cardAuthenticationData,
  });
}

/**
 * The plan without the claim on a card certificate that somebody has found to hold before.
 *
 * @param verifiedCertificateSm3 the fingerprint that the card's row remembers; null where it has none
 */
export function withoutVerified(plan: ProofPlan, verifiedCertificateSm3: Uint8Array | null): ProofPlan {
  const { certificateFingerprint } = plan;
  if (verifiedCertificateSm3 === null || certificateFingerprint === null) return plan;
  if (!equalBytes(verifiedCertificateSm3, certificateFingerprint)) return plan;
  return { ...plan, claims: plan.claims.filter(({ step }) => step !== 'card_certificate') };
}

/** What a worker thread needs, without what was parsed. */
function claimOf(claim: Sm2Claim): Sm2Claim {
  const { publicKeyXy, message, signatureRs } = claim;
  return { publicKeyXy, message, signatureRs };
}

/**
 * Draws the conclusion once the claims have been checked: the first claim that does not hold, else what stopped the plan.
 *
 * @param held one answer for each claim, in their order
 * @returns null when everything verifies
 * @throws RangeError for another number of answers
 */
export function concludeProof(plan: ProofPlan, held: readonly boolean[]): ProofRefusalCode | null {
  if (held.length !== plan.claims.length) throw new RangeError('one answer for each claim');
  const broken = plan.claims.find((_claim, index) => held[index] !== true);
  return broken?.refusal ?? plan.stop;
}
