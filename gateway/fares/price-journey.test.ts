import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fen } from '@tapgate/sdk/wire/money';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { UNKNOWN_HOLDER, type HolderFacts } from '../concessions/holder-facts.ts';
import type { JourneyFacts } from './journey-facts.ts';
import { loadRuleBook } from './load-rule-sets.ts';
import { assertFareAddsUp, priceJourney, type FareResult } from './price-journey.ts';
import { recomputeTrace } from './trace.ts';
import { NO_HISTORY } from './window-facts.ts';

const calendar = loadCalendar();
const ruleBook = loadRuleBook(calendar);

const METRO: JourneyFacts = {
  journeyRef: 'j1',
  jurisdiction: 'ningbo',
  operatorId: 'demo',
  lineId: 'metro-1',
  mode: 'metro',
  rail: 'oda',
  state: 'complete',
  entryAtMs: Date.parse('2026-03-17T10:00:00+08:00'),
  exitAtMs: Date.parse('2026-03-17T10:25:00+08:00'),
  entryStationId: 's1',
  exitStationId: 's5',
  distanceMetres: 7500,
  lineKind: null,
  medium: 'ssc_gen3',
  statedListFareFen: null,
  tappedAmountFen: null,
};

const SENIOR: HolderFacts = {
  person: { ...UNKNOWN_HOLDER.person, birthDate: '1950-05-01' },
  enrolments: [
    {
      enrolmentId: 'e1',
      category: 'senior-70',
      evidenceKind: 'identity_document',
      validFromMs: Date.parse('2021-01-01T00:00:00+08:00'),
      validToMs: null,
      reviewDueMs: null,
      revokedAtMs: null,
    },
  ],
};

function price(journey: Partial<JourneyFacts>, holder: HolderFacts = UNKNOWN_HOLDER): FareResult {
  return priceJourney({ journey: { ...METRO, ...journey }, ruleBook, holder, calendar, history: NO_HISTORY });
}

const at = (wall: string): Partial<JourneyFacts> => ({
  entryAtMs: Date.parse(`${wall}+08:00`),
  exitAtMs: null,
});

test('what a ride costs', () => {
  const table: [string, Partial<JourneyFacts>, HolderFacts, number, number, string | null][] = [
    ['adult', {}, UNKNOWN_HOLDER, 300, 300, null],
    ['adult, 4.0 km is still the first band', { distanceMetres: 4000 }, UNKNOWN_HOLDER, 200, 200, null],
    ['adult, 4.001 km is not', { distanceMetres: 4001 }, UNKNOWN_HOLDER, 300, 300, null],
    ['senior at ten', {}, SENIOR, 300, 0, 'senior-free'],
    ['senior at eight on a working day', at('2026-03-17T08:00:00'), SENIOR, 300, 150, 'senior-peak-half'],
    ['senior one second before nine', at('2026-03-17T08:59:59'), SENIOR, 300, 150, 'senior-peak-half'],
    ['senior at nine', at('2026-03-17T09:00:00'), SENIOR, 300, 0, 'senior-free'],
    ['senior on a holiday Thursday at eight', at('2026-01-01T08:00:00'), SENIOR, 300, 0, 'senior-free'],
    ['senior on a make-up Sunday at eight', at('2026-01-04T08:00:00'), SENIOR, 300, 150, 'senior-peak-half'],
    ['bus', { mode: 'bus', state: 'single', exitAtMs: null }, UNKNOWN_HOLDER, 200, 200, null],
    [
      'senior on the bus in the peak',
      { mode: 'bus', state: 'single', ...at('2026-03-17T08:00:00') },
      SENIOR,
      200,
      0,
      'bus-senior-free',
    ],
    [
      'senior on a line that is paid at the tap',
      { mode: 'bus', state: 'single', rail: 'offline_purchase', tappedAmountFen: fen(200) },
      SENIOR,
      200,
      200,
      null,
    ],
    [
      'clinic',
      { mode: 'clinic', state: 'single', rail: 'offline_purchase', tappedAmountFen: fen(1234) },
      SENIOR,
      1234,
      1234,
      null,
    ],
    [
      'missing tap-out',
      { state: 'missing_tap_out', exitAtMs: null, distanceMetres: null },
      UNKNOWN_HOLDER,
      200,
      200,
      null,
    ],
    [
      'missing tap-in',
      { state: 'missing_tap_in', entryAtMs: null, distanceMetres: null },
      UNKNOWN_HOLDER,
      200,
      200,
      null,
    ],
  ];
  for (const [name, journey, holder, list, charged, ruleId] of table) {
    const fare = price(journey, holder);
    assert.equal(fare.outcome, 'priced', name);
    assert.equal(fare.listFareFen, list, name);
    assert.equal(fare.fareFen, charged, name);
    assert.equal(fare.concession?.ruleId ?? null, ruleId, name);
    assert.deepEqual(recomputeTrace(fare.trace), { ok: true, listFareFen: list, fareFen: charged }, name);
    assertFareAddsUp(fare);
  }
});

test('the bureau owes the shortfall, which is list less charged', () => {
  const fare = price({}, SENIOR);
  assert.equal(fare.outcome, 'priced');
  assert.deepEqual(fare.concession, {
    ruleId: 'senior-free',
    category: 'senior-70',
    funder: 'finance-bureau',
    claimedFen: 300,
    shortfallFen: 300,
  });
});

test('a ride without a rule set, without a fare, or on a day that nobody knows is held and never free', () => {
  assert.equal(held(price({ jurisdiction: 'nowhere' })), 'no_rule_set');
  assert.equal(held(price({ mode: 'ferry' })), 'no_rule_set');
  assert.equal(held(price({ distanceMetres: null })), 'list_fare_unknown');
  assert.equal(held(price(at('2027-01-05T08:00:00'), SENIOR)), 'calendar_uncovered');
});

test('on an unknown day an adult pays as always, for the answer does not depend on it', () => {
  assert.equal(price(at('2027-01-05T08:00:00')).outcome, 'priced');
  assert.equal(price(at('2027-01-05T12:00:00'), SENIOR).outcome, 'priced');
});

test('who qualifies without valid evidence pays, and the trace says which of the two failed', () => {
  const lapsed = SENIOR.enrolments.map((e) => ({ ...e, validToMs: Date.parse('2026-01-01T00:00:00+08:00') }));
  const qualifies = price({}, { ...SENIOR, enrolments: lapsed });
  assert.equal(qualifies.outcome === 'priced' && qualifies.fareFen, 300);
  assert.deepEqual(qualifies.trace.find((s) => s.stage === 'concession')?.saw, {
    age_from_70: true,
    eligible: true,
    evidence: 'expired',
  });
  const young = price({}, { ...SENIOR, person: { ...SENIOR.person, birthDate: '1990-01-01' } });
  assert.deepEqual(young.trace.find((s) => s.stage === 'concession')?.saw, {
    age_from_70: false,
    eligible: false,
    evidence: 'identity_document',
  });
});

test('a trace holds no birth date and no identity of anybody', () => {
  assert.doesNotMatch(JSON.stringify(price({}, SENIOR).trace), /1950|e1"/);
});

function held(fare: FareResult): string {
  return fare.outcome === 'held' ? fare.reason : fare.outcome;
}
