import { z } from 'zod';
import { fen } from '@tapgate/sdk/wire/money';
import {
  addDays,
  DAY_MS,
  findCivilDay,
  formatCivilDay,
  weekdayIndex,
  type CivilDay,
} from '../calendar/civil-day.ts';
import { DAY_TYPES, type DayTypeCalendar } from '../calendar/day-types.ts';
import type { Enrolment, HolderFacts } from '../concessions/holder-facts.ts';
import type { CompiledRuleSet } from './compile-rule-set.ts';
import { metres } from './distance-table.ts';
import type { JourneyFacts } from './journey-facts.ts';
import type { RuleBook } from './rule-book.ts';
import type { AccumulationWindow } from './rule-set.ts';
import {
  windowKey,
  windowLabel,
  type PreviousRide,
  type WindowFacts,
  type WindowTotal,
} from './window-facts.ts';

/**
 * A published fare case: one ride and what it must cost. The format is FARES.md of the shared vectors, section by section; a key
 * or value that is not in it is an error in the file and is reported, never skipped over.
 */

const instant = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/)
  .refine((text) => !Number.isNaN(Date.parse(text)), 'not an instant');
const minor = z.int().min(0);

const CASE_MODES = ['metro', 'bus', 'maglev', 'airport_express', 'airport_bus', 'express_bus'] as const;
const PAYMENTS = ['single_ticket', 'cash', 'transport_card', 'student_card', 'ssc_gen3', 'oyster'] as const;
const CREDENTIALS = [
  'none',
  'senior_ssc',
  'senior_card',
  'low_income_card',
  'student_card',
  'freedom_pass_older',
  'freedom_pass_disabled',
  'concession_card',
  'elder_octopus',
  'personalised_octopus',
  'joyyou',
] as const;
const STATUSES = [
  'adult',
  'student',
  'disabled_soldier',
  'serving_soldier',
  'fire_rescue',
  'low_income',
  'senior',
  'teen',
] as const;
const CARD_TYPES = ['普通卡', '学生卡', '敬老卡', '尊老卡', '五折爱心卡', '免费爱心卡'] as const;
export const CASE_OUTCOMES = [
  'free',
  'pass_not_valid',
  'minimum_fare_counts_to_cap',
  'max_fare_not_counted',
  'max_fare_refunded_new_journey',
  'two_incomplete_journeys',
  'same_journey',
  'new_journey',
  'reentry_free',
] as const;
export type CaseOutcome = (typeof CASE_OUTCOMES)[number];

export const fareCaseSchema = z.strictObject({
  id: z.string().min(1),
  name: z.string().optional(),
  why: z.string().optional(),
  source: z.string().optional(),
  confidence: z.enum(['sure', 'likely']).optional(),
  city: z.string().min(1),
  currency: z.enum(['GBP', 'SGD', 'KRW', 'HKD']).optional(),
  mode: z.enum(CASE_MODES),
  line: z.string().min(1).optional(),
  line_kind: z.literal('flat').optional(),
  date: z.string().refine((text) => findCivilDay(text) !== null, 'not a date'),
  tap_in: instant,
  tap_out: instant.optional(),
  next_tap_in: instant.optional(),
  day_type: z.enum(DAY_TYPES),
  entry_station: z.string().min(1).optional(),
  exit_station: z.string().min(1).optional(),
  zones: z.array(z.int().positive()).min(1).optional(),
  distance_km: z
    .number()
    .min(0)
    .refine((km) => metres(km) !== null, 'finer than a metre')
    .optional(),
  base_fare_fen: minor.optional(),
  base_fare_minor: minor.optional(),
  payment: z.enum(PAYMENTS).optional(),
  card_type: z.enum(CARD_TYPES).optional(),
  rider: z
    .strictObject({
      age: z.int().min(0).max(150).optional(),
      category: z.enum(STATUSES).optional(),
      resident: z.string().min(1).optional(),
      school: z.string().min(1).optional(),
      height_m: z.number().positive().max(3).optional(),
      credential: z.enum(CREDENTIALS).optional(),
    })
    .optional(),
  prior: z
    .strictObject({
      paid_this_calendar_month_fen: minor.optional(),
      paid_previous_calendar_month_fen: minor.optional(),
      rides_this_calendar_month: minor.optional(),
      bus_tap: instant.optional(),
      alighted: instant.optional(),
      first_boarding: instant.optional(),
      tap_out: instant.optional(),
      exit_station: z.string().min(1).optional(),
      line: z.string().min(1).optional(),
    })
    .optional(),
  expected_fen: minor.optional(),
  expected_minor: minor.nullable().optional(),
  expected_outcome: z.enum(CASE_OUTCOMES).optional(),
  expected_minutes: z.int().positive().optional(),
});
export type FareCase = z.infer<typeof fareCaseSchema>;

