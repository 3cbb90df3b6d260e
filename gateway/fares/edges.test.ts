import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fen } from '@tapgate/sdk/wire/money';
import { addDays, DAY_MS, findCivilDay, formatCivilDay, type CivilDay } from '../calendar/civil-day.ts';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { instantOf, wallTime } from '../calendar/zone-clock.ts';
import type { HolderFacts } from '../concessions/holder-facts.ts';
import type { CompiledRuleSet } from './compile-rule-set.ts';
import { slowPrice, summary } from './independent-pricing.fixture.ts';
import type { JourneyFacts } from './journey-facts.ts';
import { loadRuleBook, loadRuleSets } from './load-rule-sets.ts';
import { priceJourney, type FareResult } from './price-journey.ts';
import { NO_HISTORY } from './window-facts.ts';

// A sweep over every edge that the shipped cities have: one second around every window's start and end, one day around every age,
// holiday, first and last day. Every ride is priced by both engines, and every edge must be one: something changes there for somebody.

const calendar = loadCalendar();
const ruleBook = loadRuleBook(calendar);
const written = loadRuleSets().map((n) => n.ruleSet);
const sets = [...ruleBook.byRef.values()].filter((s) => s.source.status === 'in_force');

type Rider = { readonly name: string; readonly holder: HolderFacts };

/** One rider of each category at the first age that qualifies, one at the last, and one of none, all with valid evidence. */
function ridersOf(set: CompiledRuleSet, day: CivilDay): Rider[] {
  const enrolments = set.source.rider_categories.flatMap((c) =>
    c.evidence === 'not_needed'
      ? []
      : c.evidence.map((kind) => ({
          enrolmentId: `${c.id}-${kind}`,
          category: c.id,
          evidenceKind: kind,
          validFromMs: 0,
          validToMs: null,
          reviewDueMs: null,
          revokedAtMs: null,
        })),
  );
  const born = (age: number): string => `${String(Number(formatCivilDay(day).slice(0, 4)) - age - 1)}-12-31`;
  const nobody = { birthDate: born(35), residence: null, school: null, statuses: [], heightMm: null };
  const riders: Rider[] = [{ name: 'adult', holder: { person: nobody, enrolments: [] } }];
  for (const category of set.source.rider_categories) {
    for (const e of [category.eligibility].flat()) {
      const age = e.age_from ?? (e.age_below === undefined ? 35 : e.age_below - 1);
      const person = {
        birthDate: born(age),
        residence: e.residence?.[0] ?? null,
        school: e.school?.[0] ?? null,
        statuses: e.status ?? [],
        heightMm: e.height_from_mm ?? (e.height_below_mm === undefined ? null : e.height_below_mm - 1),
      };
      riders.push({
        name: category.id,
        holder: { person, enrolments: enrolments.filter((x) => x.category === category.id) },
      });
    }
  }
  return riders;
}

function rideAt(
  set: CompiledRuleSet,
  atMs: number,
  mode: JourneyFacts['mode'],
  medium: string | null,
): JourneyFacts {
  return {
    journeyRef: 'edge',
    jurisdiction: set.source.jurisdiction,
    operatorId: 'operator',
    lineId: 'ordinary',
    mode,
    rail: 'oda',
    state: 'complete',
    entryAtMs: atMs,
    exitAtMs: atMs + 600_000,
    entryStationId: 'a',
    exitStationId: 'b',
    distanceMetres: 9000,
    lineKind: null,
    medium,
    statedListFareFen: fen(1280),
    tappedAmountFen: fen(700),
  };
}

let priced = 0;

/** Prices a ride by both engines. */
function priceTwice(journey: JourneyFacts, holder: HolderFacts): FareResult {
  const ride = { journey, holder, history: NO_HISTORY };
  const fare = priceJourney({ ...ride, ruleBook, calendar });
  assert.deepEqual(summary(fare), slowPrice(written, ride), JSON.stringify(journey));
  priced += 1;
  return fare;
}

/** Every fare of every rider, mode and medium at an instant, as one text. */
function faresAt(set: CompiledRuleSet, atMs: number, riders: readonly Rider[]): string {
  const mediums = [null, 'transport_card', 'student_card'];
  return set.source.scope.modes
    .flatMap((mode) =>
      mediums.flatMap((medium) =>
        riders.map((rider) => {
          const fare = summary(priceTwice(rideAt(set, atMs, mode, medium), rider.holder));
          return `${mode} ${rider.name} ${fare.outcome} ${String(fare.fare)} ${String(fare.concession)}`;
        }),
      ),
    )
    .join('\n');
}

/** Ordinary, weekend, holiday and make-up days inside the set's period; for sets older than a kind of day, what there is. */
function kindsOfDayIn(set: CompiledRuleSet): CivilDay[] {
  const dates = [
    '2008-10-01',
    '2009-05-31',
    '2009-06-03',
    '2012-05-15',
    '2015-10-10',
    '2019-05-15',
    '2021-06-16',
    '2024-03-02',
    '2024-10-02',
    '2024-10-12',
    '2025-07-15',
    '2026-03-17',
  ];
  const days = dates.map(findCivilDay).filter((day) => day !== null);
  const inside = days.filter((day) => {
    const noon = instantOf(set.clock, day, DAY_MS / 2);
    return noon >= set.fromMs && noon < set.toMs;
  });
  return inside;
}

