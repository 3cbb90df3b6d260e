import { formatCivilDay } from '../calendar/civil-day.ts';
import { wallTime, zoneClock } from '../calendar/zone-clock.ts';
import { dayTypeOf, type DayTypeCalendar } from '../calendar/day-types.ts';
import { judgeSameStationExit } from '../journeys/same-station-exit.ts';
import { findTimeLimit } from '../journeys/time-limit.ts';
import { linkBoarding } from './boarding-link.ts';
import type { CompiledRuleSet } from './compile-rule-set.ts';
import {
  calendarOfCase,
  fareCaseSchema,
  historyOfCase,
  holderOfCase,
  journeyOfCase,
  ruleSetsOf,
  type CaseOutcome,
  type FareCase,
} from './fare-case.ts';
import type { JourneyFacts } from './journey-facts.ts';
import { priceJourney, type FareResult } from './price-journey.ts';
import { findRuleSet, type RuleBook } from './rule-book.ts';
import { recomputeTrace, type TraceStep } from './trace.ts';
import type { WindowFacts } from './window-facts.ts';

/** What a jurisdiction calls itself, so that a case's city is found without a city in code. */
export type Jurisdiction = {
  readonly id: string;
  readonly name: { readonly zh: string; readonly en: string };
  readonly zone: string;
  readonly currency: string;
};

export type CaseVerdict =
  | { readonly verdict: 'passed'; readonly id: string }
  | { readonly verdict: 'unsupported'; readonly id: string; readonly reason: string }
  | {
      readonly verdict: 'failed';
      readonly id: string;
      readonly misses: readonly string[];
      readonly result: FareResult['outcome'] | null;
      readonly trace: readonly TraceStep[];
    };

export type CheckContext = {
  readonly ruleBook: RuleBook;
  readonly calendar: DayTypeCalendar;
  readonly jurisdictions: readonly Jurisdiction[];
};

/** What a case without an id is called. */
export const NO_ID = '(no id)';

/**
 * Prices one case by the engine that prices taps and compares every expectation that it has (FARES.md 1). Anything that the format
 * does not define makes the case unsupported: a city, a key or a value that nobody knows is never passed over.
 */
export function checkFareCase(raw: unknown, context: CheckContext): CaseVerdict {
  const named = typeof raw === 'object' && raw !== null && 'id' in raw ? String(raw.id) : NO_ID;
  const parsed = fareCaseSchema.safeParse(raw);
  if (!parsed.success) {
    const reason = parsed.error.issues.map((i) => `${i.path.join('.') || '(case)'}: ${i.message}`).join('; ');
    return { verdict: 'unsupported', id: named, reason };
  }
  const c = parsed.data;
  const place = context.jurisdictions.find((j) => j.name.en === c.city);
  const calendar = calendarOfCase(c, context.calendar);
  const reason =
    unsupportedReason(c, place, calendar !== null) ??
    unknownPlace(c, context.ruleBook) ??
    unknownMode(c, place, context.ruleBook);
  if (reason !== null || !place || !calendar)
    return { verdict: 'unsupported', id: c.id, reason: reason ?? 'unknown' };

  const journey = journeyOfCase(c, place.id);
  const ruleSets = ruleSetsOf(context.ruleBook, place.id);
  const history = historyOfCase(c, ruleSets);
  const result = priceJourney({
    journey,
    ruleBook: context.ruleBook,
    holder: holderOfCase(c, ruleSets),
    calendar,
    history,
  });
  const ruleSet = findRuleSet(context.ruleBook, journey);
  const misses = [
    ...dayMisses(c, calendar, ruleSet),
    ...amountMisses(c, result),
    ...outcomeMisses(c, result, ruleSet, journey, history, calendar),
    ...recomputeMisses(result),
  ];
  if (misses.length === 0) return { verdict: 'passed', id: c.id };
  return { verdict: 'failed', id: c.id, misses, result: result.outcome, trace: result.trace };
}

function unsupportedReason(
  c: FareCase,
  place: Jurisdiction | undefined,
  dayTypeFits: boolean,
): string | null {
  if (!place) return `city: no rule sets for ${c.city}`;
  if ((c.currency ?? 'CNY') !== place.currency) return `currency: not that of ${c.city}`;
  if (!dayTypeFits) return `day_type: ${c.date} cannot be ${c.day_type}`;
  if (c.currency === undefined && c.expected_fen === undefined) return 'expected_fen is missing';
  if (c.currency !== undefined && c.expected_minor === undefined) return 'expected_minor is missing';
  if (c.currency === undefined && (c.expected_minor ?? c.base_fare_minor) !== undefined)
    return 'minor units without currency';
  if (c.currency !== undefined && (c.expected_fen ?? c.base_fare_fen) !== undefined)
    return 'fen in another currency';
  const { day } = wallTime(zoneClock(place.zone), Date.parse(c.tap_in));
  if (formatCivilDay(day) !== c.date) return 'date is not the local date of tap_in';
  if (c.tap_out !== undefined && Date.parse(c.tap_out) < Date.parse(c.tap_in))
    return 'tap_out is before tap_in';
  return null;
}

/** Another province, as the format calls it: no rule asks for it. */
const ELSEWHERE = 'elsewhere';

