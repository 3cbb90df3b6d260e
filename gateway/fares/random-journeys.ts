import { fen } from '@tapgate/sdk/wire/money';
import { addDays, formatCivilDay, type CivilDay } from '../calendar/civil-day.ts';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { instantOf, wallTime } from '../calendar/zone-clock.ts';
import type { Enrolment, HolderFacts } from '../concessions/holder-facts.ts';
import { JOURNEY_STATES } from '../journeys/journey.ts';
import type { CompiledRuleSet } from './compile-rule-set.ts';
import type { JourneyFacts } from './journey-facts.ts';
import type { RuleBook } from './rule-book.ts';
import {
  windowKey,
  windowLabel,
  type PreviousRide,
  type WindowFacts,
  type WindowTotal,
} from './window-facts.ts';

/** A ride made up from the rule sets themselves, for properties and for the bench: half of its times lie on an edge of a window. */
export type RandomJourney = {
  readonly journey: JourneyFacts;
  readonly holder: HolderFacts;
  readonly history: WindowFacts;
};

/** A small deterministic generator (mulberry32): the same seed gives the same rides on every machine. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Pick = <T>(list: readonly T[]) => T;

/** Endless random rides of every rule set in the book. */
export function* randomJourneys(
  ruleBook: RuleBook,
  calendar: DayTypeCalendar,
  seed: number,
): Generator<RandomJourney, never> {
  const random = seededRandom(seed);
  const pick: Pick = (list) => {
    const found = list[Math.floor(random() * list.length)];
    if (found === undefined) throw new RangeError('nothing to pick from');
    return found;
  };
  const sets = [...ruleBook.byRef.values()].filter((set) => set.source.status === 'in_force');
  const vocabularies = new Map(sets.map((set) => [set, vocabularyOf(set)]));
  for (let index = 0; ; index += 1) {
    const set = pick(sets);
    const words = vocabularies.get(set) ?? vocabularyOf(set);
    const entryAtMs = randomInstant(set, calendar, words.edges, random, pick);
    yield {
      journey: randomJourney(set, words, entryAtMs, index, random, pick),
      holder: randomHolder(set, words, entryAtMs, random, pick),
      history: randomHistory(set, words, entryAtMs, random, pick),
    };
  }
}

type Vocabulary = {
  readonly edges: readonly number[];
  readonly mediums: readonly (string | null)[];
  readonly lines: readonly string[];
  readonly lineKinds: readonly (string | null)[];
  readonly residences: readonly (string | null)[];
  readonly schools: readonly (string | null)[];
  readonly statuses: readonly string[];
  readonly ages: readonly number[];
  readonly distances: readonly number[];
};

/** The words and edges that a rule set itself names, and for each a value that it does not. */
function vocabularyOf(set: CompiledRuleSet): Vocabulary {
  const { source } = set;
  const rules = [
    ...source.list_fares,
    ...source.concessions,
    ...source.medium_discounts,
    ...source.accumulators,
    ...source.transfers,
    ...source.surcharges,
    ...source.caps,
  ];
  const eligibilities = source.rider_categories.flatMap((c) =>
    Array.isArray(c.eligibility) ? c.eligibility : [c.eligibility],
  );
  const edges = [...set.timeframes.values()].flatMap((t) =>
    t.windows.flatMap((w) => [w.fromMsOfDay, w.toMsOfDay]),
  );
  const tables = source.list_fares.flatMap((r) => (r.kind === 'bands' ? r.bands : []));
  return {
    edges: edges.length > 0 ? edges : [12 * 3_600_000],
    mediums: [null, 'cash', 'transport_card', ...rules.flatMap((r) => r.mediums ?? [])],
    lines: [
      'ordinary',
      'ordinary',
      'ordinary',
      ...rules.flatMap((r) => [...(r.lines ?? []), ...(r.except_lines ?? [])]),
    ],
    lineKinds: [null, 'distance', 'flat'],
    residences: [null, 'elsewhere', ...eligibilities.flatMap((e) => e.residence ?? [])],
    schools: [null, 'elsewhere', ...eligibilities.flatMap((e) => e.school ?? [])],
    statuses: eligibilities.flatMap((e) => e.status ?? []),
    ages: [30, ...eligibilities.flatMap((e) => [e.age_from, e.age_below].filter((a) => a !== undefined))],
    distances: tables.map((band) => Math.round((band.up_to_km ?? 60) * 1000)),
  };
}

function randomInstant(
  set: CompiledRuleSet,
  calendar: DayTypeCalendar,
  edges: readonly number[],
  random: () => number,
  pick: Pick,
): number {
  const first = Math.max(wallTime(set.clock, set.fromMs).day, calendar.firstDay);
  const last = Math.min(
    set.toMs === Number.POSITIVE_INFINITY ? calendar.lastDay : wallTime(set.clock, set.toMs - 1).day,
    calendar.lastDay,
  );
  // One ride in fifty lies beyond the calendar, where a day type is unknown.
  const beyond =
    set.toMs === Number.POSITIVE_INFINITY && random() < 0.02
      ? calendar.lastDay + 1 + Math.floor(random() * 60)
      : null;
  const day = (beyond ?? addDays(first as CivilDay, Math.floor(random() * (last - first + 1)))) as CivilDay;
  const msOfDay =
    random() < 0.5 ? pick(edges) + pick([-1000, -1, 0, 1, 1000]) : Math.floor(random() * 86_400) * 1000;
  return instantOf(set.clock, day, Math.min(86_399_999, Math.max(0, msOfDay)));
}

