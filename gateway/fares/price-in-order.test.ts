import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { fen } from '@tapgate/sdk/wire/money';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { UNKNOWN_HOLDER, type HolderFacts } from '../concessions/holder-facts.ts';
import type { JourneyFacts } from './journey-facts.ts';
import { buildRuleBook, loadRuleSetFile, loadRuleSets } from './load-rule-sets.ts';
import { gatherWindowFacts } from './past-rides.ts';
import { priceInOrder, type ChargedRide } from './price-in-order.ts';
import { priceJourney } from './price-journey.ts';
import { findRuleSet } from './rule-book.ts';

const calendar = loadCalendar();
const everyKind = loadRuleSetFile(path.join(import.meta.dirname, 'fixtures/every-kind.rules.yaml'));
const twoFunders = loadRuleSetFile(path.join(import.meta.dirname, 'fixtures/two-funders.rules.yaml'));
const ruleBook = buildRuleBook([...loadRuleSets(), everyKind, twoFunders], calendar);

function ride(ref: string, at: string, jurisdiction: string, more: Partial<JourneyFacts> = {}): JourneyFacts {
  const entryAtMs = Date.parse(`${at}+08:00`);
  return {
    journeyRef: ref,
    jurisdiction,
    operatorId: 'o',
    lineId: 'l',
    mode: 'metro',
    rail: 'oda',
    state: 'complete',
    entryAtMs,
    exitAtMs: entryAtMs + 1_800_000,
    entryStationId: 'a',
    exitStationId: 'b',
    distanceMetres: 20_000,
    lineKind: null,
    medium: 'transport_card',
    statedListFareFen: null,
    tappedAmountFen: null,
    ...more,
  };
}

/** Prices rides in the order given, each knowing the ones before it in the list, and returns them as charged. */
function charge(journeys: readonly JourneyFacts[], holder: HolderFacts = UNKNOWN_HOLDER): ChargedRide[] {
  const charged: ChargedRide[] = [];
  for (const journey of journeys) {
    const ruleSet = findRuleSet(ruleBook, journey);
    assert.ok(ruleSet);
    const history = gatherWindowFacts(ruleSet, journey, holder, charged);
    const fare = priceJourney({ journey, ruleBook, holder, calendar, history });
    assert.equal(fare.outcome, 'priced');
    const { fareFen, transferRuleId, ruleSetId, ruleSetVersion, concession } = fare;
    const funder = concession?.funder ?? null;
    charged.push({
      journey,
      fareFen,
      transferRuleId,
      concessionRuleId: fare.concession?.ruleId ?? null,
      claim: funder === null ? null : { funder, claimedFen: concession?.claimedFen ?? fen(0) },
      ruleSetId,
      ruleSetVersion,
      holder,
    });
  }
  return charged;
}

/** Rides of 5.00 on successive days of one month. */
const month = (days: readonly number[]): JourneyFacts[] =>
  days.map((d) => ride(`d${String(d)}`, `2016-09-${String(d).padStart(2, '0')}T12:00:00`, 'beijing'));

test('a month is added up from its rides: the ride after 100 yuan pays 80 per cent', () => {
  const fares = charge(month(Array.from({ length: 23 }, (_, i) => i + 1))).map((c) => c.fareFen);
  assert.deepEqual(fares, [...Array.from({ length: 20 }, () => 500), 400, 400, 400]);
});

test('the first of the next month starts again', () => {
  const journeys = [
    ...month(Array.from({ length: 21 }, (_, i) => i + 1)),
    ride('october', '2016-10-01T00:00:00', 'beijing'),
  ];
  assert.equal(charge(journeys).at(-1)?.fareFen, 500);
});

/** The same rides with one that comes after all others were charged. */
function comesLate(journeys: readonly JourneyFacts[], lateRef: string) {
  const inTime = charge(journeys.filter((j) => j.journeyRef !== lateRef));
  const late = journeys.filter((j) => j.journeyRef === lateRef);
  const fresh = late.map((journey) => ({ journey, holder: UNKNOWN_HOLDER }));
  const { fares, adjustments } = priceInOrder({ charged: inTime, fresh, ruleBook, calendar });
  const lateFen = [...fares.values()].map((fare) => (fare.outcome === 'priced' ? fare.fareFen : Number.NaN));
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, of) => total + of, 0);
  const paidFen =
    sum(inTime.map((c) => c.fareFen)) + sum(lateFen) + sum(adjustments.map((a) => a.differenceFen));
  return { adjustments, paidFen, inOrderFen: sum(charge(journeys).map((c) => c.fareFen)) };
}

