import type { Fen } from '@tapgate/sdk/wire/money';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import type { HolderFacts } from '../concessions/holder-facts.ts';
import type { CompiledRuleSet } from './compile-rule-set.ts';
import type { JourneyFacts } from './journey-facts.ts';
import { gatherWindowFacts, startOf, type PastRide } from './past-rides.ts';
import { priceJourney, type FareResult, type PricedFare } from './price-journey.ts';
import { findPinned, findRuleSet, type RuleBook, type RuleSetRef } from './rule-book.ts';
import { NO_HISTORY } from './window-facts.ts';

/** A fare that was charged, with the version that priced it. */
export type ChargedRide = PastRide &
  RuleSetRef & {
    readonly holder: HolderFacts;
    /** what is claimed for it; `of_nobody` for a debtor's ride, for which nothing is ever claimed */
    readonly claim: Claim | null | 'of_nobody';
  };

/** A share of a ride that somebody else pays; a share of nothing is none. */
type Claim = { readonly funder: string; readonly claimedFen: Fen };

/** A ride that has no fare yet, whenever it was ridden. */
export type FreshRide = { readonly journey: JourneyFacts; readonly holder: HolderFacts };

/** What a ride that came late changes in a fare that was charged: an entry beside it, never an edit. */
export type FareAdjustment = {
  readonly journeyRef: string;
  /** the first ride that came after this one and was ridden before it */
  readonly causedBy: string;
  readonly chargedFen: Fen;
  readonly fareFen: Fen;
  /** to be charged (positive) or given back (negative); zero where only the funder's share changes */
  readonly differenceFen: number;
  readonly fare: PricedFare;
};

export type OrderedPricing = {
  /** fares of the fresh rides by journeyRef */
  readonly fares: ReadonlyMap<string, FareResult>;
  readonly adjustments: readonly FareAdjustment[];
};

export type OrderInput = {
  /** the card's rides that were charged, as they stand now with their adjustments, without what was taken back */
  readonly charged: readonly ChargedRide[];
  readonly fresh: readonly FreshRide[];
  readonly ruleBook: RuleBook;
  readonly calendar: DayTypeCalendar;
};

/**
 * Prices a card's rides in the order in which they were ridden. A fresh ride finds the totals of its own time. A charged ride that
 * follows a fresh one is priced again by its own version, and what differs becomes an adjustment; those before are left alone.
 * Where the accumulator's rule says `freeze`, its charged rides keep their fares (fares note 1.4: decide and record which).
 *
 * A charged ride is adjusted only if it still comes to what was charged when the fresh rides are left out: what a desk wrote down
 * since then is no reason to change a past fare. The same holds for what a funder was asked for: a ride that costs its rider the same
 * may use up a quota no more, and then another funder pays, or none.
 */
export function priceInOrder({ charged, fresh, ruleBook, calendar }: OrderInput): OrderedPricing {
  const fares = new Map<string, FareResult>();
  const adjustments: FareAdjustment[] = [];
  const asCharged: readonly PastRide[] = charged;
  const rides: PastRide[] = [];
  let causedBy: string | null = null;
  const price = (
    journey: JourneyFacts,
    holder: HolderFacts,
    past: readonly PastRide[],
    pinned?: RuleSetRef,
  ) => {
    const ruleSet = (pinned && findPinned(ruleBook, pinned)) ?? findRuleSet(ruleBook, journey);
    const history = ruleSet ? gatherWindowFacts(ruleSet, journey, holder, past) : NO_HISTORY;
    const chosen = ruleSet ? { pinned: { ruleSetId: ruleSet.id, ruleSetVersion: ruleSet.version } } : {};
    return priceJourney({ journey, ruleBook, holder, calendar, history, ...chosen });
  };
  for (const ride of inOrder(charged, fresh)) {
    const { journey, holder } = ride;
    if (!isCharged(ride)) {
      const fare = price(journey, holder, rides);
      fares.set(journey.journeyRef, fare);
      if (fare.outcome !== 'priced') continue;
      causedBy ??= journey.journeyRef;
      rides.push({ journey, ...ridden(fare) });
      continue;
    }
    const ruleSet = findPinned(ruleBook, ride);
    if (causedBy === null || ruleSet === null || keepsFares(ruleSet, ride)) {
      rides.push(ride);
      continue;
    }
    const before = price(journey, holder, asCharged, ride);
    const after = price(journey, holder, rides, ride);
    const comparable = before.outcome === 'priced' && before.fareFen === ride.fareFen;
    if (!comparable || after.outcome !== 'priced') {
      rides.push(ride);
      continue;
    }
    rides.push({ journey, ...ridden(after) });
    const { fareFen } = after;
    if (fareFen === ride.fareFen && !changesClaim(ride, before, after)) continue;
    const differenceFen = fareFen - ride.fareFen;
    adjustments.push({
      ...{ journeyRef: journey.journeyRef, causedBy, differenceFen, fareFen },
      chargedFen: ride.fareFen,
      fare: after,
    });
  }
  return { fares, adjustments };
}

function changesClaim({ claim }: ChargedRide, before: FareResult, after: FareResult): boolean {
  if (claim === 'of_nobody') return false;
  return sameClaim(claim, claimOf(before)) && !sameClaim(claim, claimOf(after));
}

function claimOf(fare: FareResult): Claim | null {
  if (fare.outcome !== 'priced' || fare.concession === null) return null;
  const { funder, claimedFen } = fare.concession;
  return funder === null || claimedFen === 0 ? null : { funder, claimedFen };
}

function sameClaim(a: Claim | null, b: Claim | null): boolean {
  return a?.funder === b?.funder && a?.claimedFen === b?.claimedFen;
}

const ridden = (fare: PricedFare): Omit<PastRide, 'journey'> => ({
  fareFen: fare.fareFen,
  transferRuleId: fare.transferRuleId,
  concessionRuleId: fare.concession?.ruleId ?? null,
});

const isCharged = (ride: ChargedRide | FreshRide): ride is ChargedRide => 'fareFen' in ride;

/** Of two rides that began at one instant the charged one goes first: neither counts for the other. */
function inOrder(
  charged: readonly ChargedRide[],
  fresh: readonly FreshRide[],
): readonly (ChargedRide | FreshRide)[] {
  return [...charged, ...fresh].sort((a, b) => startOf(a.journey) - startOf(b.journey));
}

function keepsFares(ruleSet: CompiledRuleSet, ride: ChargedRide): boolean {
  const accumulators = ruleSet.byMode.get(ride.journey.mode)?.accumulators ?? [];
  return accumulators.some((a) => a.rule.correction === 'freeze');
}