test('one second around every edge of every window', () => {
  let edges = 0;
  for (const set of sets) {
    for (const timeframe of set.timeframes.values()) {
      for (const window of timeframe.windows) {
        for (const edge of [window.fromMsOfDay, window.toMsOfDay]) {
          if (edge === 0 || edge === DAY_MS) continue;
          let differs = false;
          for (const day of kindsOfDayIn(set)) {
            const atMs = instantOf(set.clock, day, edge);
            const riders = ridersOf(set, day);
            const [before, at, after] = [-1000, 0, 1000].map((ms) => faresAt(set, atMs + ms, riders));
            assert.equal(at, after, `${set.id} ${timeframe.id}: a window's edge belongs to what follows it`);
            differs ||= before !== at;
          }
          // Columns of a maximum journey time change no fare.
          const fareWindow = [...set.source.concessions, ...set.source.medium_discounts].some(
            (r) => r.inside === timeframe.id || r.outside === timeframe.id,
          );
          if (fareWindow) assert.ok(differs, `${set.id} ${timeframe.id} ${String(edge)}`);
          edges += 1;
        }
      }
    }
  }
  assert.ok(edges >= 20, `only ${String(edges)} edges`);
});

test('one day around every age', () => {
  let ages = 0;
  for (const set of sets) {
    for (const category of set.source.rider_categories) {
      for (const e of [category.eligibility].flat()) {
        for (const age of [e.age_from, e.age_below]) {
          if (age === undefined) continue;
          let differs = false;
          for (const day of kindsOfDayIn(set)) {
            const rider = ridersOf(set, day).find((r) => r.name === category.id);
            assert.ok(rider);
            const fares = [1, 0, -1].map((offset): string => {
              const birthday = formatCivilDay(addDays(day, offset));
              const birthDate = `${String(Number(birthday.slice(0, 4)) - age)}${birthday.slice(4)}`;
              const holder: HolderFacts = { ...rider.holder, person: { ...rider.holder.person, birthDate } };
              return faresAt(set, instantOf(set.clock, day, 10 * 3_600_000), [{ name: category.id, holder }]);
            });
            assert.equal(fares[1], fares[2], `${set.id} ${category.id}: an age is reached on the birthday`);
            differs ||= fares[0] !== fares[1];
          }
          const used = set.source.concessions.some((c) => c.category === category.id && c.status === 'on');
          if (used) assert.ok(differs, `${set.id} ${category.id} ${String(age)}`);
          ages += 1;
        }
      }
    }
  }
  assert.ok(ages >= 25, `only ${String(ages)} ages`);
});

test('one day around every holiday and make-up day of the cities that ask for them', () => {
  const asking = sets.filter((set) => set.asksCalendar && set.source.currency === 'CNY');
  assert.ok(asking.length >= 2);
  for (const set of asking) {
    for (const day of calendar.exceptions.keys()) {
      for (const offset of [-1, 0, 1]) {
        const at = addDays(day, offset);
        const riders = ridersOf(set, at).filter((r) => r.name !== 'adult');
        for (const hour of [8, 12]) {
          const atMs = instantOf(set.clock, at, hour * 3_600_000);
          for (const rider of riders) priceTwice(rideAt(set, atMs, 'metro', null), rider.holder);
        }
      }
    }
  }
});

test('one second and one day around every first and last day of a rule set', () => {
  let edges = 0;
  for (const set of sets) {
    for (const edgeMs of [set.fromMs, set.toMs]) {
      if (edgeMs === Number.POSITIVE_INFINITY) continue;
      // Riders of the neighbouring period too: what ends with it is seen only by them.
      const neighbours = sets.filter((other) => other.source.jurisdiction === set.source.jurisdiction);
      const riders = neighbours.flatMap((other) => ridersOf(other, wallTime(set.clock, edgeMs).day));
      const [, before, at, after] = [-DAY_MS, -1000, 0, 1000].map((ms) => faresAt(set, edgeMs + ms, riders));
      assert.equal(at, after);
      assert.notEqual(before, at, `${set.id}@${String(set.version)}: the edge of a period changes a fare`);
      edges += 1;
    }
  }
  assert.ok(edges >= 30);
});

test('one day around every first and last day of a rule', () => {
  let edges = 0;
  for (const set of sets) {
    for (const rule of set.source.concessions) {
      for (const [text, shift] of [
        [rule.in_force?.first_day, 0],
        [rule.in_force?.last_day, 1],
      ] as const) {
        const day = text === undefined ? null : findCivilDay(text);
        if (day === null) continue;
        // The first day on which the other answer holds.
        const edge = addDays(day, shift);
        const edgeMs = instantOf(set.clock, edge, 0);
        let differs = false;
        for (const hour of [0, 8, 12]) {
          const riders = ridersOf(set, edge);
          const atMs = edgeMs + hour * 3_600_000;
          faresAt(set, atMs + DAY_MS, riders);
          differs ||= faresAt(set, atMs - DAY_MS, riders) !== faresAt(set, atMs, riders);
        }
        if (edge <= calendar.lastDay && edgeMs < set.toMs)
          assert.ok(differs, `${set.id} ${rule.id} ${String(text)}`);
        edges += 1;
      }
    }
  }
  assert.ok(edges >= 10, `only ${String(edges)} edges`);
});

test('the sweep was one', (t) => {
  t.diagnostic(`${String(priced)} rides priced by both engines`);
  assert.ok(priced > 40_000, String(priced));
});
