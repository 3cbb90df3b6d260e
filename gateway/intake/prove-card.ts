import { equalBytes } from '@tapgate/sdk/emv/hex';
import type { ProofRefusalCode } from '@tapgate/sdk/wire/refusals';
import type { AuthenticTap } from '../ingest/authenticate-record.ts';
import { judgeAct } from '../ingest/judge-act.ts';
import type { CardProof } from '../ingest/judge-tap.ts';
import { concludeProof, planProof, withoutVerified, type ProofPlan } from '../ingest/plan-proof.ts';
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

/**
 * The proof of a card as far as it goes without the store and without a signature. Made as soon as a tap is read, so that what it is made
 * of need not wait with the tap: a waiting tap is copied by every collection until it is answered.
 */
export type PreparedProof =
  | {
      readonly by: 'cryptogram';
      readonly proof: CardProof;
      /** no certificate was asked for, but the card's row is to remember that the card was seen */
      readonly isCardSeen: boolean;
    }
  | {
      readonly by: 'signatures';
      readonly plan: ProofPlan;
      /** what is wrong with the act once its signatures hold */
      readonly actRefusal: ProofRefusalCode | null;
    };

const NO_CERTIFICATE = new Uint8Array();

/** @returns null for a tap whose gate stayed shut: there is nothing to prove, however much of the card was read */
export function prepareProof(
  { authority, issuerHosted }: Pick<Prover, 'authority' | 'issuerHosted'>,
  { record, placement, card, bankId }: AuthenticTap,
): PreparedProof | null {
  if (record.gateDecision === 'deny') return null;
  const { evidence } = card;
  if (typeof evidence === 'string')
    return { by: 'cryptogram', proof: { refusal: evidence, actProven: false }, isCardSeen: false };
  const onDate = calendarDateOf(placement.zone, record.tappedAtMs);
  const cryptogramHolds = authority.cryptogramHolds(evidence, bankId);
  const act = { rail: record.rail, amountFen: placement.amountFen, onDate, cryptogramHolds };
  const actRefusal = judgeAct(evidence, act);
  if (issuerHosted && cryptogramHolds !== null) {
    const proof = { refusal: actRefusal, actProven: cryptogramHolds };
    return { by: 'cryptogram', proof, isCardSeen: cryptogramHolds };
  }
  return {
    by: 'signatures',
    plan: planProof(evidence, { dfName: record.dfName, onDate }, authority),
    actRefusal,
  };
}

/**
 * Proves the card of one tap, and notes on the tap the certificate that its card's row is to remember. What needs no signature is
 * proven at once; the rest is a promise, because signatures are checked on other threads.
 *
 * @param isWanted asked when a signature thread has room: somebody still waits for the answer
 * @returns null where nobody did
 * @throws RangeError for a tap that has nothing to prove
 */
export function proveCard(
  prover: Prover,
  underWay: TapUnderWay,
  { verifiedCertificateSm3 }: TapFacts,
  isWanted: () => boolean,
): CardProof | Promise<CardProof | null> {
  const { prepared } = underWay;
  if (prepared === null) throw new RangeError('only a tap that opened its gate is proven');
  if (prepared.by === 'signatures')
    return proveBySignatures(prover, underWay, prepared, { verifiedCertificateSm3, isWanted });
  if (prepared.isCardSeen && verifiedCertificateSm3 === null) underWay.certificateSm3 = NO_CERTIFICATE;
  return prepared.proof;
}

async function proveBySignatures(
  { authority, sm2Workers }: Prover,
  underWay: TapUnderWay,
  { plan, actRefusal }: Extract<PreparedProof, { readonly by: 'signatures' }>,
  {
    verifiedCertificateSm3,
    isWanted,
  }: { readonly verifiedCertificateSm3: Uint8Array | null; readonly isWanted: () => boolean },
): Promise<CardProof | null> {
  const left = withoutVerified(plan, verifiedCertificateSm3);
  const held = await sm2Workers.checkWhileWanted(left.claims, underWay.order.lane, isWanted);
  if (held === null) return null;
  const chain = concludeProof(left, held);
  // Where it is claimed it is the first claim.
  if (left.issuerCertificate !== null && held[0] === true)
    authority.rememberIssuerCertificate(left.issuerCertificate);
  if (chain !== null) return { refusal: chain, actProven: false };
  const { certificateFingerprint } = plan;
  const isKnown =
    certificateFingerprint === null ||
    (verifiedCertificateSm3 !== null && equalBytes(verifiedCertificateSm3, certificateFingerprint));
  if (!isKnown) underWay.certificateSm3 = certificateFingerprint;
  return { refusal: actRefusal, actProven: true };
}
