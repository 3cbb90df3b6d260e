import { fen, ZERO_FEN, type Fen } from '@tapgate/sdk/wire/money';
import { wallTime } from '../calendar/zone-clock.ts';
import type { HolderFacts } from '../concessions/holder-facts.ts';
import { compileScope, isInScope, type CompiledRuleSet, type Scope } from './compile-rule-set.ts';
import type { JourneyFacts } from './journey-facts.ts';
import { pricingInstant } from './rule-book.ts';
import type { AccumulationWindow } from './rule-set.ts';
import {
  windowKey,
  windowSpan,
  type PreviousRide,
  type WindowFacts,
  type WindowTotal,
} from './window-facts.ts';

/** A ride of the same card that is priced already, as far as later rides depend on it. */
export type PastRide = {
  readonly journey: JourneyFacts;
  readonly fareFen: Fen;
  readonly concessionRuleId: string | null;
  readonly transferRuleId: string | null;
};

/** One sum that a price needs: what a store must add up before it asks. */
export type NeededWindow = {
  readonly key: string;
  /** half-open */
  readonly fromMs: number;
  readonly toMs: number;
  /** which rides count: by scope, and for a quota only those that used the concession */
  readonly counts: Scope;
  readonly concessionRuleId: string | null;
};

/** The windows in which a journey's rules add up earlier rides; most journeys of most cities need none. */
export function neededWindows(
  ruleSet: CompiledRuleSet,
  journey: JourneyFacts,
  holder: HolderFacts,
): NeededWindow[] {
  const atMs = pricingInstant(ruleSet, journey);
  const rules = ruleSet.byMode.get(journey.mode);
  if (atMs === null || !rules) return [];
  const needed: NeededWindow[] = [];
  const need = (ruleId: string, window: AccumulationWindow, counts: Scope, category: string | null): void => {
    const reviewed = category === null ? undefined : holder.enrolments.find((e) => e.category === category);
    const reviewedDay = reviewed ? wallTime(ruleSet.clock, reviewed.validFromMs).day : null;
    const span = windowSpan(window, ruleSet.clock, atMs, reviewedDay);
    const concessionRuleId = category === null ? null : ruleId;
    needed.push({
      key: windowKey(ruleId, span.label),
      fromMs: span.fromMs,
      toMs: span.toMs,
      counts,
      concessionRuleId,
    });
  };
  for (const { rule } of rules.accumulators) need(rule.id, rule.window, compileScope(rule.counts), null);
  for (const { rule } of rules.caps) need(rule.id, rule.window, compileScope(rule.counts), null);
  for (const { category, concessions } of rules.categories) {
    for (const { rule, scope } of concessions)
      if (rule.quota) need(rule.id, rule.quota.window, scope, category.id);
  }
  return needed;
}

/**
 * Adds up a card's earlier rides for one journey. Only rides that began before it count, so a ride that arrives late finds the
 * totals of its own time.
 */
export function gatherWindowFacts(
  ruleSet: CompiledRuleSet,
  journey: JourneyFacts,
  holder: HolderFacts,
  pastRides: readonly PastRide[],
): WindowFacts {
  const atMs = startOf(journey);
  const earlier = pastRides
    .filter((r) => startOf(r.journey) < atMs)
    .sort((a, b) => startOf(a.journey) - startOf(b.journey));
  const totals = new Map<string, WindowTotal>();
  for (const window of neededWindows(ruleSet, journey, holder)) {
    let rides = 0;
    let paidFen = ZERO_FEN;
    for (const past of earlier) {
      const pastMs = startOf(past.journey);
      if (pastMs < window.fromMs || pastMs >= window.toMs || !window.counts.modes.has(past.journey.mode))
        continue;
      if (!isInScope(window.counts, past.journey)) continue;
      if (window.concessionRuleId !== null && past.concessionRuleId !== window.concessionRuleId) continue;
      rides += 1;
      paidFen = fen(paidFen + past.fareFen);
    }
    totals.set(window.key, { rides, paidFen });
  }
  return { totals, previous: previousRide(earlier) };
}

/** The last of a card's rides, in the order in which they began, with its place in the chain of transfers that led to it. */
export function previousRide(earlier: readonly PastRide[]): PreviousRide | null {
  return earlier.reduce<PreviousRide | null>((before, { journey, transferRuleId }) => {
    const entryAtMs = startOf(journey);
    const chained = transferRuleId === null ? null : before;
    return {
      mode: journey.mode,
      lineId: journey.lineId,
      medium: journey.medium,
      entryAtMs,
      exitAtMs: journey.exitAtMs,
      exitStationId: journey.exitStationId,
      transfersInChain: chained ? chained.transfersInChain + 1 : 0,
      firstBoardingAtMs: chained ? chained.firstBoardingAtMs : entryAtMs,
    };
  }, null);
}

export function startOf(journey: JourneyFacts): number {
  const atMs = journey.entryAtMs ?? journey.exitAtMs;
  if (atMs === null) throw new RangeError('a journey without any tap');
  return atMs;
}
