import { addFen, fen, subtractFen, ZERO_FEN, type Fen } from '@tapgate/sdk/wire/money';
import type { CalendarUncovered, DayTypeCalendar } from '../calendar/day-types.ts';
import type { HolderFacts } from '../concessions/holder-facts.ts';
import type { CompiledRuleSet } from './compile-rule-set.ts';
import type { JourneyFacts } from './journey-facts.ts';
import { claimedFen, Pricing } from './pricing.ts';
import { applyAccumulator } from './stage-accumulator.ts';
import { applyCaps } from './stage-cap.ts';
import { applyConcession } from './stage-concession.ts';
import { applyListFare } from './stage-list-fare.ts';
import { applyMedium } from './stage-medium.ts';
import { applyRounding } from './stage-rounding.ts';
import { applySurcharge } from './stage-surcharge.ts';
import { applyTransfer } from './stage-transfer.ts';
import { findPinned, findRuleSet, pricingInstant, type RuleBook, type RuleSetRef } from './rule-book.ts';
import type { Stage } from './rule-set.ts';
import type { SeenFacts } from './seen-facts.ts';
import type { TraceStep } from './trace.ts';
import type { WindowFacts } from './window-facts.ts';

export type PricingInput = {
  readonly journey: JourneyFacts;
  readonly ruleBook: RuleBook;
  readonly holder: HolderFacts;
  readonly calendar: DayTypeCalendar;
  readonly history: WindowFacts;
  /** the version that priced this journey before: a replay prices by it, whatever has superseded it */
  readonly pinned?: RuleSetRef;
  /** what the fare rested on when it was found: a replay takes it from there, and looks at `holder` no more */
  readonly seen?: SeenFacts;
};

export type FareResult = PricedFare | HeldFare | RefusedFare;

export type PricedFare = {
  readonly outcome: 'priced';
  /** full fare before anything is taken off; the published table of a rider category where the city has only that */
  readonly listFareFen: Fen;
  /** what the rider is charged */
  readonly fareFen: Fen;
  readonly concession: AppliedConcession | null;
  /** every sum taken off or added after the list fare: listFareFen - sum of reductions = fareFen */
  readonly reductions: readonly Reduction[];
  /** the transfer rule that was used; what the card's next transfer counts from */
  readonly transferRuleId: string | null;
  readonly ruleSetId: string;
  readonly ruleSetVersion: number;
  readonly calendarId: string;
  readonly calendarVersion: number;
  readonly trace: readonly TraceStep[];
};

export type AppliedConcession = {
  readonly ruleId: string;
  readonly category: string;
  /** null: nobody makes the shortfall good */
  readonly funder: string | null;
  /** what the funder's agreement lets the operator claim */
  readonly claimedFen: Fen;
  /** list fare less the fare after the concession */
  readonly shortfallFen: Fen;
};

export type Reduction = {
  readonly stage: Stage;
  readonly ruleId: string;
  /** negative for a surcharge or a rounding up */
  readonly fen: number;
  readonly funder: string | null;
};

/** Not priced and not free: it waits for what is missing. */
export type HeldFare = {
  readonly outcome: 'held';
  readonly reason: HeldReason;
  /** the date that the calendar does not cover, else null */
  readonly date: string | null;
  /** what the rider owes, where a concession sets it although the full fare is not known: the claim waits, the rider need not */
  readonly riderFareFen: Fen | null;
  readonly ruleSetId: string | null;
  readonly ruleSetVersion: number | null;
  readonly trace: readonly TraceStep[];
};

export const HELD_REASONS = ['no_rule_set', 'list_fare_unknown', 'calendar_uncovered'] as const;
export type HeldReason = (typeof HELD_REASONS)[number];

/** The pass is not accepted at this time and nothing else gives a ride: no fare is asked. */
export type RefusedFare = {
  readonly outcome: 'refused';
  readonly reason: 'pass_not_valid';
  readonly ruleId: string;
  readonly ruleSetId: string;
  readonly ruleSetVersion: number;
  readonly trace: readonly TraceStep[];
};

/**
 * Prices one journey under the rule set in force at its pricing event, stage by stage (fares note 5.1; FARES.md 5): list
 * fare, best single concession, medium discount, accumulator tier, transfer, surcharge, cap, rounding; a rule set may name
 * another order. Pure: the same input gives the same fare and the same trace.
 *
 * @returns priced; held, for the first of: no_rule_set, list_fare_unknown, calendar_uncovered; refused (a pass at a time when
 *          it is not accepted)
 */