/** The line that a case means when it names none. */
const ORDINARY_LINE = 'ordinary';

/** The journey of a case. */
export function journeyOfCase(c: FareCase, jurisdiction: string): JourneyFacts {
  const base = c.base_fare_fen ?? c.base_fare_minor;
  const distanceBus = c.mode === 'bus' && c.distance_km !== undefined;
  return {
    journeyRef: c.id,
    jurisdiction,
    operatorId: 'case',
    lineId: c.line ?? ORDINARY_LINE,
    mode: c.mode,
    rail: 'oda',
    state: 'complete',
    entryAtMs: Date.parse(c.tap_in),
    exitAtMs: c.tap_out === undefined ? null : Date.parse(c.tap_out),
    entryStationId: c.entry_station ?? null,
    exitStationId: c.exit_station ?? null,
    distanceMetres: c.distance_km === undefined ? null : metres(c.distance_km),
    lineKind: c.line_kind ?? (distanceBus ? 'distance' : null),
    medium: c.payment ?? null,
    statedListFareFen: base === undefined ? null : fen(base),
    tappedAmountFen: null,
  };
}

/**
 * The holder of a case. A credential or card type proves the status of the same name; no credential stated means that whatever
 * evidence a rule asks for is held, a stated one is the only one held.
 */
export function holderOfCase(c: FareCase, ruleSets: readonly CompiledRuleSet[]): HolderFacts {
  const { rider } = c;
  const held = rider?.credential;
  const statuses: string[] = [];
  if (rider?.category !== undefined && rider.category !== 'adult') statuses.push(rider.category);
  if (held !== undefined && held !== 'none') statuses.push(held);
  if (c.card_type !== undefined) statuses.push(c.card_type);
  const enrolments: Enrolment[] = [];
  for (const { source } of ruleSets) {
    for (const category of source.rider_categories) {
      if (category.evidence === 'not_needed') continue;
      const kinds = held === undefined ? category.evidence : held === 'none' ? [] : [held];
      const written = c.card_type === undefined ? [] : ['card_type'];
      for (const kind of new Set([...kinds, ...written])) {
        enrolments.push({
          enrolmentId: `${category.id}/${kind}`,
          category: category.id,
          evidenceKind: kind,
          validFromMs: Number.NEGATIVE_INFINITY,
          validToMs: null,
          reviewDueMs: null,
          revokedAtMs: null,
        });
      }
    }
  }
  return {
    person: {
      birthDate: rider?.age === undefined ? null : birthDateFor(rider.age, c.date),
      residence: rider?.resident ?? null,
      school: rider?.school ?? null,
      statuses,
      heightMm: rider?.height_m === undefined ? null : Math.round(rider.height_m * 1000),
    },
    enrolments,
  };
}

/** Full years on the day, and half a year away from the birthday. */
function birthDateFor(age: number, date: string): string {
  const day = findCivilDay(date);
  if (day === null) throw new RangeError('not a date');
  const birthday = new Date((day - 182) * DAY_MS);
  return new Date(
    Date.UTC(birthday.getUTCFullYear() - age, birthday.getUTCMonth(), Math.min(28, birthday.getUTCDate())),
  )
    .toISOString()
    .slice(0, 10);
}

const MONTH: AccumulationWindow = { kind: 'calendar_month' };

