import type { Fen } from '@tapgate/sdk/wire/money';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import type { HolderFacts } from '../concessions/holder-facts.ts';
import type { CompiledRuleSet } from './compile-rule-set.ts';
import { gatherWindowFacts, startOf, type PastRide } from './past-rides.ts';
import { priceJourney, type PricedFare } from './price-journey.ts';
import { findPinned, findRuleSet, type RuleBook, type RuleSetRef } from './rule-book.ts';

/** A fare that was charged, with the version that priced it. */
export type ChargedRide = PastRide & RuleSetRef & { readonly holder: HolderFacts };

/** What a ride that came late, or was taken back, changes in a fare that was charged: an entry beside it, never an edit. */
export type FareAdjustment = {
  readonly journeyRef: string;
  readonly chargedFen: Fen;
  readonly fareFen: Fen;
  /** to be charged (positive) or given back (negative) */
  readonly differenceFen: number;
  readonly fare: PricedFare;
};

export type AdjustmentInput = {
  /** the card's rides that were charged, without what was taken back */
  readonly charged: readonly ChargedRide[];
  /** rides that were priced after later ones had been: they are in no later ride's totals yet */
  readonly late: readonly PastRide[];
  readonly ruleBook: RuleBook;
  readonly calendar: DayTypeCalendar;
};

/**
 * Prices again, each by its own version, the rides that follow a change in a window, in the order in which they were ridden, and says
 * what differs. Where the accumulator's rule says `freeze`, its later rides keep their fares (fares note 1.4: decide and record
 * which). The totals of each ride hold the new fares of those before it.
 */
export function adjustWindow(input: AdjustmentInput): FareAdjustment[] {
  const adjustments: FareAdjustment[] = [];
  const rides: PastRide[] = [...input.late];
  const ordered = [...input.charged].sort((a, b) => startOf(a.journey) - startOf(b.journey));
  for (const ride of ordered) {
    const ruleSet = findPinned(input.ruleBook, ride) ?? findRuleSet(input.ruleBook, ride.journey);
    if (!ruleSet || keepsFares(ruleSet, ride)) {
      rides.push(ride);
      continue;
    }
    const history = gatherWindowFacts(ruleSet, ride.journey, ride.holder, rides);
    const { journey, holder } = ride;
    const { ruleBook, calendar } = input;
    const pinned = { ruleSetId: ruleSet.id, ruleSetVersion: ruleSet.version };
    const fare = priceJourney({ journey, ruleBook, holder, calendar, history, pinned });
    if (fare.outcome !== 'priced') {
      rides.push(ride);
      continue;
    }
    const { fareFen, transferRuleId } = fare;
    rides.push({ journey, fareFen, transferRuleId, concessionRuleId: fare.concession?.ruleId ?? null });
    if (fareFen !== ride.fareFen) {
      const differenceFen = fareFen - ride.fareFen;
      adjustments.push({
        journeyRef: journey.journeyRef,
        chargedFen: ride.fareFen,
        fareFen,
        differenceFen,
        fare,
      });
    }
  }
  return adjustments;
}

function keepsFares(ruleSet: CompiledRuleSet, ride: ChargedRide): boolean {
  const accumulators = ruleSet.byMode.get(ride.journey.mode)?.accumulators ?? [];
  return accumulators.some((a) => a.rule.correction === 'freeze');
}
