import { z } from 'zod';
import { findCivilDay, WEEKDAYS } from '../calendar/civil-day.ts';
import { eligibilitySchema } from '../concessions/eligibility.ts';
import { JOURNEY_STATES } from '../journeys/journey.ts';
import { MODES } from '../journeys/mode.ts';
import { RAILS } from '@tapgate/sdk/wire/rails';

/**
 * A rule set as a person writes it (YAML or JSON): one city's price policy for some modes over one period. Immutable: a
 * correction is a new version with `supersedes` (fares note 5.1). Amounts are in the minor unit of `currency`, for CNY fen.
 * Nothing here decides a fare; what must hold between the parts is checked by rule-book.ts.
 */

const slug = z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, 'lower-case letters, digits, - and _');
const text = z.strictObject({ zh: z.string().min(1), en: z.string().min(1) });
const amount = z.int().min(0).max(100_000_000);
const isoDay = z.string().refine((t) => findCivilDay(t) !== null, 'not an existing YYYY-MM-DD date');
const instant = z
  .string()
  .refine(
    (t) =>
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/.test(t) &&
      findCivilDay(t.slice(0, 10)) !== null &&
      !Number.isNaN(Date.parse(t)),
    'not an instant with offset such as 2016-06-26T00:00:00+08:00',
  );

/** How sure the source is, in the words of the domain notes; `invented` is a value of a demonstration and says so. */
export const MARKS = ['sure', 'likely', 'unsure', 'invented'] as const;
const mark = z.enum(MARKS);

const source = z.strictObject({
  id: slug,
  title: z.string().min(1),
  issuer: z.string().min(1).optional(),
  number: z.string().min(1).optional(),
  date: isoDay.nullable(),
  mark,
});

/** What every rule carries: its name in both languages, where it stands, and the days on which it holds. */
const rule = {
  id: slug,
  text,
  source: z.array(slug).min(1),
  mark,
  /** order inside its stage; two rules of one stage that can meet must differ */
  priority: z.int(),
  note: z.string().min(1).optional(),
  /** off = kept for the record, never applied */
  status: z.enum(['on', 'off']).default('on'),
  in_force: z
    .strictObject({ first_day: isoDay.optional(), last_day: isoDay.optional() })
    .refine(
      (r) => r.first_day === undefined || r.last_day === undefined || r.first_day <= r.last_day,
      'last_day is before first_day',
    )
    .optional(),
};

/** Which journeys a rule speaks of; an absent list does not restrict. */
const scope = {
  modes: z.array(z.enum(MODES)).min(1),
  lines: z.array(z.string().min(1)).min(1).optional(),
  except_lines: z.array(z.string().min(1)).min(1).optional(),
  line_kinds: z.array(slug).min(1).optional(),
  mediums: z.array(slug).min(1).optional(),
  except_mediums: z.array(slug).min(1).optional(),
  rails: z.array(z.enum(RAILS)).min(1).optional(),
  states: z.array(z.enum(JOURNEY_STATES)).min(1).optional(),
};

const timeOfDay = /^([01]\d|2[0-3]):[0-5]\d$|^24:00$/;
const window = z
  .string()
  .refine((t) => {
    const [from, to, ...more] = t.split('-');
    return (
      from !== undefined &&
      to !== undefined &&
      more.length === 0 &&
      timeOfDay.test(from) &&
      timeOfDay.test(to)
    );
  }, 'not HH:MM-HH:MM')
  .refine((t) => {
    const [from, to] = t.split('-');
    return from !== undefined && to !== undefined && from < to;
  }, 'a window ends after its start; one over midnight is written as two');

/** Which days: every predicate that is named must hold (fares note 2.5: three predicates, never confused). */
const dayPredicate = z.strictObject({
  calendar_weekday: z.boolean().optional(),
  statutory_working_day: z.boolean().optional(),
  public_holiday: z.boolean().optional(),
  weekdays: z.array(z.enum(WEEKDAYS)).min(1).optional(),
  dates: z.array(isoDay).min(1).optional(),
});

const timeframe = z.strictObject({
  id: slug,
  text,
  /** the tap whose local time is compared */
  event: z.enum(['entry', 'exit']),
  day: dayPredicate.optional(),
  /** local, half-open [start, end) */
  windows: z.array(window).min(1),
});

const riderCategory = z.strictObject({
  id: slug,
  text,
  /** who qualifies: any one of the alternatives */
  eligibility: z.union([eligibilitySchema, z.array(eligibilitySchema).min(1)]),
  /** what must be held and valid at the tap; `not_needed` where staff see it or the fare product itself is the proof */
  evidence: z.union([z.literal('not_needed'), z.array(slug).min(1)]),
});

const band = z.strictObject({
  over_km: z.number().min(0),
  /** inclusive; absent in the last band: no end */
  up_to_km: z.number().positive().optional(),
  /** the fare anywhere in the band */
  fen: amount.optional(),
  /** or: what each started every_km of the band adds to the fare at its start */
  every_km: z.number().positive().optional(),
  add_fen: amount.optional(),
});
const bands = z.array(band).min(1);

