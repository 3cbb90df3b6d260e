import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { UNKNOWN_HOLDER } from '../concessions/holder-facts.ts';
import type { JourneyFacts } from '../fares/journey-facts.ts';
import { previousRide, type PastRide } from '../fares/past-rides.ts';
import { priceJourney } from '../fares/price-journey.ts';
import { findPinned, type RuleBook } from '../fares/rule-book.ts';
import { seenFactsOf } from '../fares/seen-facts.ts';
import type { TraceStep } from '../fares/trace.ts';
import { fareColumns, shortestRide } from '../journeys/settle-card.ts';
import type { JourneyWithTrace, StoredJourney } from '../store/stored-journeys.ts';
import { storedFacts, type StoredNetwork } from './stored-facts.ts';

/** One thing in which the fare that is found again is not the one that is stored. */
export type FareDifference = {
  readonly field: string;
  readonly stored: unknown;
  readonly replayed: unknown;
};

/**
 * same: priced again, everything as stored. held: nothing was priced, so there is nothing to compare; `priceable` says whether the
 * rules and the calendar of today could. differs: each difference.
 */
export type Replayed =
  | { readonly result: 'same' }
  | { readonly result: 'held'; readonly priceable: boolean }
  | { readonly result: 'differs'; readonly differences: readonly FareDifference[] };

export type ReplayRules = {
  readonly ruleBook: RuleBook;
  readonly calendar: DayTypeCalendar;
  readonly network: StoredNetwork;
};

/** The form of a stored trace, as far as a replay rests on it; what its texts say is compared and not interpreted. */
const TraceForm = z.looseObject({
  valuation: z.enum(['list_fare', 'minimum_list_fare_of_line']).optional(),
  steps: z.array(
    z.custom<TraceStep>(
      (step) => typeof step === 'object' && step !== null && 'saw' in step && typeof step.saw === 'object',
    ),
  ),
});

/**
 * Prices a stored journey again, by the version that priced it and on the facts that its trace kept, and compares every column of
 * the fare and the whole trace.
 *
 * @param earlier the rides of the same card before, in their order, for a fare whose trace shows a transfer
 */
export function replayJourney(
  { journey, trace: storedTrace }: JourneyWithTrace,
  earlier: readonly JourneyWithTrace[],
  rules: ReplayRules,
): Replayed {
  const read = TraceForm.safeParse(storedTrace);
  if (!read.success)
    return {
      result: 'differs',
      differences: [{ field: 'trace', stored: 'unreadable', replayed: 'a trace' }],
    };
  const { valuation, steps } = read.data;
  const facts = factsOf(journey, steps, valuation, rules);
  const { ruleBook, calendar } = rules;
  const { ruleSetId, ruleSetVersion } = journey;
  if (journey.outcome === 'held') {
    const again = priceJourney({ journey: facts, ruleBook, calendar, holder: UNKNOWN_HOLDER, history: NONE });
    return { result: 'held', priceable: again.outcome === 'priced' };
  }
  const pinned = ruleSetId === null || ruleSetVersion === null ? null : { ruleSetId, ruleSetVersion };
  const ruleSet = pinned && findPinned(ruleBook, pinned);
  if (pinned === null || ruleSet === null) {
    const stored = `${ruleSetId ?? 'none'}@${String(ruleSetVersion ?? '')}`;
    return { result: 'differs', differences: [{ field: 'ruleSet', stored, replayed: 'not loaded' }] };
  }
  const seen = seenFactsOf(steps, ruleSet);
  const fare = priceJourney({
    ...{ journey: facts, ruleBook, calendar, pinned, seen },
    holder: UNKNOWN_HOLDER,
    history: {
      totals: seen.totals,
      previous: usedTransfer(steps) === null ? null : previousRide(pastRides(earlier, rules)),
    },
  });
  const outcome = journey.outcome === 'loss' ? 'loss' : journey.outcome === 'debt' ? 'debt' : 'chargeable';
  const found = fareColumns(fare, { outcome, cause: journey.cause });
  const differences = [...columnsThatDiffer(journey, found), ...stepsThatDiffer(steps, fare.trace)];
  return differences.length === 0 ? { result: 'same' } : { result: 'differs', differences };
}

/** The transfer rule that a fare was found with, by its trace. */
function usedTransfer(steps: readonly TraceStep[]): string | null {
  return steps.find((step) => step.stage === 'transfer' && step.applied)?.ruleId ?? null;
}

function pastRides(earlier: readonly JourneyWithTrace[], rules: ReplayRules): PastRide[] {
  return earlier.flatMap(({ journey, trace }) => {
    const read = TraceForm.safeParse(trace);
    if (!read.success || journey.fareFen === null) return [];
    const { valuation, steps } = read.data;
    return [
      {
        journey: factsOf(journey, steps, valuation, rules),
        fareFen: journey.fareFen,
        concessionRuleId: journey.concessionRuleId,
        transferRuleId: usedTransfer(steps),
      },
    ];
  });
}

const NONE = { totals: new Map<string, never>(), previous: null };

function factsOf(
  journey: StoredJourney,
  steps: readonly TraceStep[],
  valuation: string | undefined,
  { network }: ReplayRules,
): JourneyFacts {
  const facts = storedFacts(journey, steps[0]?.saw ?? null, network);
  return valuation === 'minimum_list_fare_of_line'
    ? shortestRide({ ...facts, entryAtMs: journey.startedAtMs, exitAtMs: journey.startedAtMs })
    : facts;
}

function columnsThatDiffer(journey: StoredJourney, found: ReturnType<typeof fareColumns>): FareDifference[] {
  const { concession } = found;
  const pairs: Readonly<Record<string, readonly [unknown, unknown]>> = {
    outcome: [journey.outcome, found.outcome],
    cause: [journey.cause, found.cause],
    listFareFen: [journey.listFareFen, found.listFareFen],
    fareFen: [journey.fareFen, found.fareFen],
    concessionRuleId: [journey.concessionRuleId, concession?.ruleId ?? null],
    riderCategory: [journey.riderCategory, concession?.category ?? null],
    funder: [journey.funder, concession?.funder ?? null],
    shortfallFen: [journey.shortfallFen, concession?.shortfallFen ?? null],
    claimedFen: [journey.claimedFen, concession?.claimedFen ?? null],
  };
  return Object.entries(pairs)
    .filter(([, [stored, replayed]]) => stored !== replayed)
    .map(([field, [stored, replayed]]) => ({ field, stored, replayed }));
}

/** The first step that differs says enough: whatever follows it rests on it. */
function stepsThatDiffer(stored: readonly TraceStep[], replayed: readonly TraceStep[]): FareDifference[] {
  const length = Math.max(stored.length, replayed.length);
  for (let index = 0; index < length; index += 1) {
    if (isDeepStrictEqual(stored[index], replayed[index])) continue;
    return [
      {
        field: `trace.steps[${String(index)}]`,
        stored: stored[index] ?? null,
        replayed: replayed[index] ?? null,
      },
    ];
  }
  return [];
}