test('a ride that arrives late is priced by its own time and becomes adjustments of the later ones', () => {
  const { adjustments, paidFen, inOrderFen } = comesLate(
    month(Array.from({ length: 22 }, (_, i) => i + 1)),
    'd3',
  );
  // Without the third day the 21st day's ride was the twentieth and paid in full.
  assert.deepEqual(
    adjustments.map((a) => [a.journeyRef, a.causedBy, a.chargedFen, a.fareFen, a.differenceFen]),
    [['d21', 'd3', 500, 400, -100]],
  );
  assert.equal(paidFen, inOrderFen, 'charged and adjusted = charged in order');
});

test('whichever ride of a month comes late, charged and adjusted is what the order would have cost', () => {
  const days = Array.from({ length: 30 }, (_, i) => i + 1);
  for (const day of days) {
    const { paidFen, inOrderFen } = comesLate(month(days), `d${String(day)}`);
    assert.equal(paidFen, inOrderFen, `day ${String(day)}`);
  }
});

test('nothing late, nothing to adjust', () => {
  const charged = charge(month([1, 2, 3, 4, 5]));
  assert.deepEqual(priceInOrder({ charged, fresh: [], ruleBook, calendar }).adjustments, []);
});

test('a fare that something else has changed since is left as it was charged', () => {
  const journeys = month(Array.from({ length: 22 }, (_, i) => i + 1));
  const inTime = charge(journeys.filter((j) => j.journeyRef !== 'd3')).map((c) =>
    c.journey.journeyRef === 'd21' ? { ...c, fareFen: fen(0) } : c,
  );
  const fresh = journeys
    .filter((j) => j.journeyRef === 'd3')
    .map((journey) => ({ journey, holder: UNKNOWN_HOLDER }));
  assert.deepEqual(priceInOrder({ charged: inTime, fresh, ruleBook, calendar }).adjustments, []);
});

test('under a rule that freezes, later rides keep their fares', () => {
  const journeys = Array.from({ length: 28 }, (_, i) =>
    ride(`f${String(i)}`, `2018-09-${String(i + 1).padStart(2, '0')}T12:00:00`, 'nowhere', {
      distanceMetres: 9000,
    }),
  );
  const { adjustments, paidFen, inOrderFen } = comesLate(journeys, 'f0');
  assert.deepEqual(adjustments, []);
  assert.notEqual(paidFen, inOrderFen, 'in order the tiers would have been reached earlier');
});

test('transfers in a chain are counted from the rides themselves', () => {
  const bus = (ref: string, at: string): JourneyFacts =>
    ride(ref, at, 'ningbo', { mode: 'bus', state: 'single', exitAtMs: null, statedListFareFen: fen(200) });
  const taps = ['08:00', '08:20', '08:40', '09:00', '09:02'].map((t, i) =>
    bus(`b${String(i)}`, `2024-05-14T${t}:00`),
  );
  // The second is discounted, the third pays full, the fourth is discounted again; two minutes later is another person.
  assert.deepEqual(
    charge(taps).map((c) => c.fareFen),
    [200, 80, 200, 80, 200],
  );
});

const OLDER: HolderFacts = {
  person: { ...UNKNOWN_HOLDER.person, birthDate: '1940-01-01' },
  enrolments: [
    {
      ...{ enrolmentId: 'e', category: 'older', evidenceKind: 'paper', validFromMs: 0 },
      ...{ validToMs: null, reviewDueMs: null, revokedAtMs: null },
    },
  ],
};
const free = (day: number): JourneyFacts =>
  ride(`d${String(day)}`, `2026-11-0${String(day)}T12:00:00`, 'twofold', { mode: 'bus', state: 'single' });

test('a late ride that moves who pays and not what the rider pays becomes an adjustment of the claims', () => {
  const charged = charge([free(1), free(3), free(4)], OLDER);
  assert.deepEqual(
    charged.map(({ fareFen, claim }) => [fareFen, claim]),
    [
      [0, { funder: 'club', claimedFen: 70 }],
      [0, { funder: 'club', claimedFen: 70 }],
      [0, { funder: 'city', claimedFen: 180 }],
    ],
  );
  const fresh = [{ journey: free(2), holder: OLDER }];
  const { adjustments } = priceInOrder({ charged, fresh, ruleBook, calendar });
  assert.deepEqual(
    adjustments.map((a) => [a.journeyRef, a.causedBy, a.differenceFen, a.fare.concession?.funder]),
    [['d3', 'd2', 0, 'city']],
  );
  // A debtor's ride is claimed from nobody, so nothing of it moves.
  const debts = charged.map((one) => ({ ...one, claim: 'of_nobody' as const }));
  assert.deepEqual(priceInOrder({ charged: debts, fresh, ruleBook, calendar }).adjustments, []);
  // Whom somebody has asked since by hand is left alone.
  const moved = charged.map((one) => ({ ...one, claim: { funder: 'club', claimedFen: fen(71) } }));
  assert.deepEqual(priceInOrder({ charged: moved, fresh, ruleBook, calendar }).adjustments, []);
});