const listFare = z.discriminatedUnion('kind', [
  z.strictObject({ ...rule, ...scope, ...listConditions(), kind: z.literal('flat'), fen: amount }),
  z.strictObject({
    ...rule,
    ...scope,
    ...listConditions(),
    kind: z.literal('bands'),
    bands,
    /** says that beyond the last band the fare is not known; else the last band must be open */
    beyond_table: z.literal('unknown').optional(),
  }),
  z.strictObject({
    ...rule,
    ...scope,
    ...listConditions(),
    kind: z.literal('matrix'),
    stations: z.array(z.string().min(1)).min(1),
    /** fen[from][to] in the order of stations */
    fen: z.array(z.array(amount)),
  }),
  /** the line's own price, which comes with the ride */
  z.strictObject({ ...rule, ...scope, ...listConditions(), kind: z.literal('stated') }),
  /** what the card paid: 9F02 of a clinic or an offline purchase */
  z.strictObject({ ...rule, ...scope, ...listConditions(), kind: z.literal('as_tapped') }),
]);

function listConditions() {
  return {
    same_station: z.boolean().optional(),
  };
}

const effect = z.union([
  z.literal('free'),
  z.strictObject({ permille: z.int().min(0).max(1000) }),
  z.strictObject({ minus_fen: amount }),
  z.strictObject({ fixed_fen: amount }),
  z.strictObject({ bands, beyond_table: z.literal('unknown').optional() }),
]);

const concession = z.strictObject({
  ...rule,
  ...scope,
  category: slug,
  inside: slug.optional(),
  outside: slug.optional(),
  list_fare_over_fen: amount.optional(),
  list_fare_up_to_fen: amount.optional(),
  /** refuse: the pass is not accepted at this time; no fare is asked */
  effect: z.union([z.literal('refuse'), effect]),
  funder: slug.optional(),
  quota: z.strictObject({ window: z.lazy(() => accumulationWindow), uses: z.int().positive() }).optional(),
});

const funder = z.strictObject({
  id: slug,
  text,
  source: z.array(slug).min(1),
  mark,
  /** what the agreement lets the operator claim: a part of the shortfall, or a sum per ride */
  claim: z.union([
    z.strictObject({ shortfall_permille: z.int().min(0).max(1000) }),
    z.strictObject({ per_ride_fen: amount }),
  ]),
});

const mediumDiscount = z.strictObject({
  ...rule,
  ...scope,
  mediums: z.array(slug).min(1),
  inside: slug.optional(),
  outside: slug.optional(),
  with_concession: z.boolean().default(false),
  effect,
});

const accumulationWindow = z.strictObject({
  kind: z.enum(['day', 'iso_week', 'calendar_month', 'year_from_review']),
  /** when the day of the window begins */
  starts_at: z.string().regex(timeOfDay).optional(),
});

const accumulator = z.strictObject({
  ...rule,
  ...scope,
  window: accumulationWindow,
  measure: z.enum(['paid_fen', 'rides']),
  /** what is added up; the scope above is what is discounted */
  counts: z.strictObject(scope),
  /** from = total before the ride, inclusive */
  tiers: z.array(z.strictObject({ from: z.int().min(0), permille: z.int().min(0).max(1000) })).min(1),
  /** whole_ride_before: the total before the ride decides; split: the part above a threshold gets the next tier */
  crossing: z.enum(['whole_ride_before', 'split']),
  /** after a correction: price the later rides of the window again, or leave them and credit the difference */
  correction: z.enum(['reprice_forward', 'freeze']),
  with_concession: z.boolean().default(false),
});

const transfer = z.strictObject({
  ...rule,
  ...scope,
  from: z.strictObject(scope),
  clock: z.strictObject({ start: z.enum(['entry', 'exit']), end: z.enum(['entry', 'exit']) }),
  min_minutes: z.int().min(0).default(0),
  max_minutes: z.int().positive(),
  /** whether exactly max_minutes still counts */
  max_inclusive: z.boolean(),
  same_station: z.boolean().optional(),
  same_line: z.boolean().optional(),
  /** longest time from the first boarding of the chain to this boarding, inclusive */
  first_boarding_within_minutes: z.int().positive().optional(),
  /** transfers in one chain */
  max_uses: z.int().positive().optional(),
  concession: z.enum(['any', 'with', 'without']).default('any'),
  effect: z.union([z.literal('none'), effect]),
  /** what the second boarding is called where the rule links two rides into one journey */
  outcome: z.enum(['same_journey', 'reentry_free']).optional(),
});

const surcharge = z.strictObject({
  ...rule,
  ...scope,
  inside_over_minutes: z.int().positive(),
  effect: z.union([z.strictObject({ add_fen: amount }), z.literal('list_fare_again')]),
});

const cap = z.strictObject({
  ...rule,
  ...scope,
  window: accumulationWindow,
  counts: z.strictObject(scope),
  cap_fen: amount,
});