export function priceJourney(input: PricingInput): FareResult {
  const { journey, ruleBook, pinned } = input;
  const ruleSet = pinned ? findPinned(ruleBook, pinned) : findRuleSet(ruleBook, journey);
  const atMs = ruleSet ? pricingInstant(ruleSet, journey) : null;
  if (!ruleSet || atMs === null) {
    return {
      outcome: 'held',
      reason: 'no_rule_set',
      date: null,
      riderFareFen: null,
      ruleSetId: null,
      ruleSetVersion: null,
      trace: [],
    };
  }
  const pricing = new Pricing(input, ruleSet, atMs);
  for (const stage of ruleSet.stages) {
    const stop = runStage(stage, pricing);
    if (stop === undefined) continue;
    if (stop === 'list_fare_unknown') {
      const refusal = applyConcession(pricing);
      if (refusal?.code !== 'refused') return held(ruleSet, pricing, stop, null);
      return refused(ruleSet, pricing, refusal.ruleId);
    }
    if (stop.code === 'calendar_uncovered') return held(ruleSet, pricing, stop.code, stop.date);
    return refused(ruleSet, pricing, stop.ruleId);
  }
  return pricedFare(input, ruleSet, pricing);
}

export type StageStop =
  'list_fare_unknown' | CalendarUncovered | { readonly code: 'refused'; readonly ruleId: string };

function runStage(stage: Stage, pricing: Pricing): StageStop | undefined {
  switch (stage) {
    case 'list_fare':
      return applyListFare(pricing);
    case 'concession':
      return applyConcession(pricing);
    case 'medium':
      return applyMedium(pricing);
    case 'accumulator':
      applyAccumulator(pricing);
      return undefined;
    case 'transfer':
      applyTransfer(pricing);
      return undefined;
    case 'surcharge':
      applySurcharge(pricing);
      return undefined;
    case 'cap':
      applyCaps(pricing);
      return undefined;
    case 'rounding':
      applyRounding(pricing);
      return undefined;
  }
}

function refused(ruleSet: CompiledRuleSet, pricing: Pricing, ruleId: string): RefusedFare {
  const { id, version } = ruleSet;
  const { trace } = pricing;
  return {
    outcome: 'refused',
    reason: 'pass_not_valid',
    ruleId,
    ruleSetId: id,
    ruleSetVersion: version,
    trace,
  };
}

function held(ruleSet: CompiledRuleSet, pricing: Pricing, reason: HeldReason, date: string | null): HeldFare {
  const { id, version } = ruleSet;
  const riderFareFen = pricing.concession ? pricing.amount : null;
  return {
    outcome: 'held',
    reason,
    date,
    riderFareFen,
    ruleSetId: id,
    ruleSetVersion: version,
    trace: pricing.trace,
  };
}

function pricedFare(input: PricingInput, ruleSet: CompiledRuleSet, pricing: Pricing): PricedFare {
  const applied = pricing.concession;
  return {
    outcome: 'priced',
    listFareFen: pricing.listFareFen,
    fareFen: pricing.amount,
    concession: applied && {
      ruleId: applied.rule.id,
      category: applied.rule.category,
      funder: applied.funder?.id ?? null,
      claimedFen: claimedFen(applied.funder, pricing.concessionFen, pricing.ruleSet.rounding),
      shortfallFen: pricing.concessionFen,
    },
    reductions: pricing.reductions,
    transferRuleId: pricing.transferRuleId,
    ruleSetId: ruleSet.id,
    ruleSetVersion: ruleSet.version,
    calendarId: input.calendar.id,
    calendarVersion: input.calendar.version,
    trace: pricing.trace,
  };
}

/** Proves the sum that a fare is made of; what cannot happen is a fault. @throws Error */
export function assertFareAddsUp(fare: PricedFare): void {
  let amount = fare.listFareFen;
  for (const r of fare.reductions)
    amount = r.fen >= 0 ? subtractFen(amount, fen(r.fen)) : addFen(amount, fen(-r.fen));
  if (amount !== fare.fareFen || fare.fareFen < ZERO_FEN) throw new Error('a fare does not add up');
}