function randomJourney(
  set: CompiledRuleSet,
  words: Vocabulary,
  entryAtMs: number,
  index: number,
  random: () => number,
  pick: Pick,
): JourneyFacts {
  const state = random() < 0.9 ? 'complete' : pick(JOURNEY_STATES);
  const station = `s${String(Math.floor(random() * 4))}`;
  const edge =
    random() < 0.4 && words.distances.length > 0 ? pick(words.distances) + pick([-100, 0, 100]) : null;
  const exits = state !== 'single' && state !== 'missing_tap_out' && random() < 0.9;
  return {
    journeyRef: `random-${String(index)}`,
    jurisdiction: set.source.jurisdiction,
    operatorId: 'operator',
    lineId: pick(words.lines),
    mode: pick(set.source.scope.modes),
    rail: random() < 0.9 ? 'oda' : 'offline_purchase',
    state,
    entryAtMs: state === 'missing_tap_in' ? null : entryAtMs,
    exitAtMs:
      state === 'missing_tap_in' ? entryAtMs : exits ? entryAtMs + Math.floor(random() * 300) * 60_000 : null,
    entryStationId: state === 'missing_tap_in' ? null : station,
    exitStationId: exits ? `s${String(Math.floor(random() * 4))}` : null,
    distanceMetres: random() < 0.1 ? null : (edge ?? Math.floor(random() * 800) * 100),
    lineKind: pick(words.lineKinds),
    medium: pick(words.mediums),
    statedListFareFen: random() < 0.8 ? fen(50 + Math.floor(random() * 40) * 50) : null,
    tappedAmountFen: random() < 0.5 ? fen(200) : null,
  };
}

function randomHolder(
  set: CompiledRuleSet,
  words: Vocabulary,
  atMs: number,
  random: () => number,
  pick: Pick,
): HolderFacts {
  const { day } = wallTime(set.clock, atMs);
  const age = random() < 0.5 ? pick(words.ages) : Math.floor(random() * 95);
  const birthday = formatCivilDay(addDays(day, pick([-200, -1, 0, 1, 150])));
  const birthDate = `${String(Number(birthday.slice(0, 4)) - age)}${birthday.slice(4).replace('-02-29', '-02-28')}`;
  const enrolments: Enrolment[] = set.source.rider_categories.flatMap((category, i) => {
    if (category.evidence === 'not_needed' || random() < 0.4) return [];
    return [
      {
        enrolmentId: `e${String(i)}`,
        category: category.id,
        evidenceKind: random() < 0.9 ? pick(category.evidence) : 'other',
        validFromMs: atMs + pick([-86_400_000, 0, 1]),
        validToMs: pick([null, null, atMs, atMs + 1]),
        reviewDueMs: pick([null, null, null, atMs]),
        revokedAtMs: pick([null, null, null, atMs, atMs + 1]),
      },
    ];
  });
  return {
    person: {
      birthDate: random() < 0.2 ? null : birthDate,
      residence: pick(words.residences),
      school: pick(words.schools),
      statuses: words.statuses.filter(() => random() < 0.15),
      heightMm: random() < 0.9 ? null : pick([1100, 1199, 1200, 1299, 1300, 1499, 1500]),
    },
    enrolments,
  };
}

function randomHistory(
  set: CompiledRuleSet,
  words: Vocabulary,
  atMs: number,
  random: () => number,
  pick: Pick,
): WindowFacts {
  const totals = new Map<string, WindowTotal>();
  for (const rule of [...set.source.accumulators, ...set.source.caps]) {
    const edge = 'tiers' in rule ? pick(rule.tiers).from : rule.cap_fen;
    const near = Math.max(0, edge + pick([-300, -1, 0, 1, 300]));
    const label = windowLabel(rule.window, set.clock, atMs, null);
    totals.set(windowKey(rule.id, label), { rides: near, paidFen: fen(near) });
  }
  return { totals, previous: random() < 0.5 ? null : randomPrevious(words, atMs, random, pick) };
}

function randomPrevious(words: Vocabulary, atMs: number, random: () => number, pick: Pick): PreviousRide {
  const minutes = pick([2, 3, 5, 10, 15, 44, 45, 46, 59, 60, 61, 89, 90, 91, 119, 120, 121, 200]);
  const exitAtMs = atMs - minutes * 60_000;
  return {
    mode: pick(['bus', 'metro']),
    lineId: pick(words.lines),
    medium: pick(words.mediums),
    entryAtMs: exitAtMs - pick([0, 20 * 60_000]),
    exitAtMs: random() < 0.8 ? exitAtMs : null,
    exitStationId: `s${String(Math.floor(random() * 4))}`,
    transfersInChain: Math.floor(random() * 7),
    firstBoardingAtMs: exitAtMs - pick([0, 30, 75, 100]) * 60_000,
  };
}