const journeyRules = z.strictObject({
  max_inside_minutes: z.int().positive().optional(),
  over_long: z.enum(['one_journey', 'two_incomplete']).optional(),
  pass_back_seconds: z.int().min(0).optional(),
  interchanges: z
    .array(
      z.strictObject({
        exit: z.string().min(1),
        entry: z.string().min(1),
        within_minutes: z.int().positive(),
      }),
    )
    .min(1)
    .optional(),
  same_station: z
    .strictObject({
      source: z.array(slug).min(1),
      mark,
      mediums: z.array(slug).min(1).optional(),
      spans: z
        .array(
          z.strictObject({
            /** inclusive; absent in the last span */
            up_to_seconds: z.int().positive().optional(),
            outcome: z.enum([
              'max_fare_not_counted',
              'minimum_fare_counts_to_cap',
              'two_incomplete_journeys',
            ]),
            reentry_within_seconds: z.int().positive().optional(),
          }),
        )
        .min(1),
    })
    .optional(),
  /** longest journey time by the set of zones covered and the entry tap */
  time_limit: z
    .strictObject({
      source: z.array(slug).min(1),
      mark,
      /** the first column with a timeframe that holds the entry tap */
      columns: z.array(z.array(slug).min(1)).min(1),
      zone_sets: z.array(
        z.strictObject({
          zones: z.array(z.int().positive()).min(1),
          minutes: z.array(z.int().positive()).min(1),
        }),
      ),
      otherwise: z.strictObject({
        base_minutes: z.int().min(0),
        per_zone_minutes: z.int().min(0),
        permille: z.array(z.int().positive()).min(1),
        round_up_to_minutes: z.int().positive(),
      }),
    })
    .optional(),
});

/** The stages in the order in which a fare goes through them (fares note 5.1). A rule set may name another order. */
export const STAGES = [
  'list_fare',
  'concession',
  'medium',
  'accumulator',
  'transfer',
  'surcharge',
  'cap',
  'rounding',
] as const;
export type Stage = (typeof STAGES)[number];

export const ruleSetSchema = z.strictObject({
  schema: z.literal('tapgate-rule-set/1'),
  id: slug,
  version: z.int().positive(),
  jurisdiction: slug,
  text,
  /** off: a reading that is kept and not applied; announced: published, not in force */
  status: z.enum(['in_force', 'off', 'announced']),
  currency: z.enum(['CNY', 'GBP', 'SGD', 'KRW', 'HKD']),
  zone: z.string().refine((z_) => isZone(z_), 'not an IANA zone'),
  /** the modes, and if need be the operators and lines, that this set prices */
  scope: z.strictObject({
    modes: z.array(z.enum(MODES)).min(1),
    operators: z.array(z.string().min(1)).min(1).optional(),
    lines: z.array(z.string().min(1)).min(1).optional(),
  }),
  effective: z
    .strictObject({ from: instant, to: instant.nullable(), mark, note: z.string().min(1).optional() })
    .refine(
      (e) => e.to === null || Date.parse(e.from) < Date.parse(e.to),
      'effective.to is not after effective.from',
    ),
  published_at: instant.nullable(),
  supersedes: z.strictObject({ id: slug, version: z.int().positive() }).nullable(),
  sources: z.array(source).min(1),
  /** the tap whose instant picks the rule set, the day and the age */
  pricing_event: z.enum(['entry', 'exit']),
  /** the one rounding of this set: every division uses it, and the result is a multiple of unit_fen */
  rounding: z.strictObject({ mode: z.enum(['floor', 'halfUp', 'ceil']), unit_fen: z.int().positive(), mark }),
  stages: z.array(z.enum(STAGES)).optional(),
  journey: journeyRules.optional(),
  timeframes: z.array(timeframe).default([]),
  rider_categories: z.array(riderCategory).default([]),
  funders: z.array(funder).default([]),
  list_fares: z.array(listFare).min(1),
  concessions: z.array(concession).default([]),
  medium_discounts: z.array(mediumDiscount).default([]),
  accumulators: z.array(accumulator).default([]),
  transfers: z.array(transfer).default([]),
  surcharges: z.array(surcharge).default([]),
  caps: z.array(cap).default([]),
});

export type RuleSet = z.infer<typeof ruleSetSchema>;
export type Effect = z.infer<typeof effect>;
export type Band = z.infer<typeof band>;
export type ListFareRule = z.infer<typeof listFare>;
export type ConcessionRule = z.infer<typeof concession>;
export type MediumDiscountRule = z.infer<typeof mediumDiscount>;
export type AccumulatorRule = z.infer<typeof accumulator>;
export type TransferRule = z.infer<typeof transfer>;
export type SurchargeRule = z.infer<typeof surcharge>;
export type CapRule = z.infer<typeof cap>;
export type FunderTerms = z.infer<typeof funder>;
export type AccumulationWindow = z.infer<typeof accumulationWindow>;
export type TimeframeRule = z.infer<typeof timeframe>;
export type JourneyRules = z.infer<typeof journeyRules>;
export type RuleText = z.infer<typeof text>;

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