/** What happened before on the card of a case, put into the windows of every rule that asks. */
export function historyOfCase(c: FareCase, ruleSets: readonly CompiledRuleSet[]): WindowFacts {
  const totals = new Map<string, WindowTotal>();
  const atMs = Date.parse(c.tap_in);
  const { prior } = c;
  for (const set of ruleSets) {
    const label = windowLabel(MONTH, set.clock, atMs, null);
    const lastMonth = windowLabel(MONTH, set.clock, lastMonthMs(c.date), null);
    for (const rule of set.source.accumulators) {
      const paidFen = fen(prior?.paid_this_calendar_month_fen ?? 0);
      totals.set(windowKey(rule.id, label), { rides: prior?.rides_this_calendar_month ?? 0, paidFen });
      totals.set(windowKey(rule.id, lastMonth), {
        rides: 0,
        paidFen: fen(prior?.paid_previous_calendar_month_fen ?? 0),
      });
    }
  }
  return { totals, previous: previousOfCase(c) };
}

function lastMonthMs(date: string): number {
  return Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)) - 2, 15);
}

function previousOfCase(c: FareCase): PreviousRide | null {
  const { prior } = c;
  if (!prior) return null;
  const tapInMs = Date.parse(c.tap_in);
  const nothing = { medium: c.payment ?? null, exitStationId: null, transfersInChain: 0, lineId: 'previous' };
  if (prior.bus_tap !== undefined) {
    const entryAtMs = Date.parse(prior.bus_tap);
    return { ...nothing, mode: 'bus', entryAtMs, exitAtMs: null, firstBoardingAtMs: entryAtMs };
  }
  if (prior.tap_out !== undefined) {
    const exitAtMs = Date.parse(prior.tap_out);
    const lineId = prior.line ?? ORDINARY_LINE;
    const exitStationId = prior.exit_station ?? null;
    return {
      ...nothing,
      mode: 'metro',
      lineId,
      entryAtMs: exitAtMs,
      exitAtMs,
      exitStationId,
      firstBoardingAtMs: exitAtMs,
    };
  }
  if (prior.alighted === undefined && prior.first_boarding === undefined) return null;
  // A limit whose event the case does not name is kept.
  const exitAtMs = prior.alighted === undefined ? tapInMs : Date.parse(prior.alighted);
  const firstBoardingAtMs = prior.first_boarding === undefined ? exitAtMs : Date.parse(prior.first_boarding);
  return { ...nothing, mode: 'bus', entryAtMs: firstBoardingAtMs, exitAtMs, firstBoardingAtMs };
}

/**
 * The calendar of a case. A mainland case is priced by our own calendar; elsewhere the case brings the type of its one day, and
 * nothing is known of any other. Null when the day type cannot be (a weekend on a Wednesday).
 */
export function calendarOfCase(c: FareCase, own: DayTypeCalendar): DayTypeCalendar | null {
  if (c.currency === undefined) return own;
  const day = findCivilDay(c.date);
  if (day === null) return null;
  const monToFri = weekdayIndex(day) >= 1 && weekdayIndex(day) <= 5;
  const exceptions = new Map<CivilDay, 'rest' | 'work'>();
  if (c.day_type === 'public_holiday_rest') exceptions.set(day, 'rest');
  if (c.day_type === 'adjusted_working_day') exceptions.set(day, 'work');
  const possible = {
    weekday: monToFri,
    weekend: !monToFri,
    public_holiday_rest: true,
    adjusted_working_day: !monToFri,
  };
  if (!possible[c.day_type]) return null;
  return {
    id: `case-${formatCivilDay(day)}`,
    version: 1,
    firstDay: day,
    lastDay: addDays(day, 0),
    exceptions,
  };
}

/** Every rule set in force that a jurisdiction has, for what a case must be put into. */
export function ruleSetsOf(ruleBook: RuleBook, jurisdiction: string): CompiledRuleSet[] {
  return [...ruleBook.byRef.values()].filter(
    (set) => set.source.jurisdiction === jurisdiction && set.source.status === 'in_force',
  );
}
