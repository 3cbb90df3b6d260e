import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { fen } from '@tapgate/sdk/wire/money';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { UNKNOWN_HOLDER } from '../concessions/holder-facts.ts';
import { adjustWindow, type ChargedRide } from './adjust-window.ts';
import type { JourneyFacts } from './journey-facts.ts';
import { buildRuleBook, loadRuleSetFile, loadRuleSets } from './load-rule-sets.ts';
import { gatherWindowFacts } from './past-rides.ts';
import { priceJourney } from './price-journey.ts';
import { findRuleSet } from './rule-book.ts';

const calendar = loadCalendar();
const everyKind = loadRuleSetFile(path.join(import.meta.dirname, 'fixtures/every-kind.rules.yaml'));
const ruleBook = buildRuleBook([...loadRuleSets(), everyKind], calendar);

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
function charge(journeys: readonly JourneyFacts[]): ChargedRide[] {
  const charged: ChargedRide[] = [];
  for (const journey of journeys) {
    const ruleSet = findRuleSet(ruleBook, journey);
    assert.ok(ruleSet);
    const history = gatherWindowFacts(ruleSet, journey, UNKNOWN_HOLDER, charged);
    const fare = priceJourney({ journey, ruleBook, holder: UNKNOWN_HOLDER, calendar, history });
    assert.equal(fare.outcome, 'priced');
    const { fareFen, transferRuleId, ruleSetId, ruleSetVersion } = fare;
    charged.push({
      journey,
      fareFen,
      transferRuleId,
      concessionRuleId: fare.concession?.ruleId ?? null,
      ruleSetId,
      ruleSetVersion,
      holder: UNKNOWN_HOLDER,
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

test('a ride that arrives late is priced by its own time and becomes adjustments of the later ones', () => {
  const days = Array.from({ length: 22 }, (_, i) => i + 1);
  const inTime = charge(month(days.filter((d) => d !== 3)));
  const late = charge([...month([1, 2]), ...month([3])]).at(-1);
  assert.ok(late);
  const adjustments = adjustWindow({ charged: inTime, late: [late], ruleBook, calendar });
  // Without the third day the 21st day's ride was the twentieth and paid in full.
  assert.deepEqual(
    adjustments.map((a) => [a.journeyRef, a.chargedFen, a.fareFen, a.differenceFen]),
    [['d21', 500, 400, -100]],
  );
  const all = charge(month(days)).reduce((sum, c) => sum + c.fareFen, 0);
  const paid =
    [...inTime, late].reduce((sum, c) => sum + c.fareFen, 0) +
    adjustments.reduce((sum, a) => sum + a.differenceFen, 0);
  assert.equal(paid, all, 'charged and adjusted = charged in order');
});

test('nothing late, nothing to adjust', () => {
  const charged = charge(month([1, 2, 3, 4, 5]));
  assert.deepEqual(adjustWindow({ charged, late: [], ruleBook, calendar }), []);
});

test('under a rule that freezes, later rides keep their fares', () => {
  const journeys = [1, 2, 3].map((d) =>
    ride(`f${String(d)}`, `2018-09-0${String(d)}T12:00:00`, 'nowhere', { distanceMetres: 9000 }),
  );
  const charged = charge(journeys);
  const late = {
    ...charge(journeys.slice(0, 1))[0],
    journey: ride('late', '2018-09-01T10:00:00', 'nowhere'),
    fareFen: fen(9000),
  };
  const [first] = charged;
  assert.ok(first);
  assert.deepEqual(adjustWindow({ charged, late: [{ ...first, ...late }], ruleBook, calendar }), []);
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
