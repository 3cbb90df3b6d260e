import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import { type Refusal, refusalRank, refuse } from '@tapgate/sdk/wire/refusals';
import type { KernelOutcome } from '../kernel/kernel-outcome.ts';
import type { HotlistSnapshot } from './hotlist-snapshot.ts';
import type { RecentTap } from './recent-taps.ts';

export type GatePolicy = {
  /** age of the hotlist, ms, beyond which `staleHotlist` holds */
  readonly hotlistAgeMaxMs: number;
  /** what an old list means: no card is proven good by it, or travel goes on and the operator bears it */
  readonly staleHotlist: 'refuse' | 'open';
  /** a second act of the same card within this time is a pass-back, ms; 0 where several riders may share a card */
  readonly passBackWindowMs: number;
};

export type GateFacts = {
  readonly outcome: KernelOutcome;
  /** what `cardKeyOf` says of the outcome and the hotlist */
  readonly cardKey: HotlistKey | null;
  readonly hotlist: HotlistSnapshot;
  readonly recentTaps: readonly RecentTap[];
  readonly nowMs: number;
  /** whether the journal can keep this tap: a tap that cannot be kept cannot be charged */
  readonly journalHasRoom: boolean;
  /** what another stale list means here (lists/list-ages.ts); null or left out: travel goes on */
  readonly staleList?: Refusal<'hotlist_too_old' | 'list_too_old'> | null;
  readonly policy: GatePolicy;
};

export type GateDecision =
  { readonly decision: 'open' } | { readonly decision: 'deny'; readonly refusal: Refusal };

/**
 * Decides whether the gate opens on what the terminal knows alone.
 *
 * @refuses what ended the kernel; else, in the rank of sdk/wire/refusals.ts, the first of: atc_reused (this very act was seen
 *   here), hotlisted, card_declined (the card asks its issuer and nobody was asked), hotlist_too_old,
 *   list_too_old, pass_back, journal_full
 * @spec pboc-contactless.md 2.7 (the hotlist needs the PAN, so it comes after GPO), 2.8 (same card again)
 */
export function decideGate(facts: GateFacts): GateDecision {
  const ofKernelAndCard = firstByRank(facts.outcome.refusal, standingRefusal(facts));
  const first = firstByRank(ofKernelAndCard, gateRefusal(facts));
  return first === null ? OPEN : { decision: 'deny', refusal: first };
}

const OPEN: GateDecision = { decision: 'open' };

function firstByRank(one: Refusal | null, other: Refusal | null): Refusal | null {
  if (one === null || other === null) return one ?? other;
  return refusalRank(other.code) < refusalRank(one.code) ? other : one;
}

/** What is known of this card: asked only for one whose proof holds, because anybody can claim to be somebody else's card. */
function standingRefusal(facts: GateFacts): Refusal | null {
  const { outcome, cardKey, hotlist, recentTaps, policy, nowMs } = facts;
  if (outcome.refusal !== null || outcome.evidence === null || cardKey === null) return null;
  const { atc } = outcome.evidence;
  let first: Refusal | null = hotlist.has(cardKey) ? refuse('hotlisted') : null;
  for (const tap of recentTaps) {
    if (tap.cardKey !== cardKey) continue;
    if (tap.atc === atc) first = firstByRank(first, refuse('atc_reused'));
    // An earlier tap that did not open is no passage: a higher ATC after it is the retry of a tap that was rolled back.
    else if (tap.opened && nowMs - tap.tappedAtMs < policy.passBackWindowMs)
      first = firstByRank(first, refuse('pass_back'));
  }
  return first;
}

function gateRefusal(facts: GateFacts): Refusal | null {
  const { outcome, hotlist, policy, nowMs } = facts;
  let first: Refusal | null = outcome.kind === 'online' ? refuse('card_declined') : null;
  if (policy.staleHotlist === 'refuse' && nowMs - hotlist.publishedAtMs > policy.hotlistAgeMaxMs)
    first = firstByRank(first, refuse('hotlist_too_old'));
  first = firstByRank(first, facts.staleList ?? null);
  return facts.journalHasRoom ? first : firstByRank(first, refuse('journal_full'));
}

/** Under which name a gate remembers the card of a tap; null when the card never said who it is. */
export function cardKeyOf(outcome: KernelOutcome, hotlist: HotlistSnapshot): HotlistKey | null {
  return outcome.evidence === null ? null : hotlist.nameOf(outcome.evidence.identity);
}