/** Residences and schools are those that some rule asks for; a value that no rule knows is a misspelling. */
function unknownPlace(c: FareCase, ruleBook: RuleBook): string | null {
  const residences = new Set([ELSEWHERE]);
  const schools = new Set<string>();
  for (const { source } of ruleBook.byRef.values()) {
    for (const { eligibility } of source.rider_categories) {
      for (const one of Array.isArray(eligibility) ? eligibility : [eligibility]) {
        for (const residence of one.residence ?? []) residences.add(residence);
        for (const school of one.school ?? []) schools.add(school);
      }
    }
  }
  if (c.rider?.resident !== undefined && !residences.has(c.rider.resident))
    return 'rider.resident: unknown value';
  if (c.rider?.school !== undefined && !schools.has(c.rider.school)) return 'rider.school: unknown value';
  return null;
}

/** A mode that no rule set of the city prices at any time is nothing that could be met or missed. */
function unknownMode(c: FareCase, place: Jurisdiction | undefined, ruleBook: RuleBook): string | null {
  const modes = new Set(ruleSetsOf(ruleBook, place?.id ?? '').flatMap((set) => set.source.scope.modes));
  return modes.has(c.mode) ? null : `mode: no rule set of ${c.city} prices ${c.mode}`;
}

function dayMisses(c: FareCase, calendar: DayTypeCalendar, ruleSet: CompiledRuleSet | null): string[] {
  if (!ruleSet) return ['no rule set is in force'];
  const { day } = wallTime(ruleSet.clock, Date.parse(c.tap_in));
  const type = dayTypeOf(calendar, day);
  if (type === c.day_type) return [];
  return [
    `day_type: the case says ${c.day_type}, the calendar ${typeof type === 'string' ? type : type.code}`,
  ];
}

function amountMisses(c: FareCase, result: FareResult): string[] {
  const misses: string[] = [];
  const charged = chargedMinor(result);
  const expected = c.expected_fen ?? c.expected_minor ?? null;
  if (expected !== null && charged !== expected) {
    misses.push(
      `charged: expected ${String(expected)}, got ${charged === null ? describe(result) : String(charged)}`,
    );
  }
  const base = c.base_fare_fen ?? c.base_fare_minor;
  if (base !== undefined && result.outcome === 'priced' && result.listFareFen !== base) {
    misses.push(`list fare: the case says ${String(base)}, the tariff ${String(result.listFareFen)}`);
  }
  return misses;
}

/** What the rider owes; null where nothing can be said. */
function chargedMinor(result: FareResult): number | null {
  switch (result.outcome) {
    case 'priced':
      return result.fareFen;
    case 'held':
      return result.riderFareFen;
    case 'refused':
      return null;
  }
}

function describe(result: FareResult): string {
  return result.outcome === 'priced' ? 'priced' : `${result.outcome} (${result.reason})`;
}

function outcomeMisses(
  c: FareCase,
  result: FareResult,
  ruleSet: CompiledRuleSet | null,
  journey: JourneyFacts,
  history: WindowFacts,
  calendar: DayTypeCalendar,
): string[] {
  if (!ruleSet) return [];
  const misses: string[] = [];
  const limit = c.zones && ruleSet.timeLimit ? timeLimitOf(c.zones, ruleSet, journey, calendar) : null;
  if (c.expected_minutes !== undefined && limit !== c.expected_minutes) {
    misses.push(`minutes: expected ${String(c.expected_minutes)}, got ${String(limit)}`);
  }
  if (c.expected_outcome !== undefined) {
    const outcome = outcomeOf(c, result, ruleSet, journey, history, limit);
    if (outcome !== c.expected_outcome)
      misses.push(`outcome: expected ${c.expected_outcome}, got ${String(outcome)}`);
  }
  return misses;
}

function timeLimitOf(
  zones: readonly number[],
  ruleSet: CompiledRuleSet,
  journey: JourneyFacts,
  calendar: DayTypeCalendar,
): number | null {
  if (!ruleSet.timeLimit || journey.entryAtMs === null) return null;
  const limit = findTimeLimit(ruleSet.timeLimit, zones, wallTime(ruleSet.clock, journey.entryAtMs), calendar);
  return typeof limit === 'number' ? limit : null;
}

function outcomeOf(
  c: FareCase,
  result: FareResult,
  ruleSet: CompiledRuleSet,
  journey: JourneyFacts,
  history: WindowFacts,
  limitMinutes: number | null,
): CaseOutcome | null {
  if (result.outcome === 'refused') return result.reason;
  const { entryAtMs, exitAtMs } = journey;
  if (entryAtMs !== null && exitAtMs !== null) {
    if (limitMinutes !== null && exitAtMs - entryAtMs > limitMinutes * 60_000)
      return 'two_incomplete_journeys';
    const same = journey.entryStationId !== null && journey.entryStationId === journey.exitStationId;
    if (same && ruleSet.sameStation) {
      const nextEntryAtMs = c.next_tap_in === undefined ? null : Date.parse(c.next_tap_in);
      const verdict = judgeSameStationExit(ruleSet.sameStation, {
        medium: journey.medium,
        entryAtMs,
        exitAtMs,
        nextEntryAtMs,
      });
      if (verdict !== null) return verdict;
    }
  }
  const link = history.previous ? linkBoarding(ruleSet, journey, history.previous) : null;
  if (link !== null) return link;
  return chargedMinor(result) === 0 ? 'free' : null;
}

/** A fare that its own trace does not give again is wrong whatever it is. */
function recomputeMisses(result: FareResult): string[] {
  if (result.outcome !== 'priced') return [];
  const again = recomputeTrace(result.trace);
  if (again.ok && again.fareFen === result.fareFen && again.listFareFen === result.listFareFen) return [];
  return ['trace: does not recompute the fare'];
}
