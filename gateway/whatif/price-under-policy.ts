import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { UNKNOWN_HOLDER, type HolderFacts } from '../concessions/holder-facts.ts';
import type { CompiledRuleSet } from '../fares/compile-rule-set.ts';
import type { JourneyFacts } from '../fares/journey-facts.ts';
import { gatherWindowFacts, type PastRide } from '../fares/past-rides.ts';
import { priceJourney } from '../fares/price-journey.ts';
import { findRuleSet, type RuleBook } from '../fares/rule-book.ts';
import { NO_HISTORY } from '../fares/window-facts.ts';
import { fareColumns, shortestRide } from '../journeys/settle-card.ts';
import { storedFacts, type StoredNetwork } from '../replay/stored-facts.ts';
import type { JourneyWithTrace, StoredJourney } from '../store/stored-journeys.ts';
import { policyHolder } from './policy-holder.ts';
import type { RideOutcome } from './policy-tally.ts';

export type PolicyRules = {
  readonly ruleBook: RuleBook;
  readonly calendar: DayTypeCalendar;
  readonly network: StoredNetwork;
};

/** A ride as it was, and as the policy would have it. */
export type PolicyRide = {
  readonly before: RideOutcome;
  readonly after: RideOutcome;
  /** the policy has a rule set for it; else it stays as it was */
  readonly touched: boolean;
  /** a concession that rests on evidence of age registered for another category */
  readonly borrowedEvidence: boolean;
  /** what later rides of the card may rest on */
  readonly past: PastRide | null;
};

/**
 * Prices a stored ride under another policy, on the facts that were kept of it. A ride that was held stays held: what it waits
 * for is not a policy. A loss has no holder, as in settling.
 *
 * @param earlier rides of the same card under the policy, for its windows and transfers
 */
export function priceUnderPolicy(
  { journey, trace }: JourneyWithTrace,
  holder: HolderFacts,
  earlier: readonly PastRide[],
  rules: PolicyRules,
): PolicyRide {
  const before = storedOutcome(journey);
  const facts = factsOf(journey, trace, rules.network);
  const ruleSet = journey.outcome === 'held' ? null : findRuleSet(rules.ruleBook, facts);
  if (ruleSet === null) {
    const past = pastRide(facts, before, null);
    return { before, after: before, touched: false, borrowedEvidence: false, past };
  }
  const isLoss = journey.outcome === 'loss';
  const found = isLoss
    ? { holder: UNKNOWN_HOLDER, borrowed: new Set<string>() }
    : policyHolder(holder, ruleSet);
  const { ruleBook, calendar } = rules;
  const fare = priceJourney({
    ...{ journey: facts, ruleBook, calendar, holder: found.holder },
    history: asksHistory(ruleSet, facts)
      ? gatherWindowFacts(ruleSet, facts, found.holder, earlier)
      : NO_HISTORY,
  });
  const outcome = isLoss ? 'loss' : journey.outcome === 'debt' ? 'debt' : 'chargeable';
  const columns = fareColumns(fare, { outcome, cause: journey.cause });
  const { concession } = columns;
  const after: RideOutcome = {
    outcome: columns.outcome,
    listFareFen: columns.listFareFen,
    fareFen: columns.fareFen,
    concessionRuleId: concession?.ruleId ?? null,
    funder: concession?.funder ?? null,
    shortfallFen: concession?.shortfallFen ?? null,
    claimedFen: concession?.claimedFen ?? null,
  };
  return {
    before,
    after,
    touched: true,
    borrowedEvidence: concession !== null && found.borrowed.has(concession.category),
    past: pastRide(facts, after, fare.outcome === 'priced' ? fare.transferRuleId : null),
  };
}

/** Whether any rule for this journey looks at earlier rides; most rules of most cities do not, and gathering costs more than pricing. */
function asksHistory(ruleSet: CompiledRuleSet, { mode, medium }: JourneyFacts): boolean {
  const rules = ruleSet.byMode.get(mode);
  if (rules === undefined) return false;
  return (
    rules.accumulators.length > 0 ||
    rules.caps.length > 0 ||
    rules.categories.some(({ concessions }) => concessions.some(({ rule }) => rule.quota !== undefined)) ||
    rules.transfers.some(
      ({ scope }) => scope.mediums === null || (medium !== null && scope.mediums.has(medium)),
    )
  );
}

function storedOutcome(journey: StoredJourney): RideOutcome {
  const { outcome, listFareFen, fareFen, concessionRuleId, funder, shortfallFen, claimedFen } = journey;
  return { outcome, listFareFen, fareFen, concessionRuleId, funder, shortfallFen, claimedFen };
}

function factsOf(journey: StoredJourney, saw: unknown, network: StoredNetwork): JourneyFacts {
  const known = typeof saw === 'object' && saw !== null ? { ...saw } : null;
  const facts = storedFacts(journey, known, network);
  // A loss at a gate is valued at the shortest ride of its line, because only one end of it is known.
  return journey.outcome === 'loss' && journey.completeness !== 'single'
    ? shortestRide({ ...facts, entryAtMs: journey.startedAtMs, exitAtMs: journey.startedAtMs })
    : facts;
}

function pastRide(
  journey: JourneyFacts,
  { outcome, fareFen, concessionRuleId }: RideOutcome,
  transferRuleId: string | null,
): PastRide | null {
  return outcome === 'loss' || fareFen === null
    ? null
    : { journey, fareFen, concessionRuleId, transferRuleId };
}

const LOOKBACK_DAYS = { day: 1, iso_week: 7, calendar_month: 31, year_from_review: 366 } as const;

/** How many days before the first one the policy's own windows and transfers reach; 0 = it looks at each ride alone. */
export function lookbackDays(policy: RuleBook): number {
  let days = 0;
  for (const { source } of policy.byRef.values()) {
    const windows = [
      ...source.accumulators.map((rule) => rule.window),
      ...source.caps.map((rule) => rule.window),
      ...source.concessions.flatMap((rule) => (rule.quota ? [rule.quota.window] : [])),
    ];
    days = Math.max(
      days,
      source.transfers.length > 0 ? 1 : 0,
      ...windows.map(({ kind }) => LOOKBACK_DAYS[kind]),
    );
  }
  return days;
}
