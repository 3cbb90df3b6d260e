import { equalBytes } from '@tapgate/sdk/emv/hex';
import type { CardExchange } from '@tapgate/sdk/tap-record/card-exchange';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';
import { TAP_AGE_MAX_MS, TAP_FUTURE_MAX_MS } from '@tapgate/sdk/wire/limits';
import { refuse, type ProofRefusalCode, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { TapOutcome, TapVerdict } from '@tapgate/sdk/wire/verdict';
import { hotlistStanding } from './hotlist-standing.ts';
import type { TapFacts } from './tap-facts.ts';
import { servesPlaceOf, type TerminalPlacement } from './terminal-placement.ts';

/** What a tap record says beside what card and terminal exchanged. */
export type TapHead = Omit<TapRecord, keyof CardExchange | 'dfName'>;

/** One tap whose terminal MAC has verified, with what its bytes say of the card. */
export type TapToJudge = {
  readonly record: TapHead;
  readonly recordSm3: Uint8Array;
  readonly placement: TerminalPlacement;
  /** the cooperating bank by BIN; null when there is none */
  readonly bankId: string | null;
};

/** What the offline proof over the evidence came to: the first refusal in rank order, or null when everything verifies. */
export type CardProof = {
  readonly refusal: ProofRefusalCode | null;
  /** the certificates and the dynamic signature verified: this act was made by this card, whatever else is wrong with it */
  readonly actProven: boolean;
};

export type Judgement =
  /** the same bytes were accepted before: a success that repeats the first answer */
  | { readonly kind: 'duplicate'; readonly outcome: TapOutcome; readonly cause: string | null }
  /** nothing is stored but a count */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | {
      readonly kind: 'accepted';
      readonly verdict: TapVerdict;
      /** only a proven act takes the money identity: a forgery must not use up the ATC of the card that it imitates */
      readonly claimsAct: boolean;
    };

export const NO_PROOF_NEEDED: CardProof = { refusal: null, actProven: false };

/**
 * The first checks, for which no proof of the card is needed. In the order of sdk/wire/refusals.ts, so that the first that
 * fails is the one that is named:
 *
 *  1. delivered before with the same bytes   -> duplicate, the first answer
 *  2. not a place that the terminal serves   -> tap_placement_unknown
 *  3. in the future, or too old              -> tap_time_implausible
 *  4. delivered before with other bytes      -> tap_identity_reused
 *  5. the gate did not open                  -> denied, with the gate's own refusal as cause
 *
 * A duplicate goes first, because a record that was accepted stays accepted when it is sent again a year later, or after its
 * terminal has moved to another line.
 *
 * @returns null when the rider has travelled on evidence that now has to prove itself
 */
export function judgeDelivery(tap: TapToJudge, facts: TapFacts, nowMs: number): Judgement | null {
  const { record, placement } = tap;
  // 1
  const { delivered } = facts;
  const sameBytes = delivered !== null && equalBytes(delivered.recordSm3, tap.recordSm3);
  if (sameBytes) return { kind: 'duplicate', outcome: delivered.outcome, cause: delivered.cause };
  // 2
  if (!servesPlaceOf(placement, record)) return refused(refuse('tap_placement_unknown', 'record.placement'));
  // 3
  const ageMs = nowMs - record.tappedAtMs;
  if (ageMs < -TAP_FUTURE_MAX_MS || ageMs > TAP_AGE_MAX_MS)
    return refused(refuse('tap_time_implausible', 'record.tappedAtMs'));
  // 4
  if (delivered !== null) return refused(refuse('tap_identity_reused', 'record.tapSequence'));
  // 5
  if (record.gateDecision === 'deny')
    return accepted({ outcome: 'denied', cause: record.gateRefusal ?? 'card_declined' }, false);
  return null;
}

/**
 * Decides who carries the money of a tap that opened the gate. In rank order:
 *
 *  6. the evidence does not prove itself      -> loss, with the proof's refusal (prove-card.ts orders those)
 *  7. this act was reported from elsewhere    -> loss, atc_reused
 *  8. on the list that the gate held, or by
 *     which the gateway had judged for it     -> loss, hotlisted
 *  9. of no cooperating bank                  -> loss, bank_unknown
 * 10. on a later list by the time of the tap  -> debt, hotlisted
 * 11. otherwise                               -> chargeable
 *
 * NOTE the rank list puts hotlisted before bank_unknown; a debt is a claim on the rider, a loss is not, so a card of no bank is
 * a loss even when a later list names it.
 *
 * A repetition of the act by the same terminal under the same sequence never comes here (1 and 4), so any other report of it
 * is a replay or a clone, whether or not its cryptogram is the same.
 */
export function judgeTap(tap: TapToJudge, facts: TapFacts, proof: CardProof, nowMs: number): Judgement {
  const early = judgeDelivery(tap, facts, nowMs);
  if (early !== null) return early;
  const { actProven } = proof;
  // 6
  if (proof.refusal !== null) {
    const claims = actProven && facts.act === null;
    return accepted({ outcome: 'loss', cause: proof.refusal }, claims);
  }
  // 7
  if (facts.act !== null) return accepted({ outcome: 'loss', cause: 'atc_reused' }, false);
  // 8
  const recorded = { version: knownHotlistVersion(tap.record), bounds: facts.hotlistBounds };
  const standing = hotlistStanding(facts.hotlistStays, recorded, tap.record.tappedAtMs);
  if (standing === 'on_held_list') return accepted({ outcome: 'loss', cause: 'hotlisted' }, actProven);
  // 9
  if (tap.bankId === null) return accepted({ outcome: 'loss', cause: 'bank_unknown' }, actProven);
  // 10
  if (standing === 'listed_later') return accepted({ outcome: 'debt', cause: 'hotlisted' }, actProven);
  // 11
  return accepted({ outcome: 'chargeable' }, actProven);
}

/** A gate that asked in time knew the gateway's version too: one that opened against it may not put that on the rider. */
const knownHotlistVersion = ({ hotlistVersion, asked }: TapHead): number =>
  Math.max(hotlistVersion, asked?.hotlistVersion ?? 0);

const refused = (refusal: Refusal): Judgement => ({ kind: 'refused', refusal });
const accepted = (verdict: TapVerdict, claimsAct: boolean): Judgement => ({
  kind: 'accepted',
  verdict,
  claimsAct,
});
