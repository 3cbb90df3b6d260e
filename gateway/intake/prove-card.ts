import { equalBytes } from '@tapgate/sdk/emv/hex';
import type { TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import { judgeAct, type ActFacts } from '../ingest/judge-act.ts';
import type { CardProof } from '../ingest/judge-tap.ts';
import { concludeProof, planProof } from '../ingest/plan-proof.ts';
import { calendarDateOf } from '../ingest/service-date.ts';
import type { Sm2Workers } from '../ingest/sm2-workers.ts';
import type { TapAuthority } from '../ingest/tap-authority.ts';
import type { TapFacts } from '../ingest/tap-facts.ts';
import type { TapUnderWay } from './tap-group.ts';

export type Prover = {
  readonly authority: TapAuthority;
  readonly sm2Workers: Sm2Workers;
  /** the card's cryptogram alone proves where the issuer's key is loaded (design.md "Rails": issuerHosted) */
  readonly issuerHosted: boolean;
};

const NO_CERTIFICATE = new Uint8Array();

/**
 * Proves the card of one tap as far as it is to be proven here, and notes on the tap the certificate that its card's row is to
 * remember. What needs no signature is proven at once; the rest is a promise, because signatures are checked on other threads.
 */
export function proveCard(
  prover: Prover,
  underWay: TapUnderWay,
  facts: TapFacts,
): CardProof | Promise<CardProof> {
  const { placement, record, card, bankId } = underWay.tap;
  const { evidence } = card;
  if (typeof evidence === 'string') return { refusal: evidence, actProven: false };
  const onDate = calendarDateOf(placement.zone, record.tappedAtMs);
  const cryptogramHolds = prover.authority.cryptogramHolds(evidence, bankId);
  const act = { rail: record.rail, amountFen: placement.amountFen, onDate, cryptogramHolds };
  if (prover.issuerHosted && cryptogramHolds !== null) {
    // No certificate was asked for; the card's row still remembers that the card was seen.
    if (cryptogramHolds && facts.verifiedCertificateSm3 === null) underWay.certificateSm3 = NO_CERTIFICATE;
    return { refusal: judgeAct(evidence, act), actProven: cryptogramHolds };
  }
  return proveBySignatures(prover, underWay, evidence, act, facts);
}

async function proveBySignatures(
  { authority, sm2Workers }: Prover,
  underWay: TapUnderWay,
  evidence: TapEvidence,
  act: ActFacts,
  { verifiedCertificateSm3 }: TapFacts,
): Promise<CardProof> {
  const { dfName } = underWay.tap.record;
  const plan = planProof(evidence, { dfName, onDate: act.onDate, verifiedCertificateSm3 }, authority);
  const held = await sm2Workers.check(plan.claims, underWay.order.lane);
  const chain = concludeProof(plan, held);
  plan.claims.forEach((claim, index) => {
    if (held[index] !== true || claim.fingerprint === null) return;
    if (claim.step === 'issuer_certificate') authority.rememberIssuerCertificate(claim.fingerprint);
  });
  if (chain !== null) return { refusal: chain, actProven: false };
  const { certificateFingerprint } = plan;
  const isKnown =
    certificateFingerprint === null ||
    (verifiedCertificateSm3 !== null && equalBytes(verifiedCertificateSm3, certificateFingerprint));
  if (!isKnown) underWay.certificateSm3 = certificateFingerprint;
  return { refusal: judgeAct(evidence, act), actProven: true };
}
