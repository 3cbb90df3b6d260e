import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { isoDate, panToken } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { UNKNOWN_HOLDER, type HolderFacts } from '../concessions/holder-facts.ts';
import { buildRuleBook, loadRuleBook, loadRuleSetFile } from '../fares/load-rule-sets.ts';
import { settleCard, type CardSettled, type SettlingRules, type TapToSettle } from './settle-card.ts';

const calendar = loadCalendar();
const stations = new Map([
  ['A', { lineId: 'metro', metres: 0 }],
  ['B', { lineId: 'metro', metres: 4_000 }],
  ['C', { lineId: 'metro', metres: 12_999 }],
  ['X', { lineId: 'metro-2', metres: 100 }],
]);
const rules: SettlingRules = {
  ruleBook: loadRuleBook(calendar),
  calendar,
  findLine: (lineId) => ({ mode: lineId === 'bus' ? 'bus' : lineId === 'clinic' ? 'clinic' : 'metro' }),
  findStation: (stationId) => stations.get(stationId) ?? null,
  findOperator: () => ({ jurisdiction: 'ningbo', timeZone: 'Asia/Shanghai' }),
};

/** A Wednesday that is a statutory working day; 10:00 is off-peak. */
const OFF_PEAK = '2026-11-18T10:00:00+08:00';
const PEAK = '2026-11-18T08:00:00+08:00';

function tap(atc: number, at: string, more: Partial<TapToSettle> = {}): TapToSettle {
  return {
    panToken: panToken('A'.repeat(32)),
    psn: 1,
    atc,
    terminalId: 'GATE0001',
    tapSequence: atc,
    serviceDate: isoDate(at.slice(0, 10)),
    tappedAtMs: Date.parse(at),
    operatorId: 'op',
    lineId: 'bus',
    stationId: null,
    rail: 'oda',
    tapKind: 'single',
    amountFen: fen(0),
    bankId: 'BANK',
    outcome: 'chargeable',
    cause: null,
    ...more,
  };
}

const gate = (
  kind: 'entry' | 'exit',
  stationId: string,
  more: Partial<TapToSettle> = {},
): Partial<TapToSettle> => ({
  lineId: 'metro',
  tapKind: kind,
  stationId,
  ...more,
});

const SENIOR: HolderFacts = {
  person: { ...UNKNOWN_HOLDER.person, birthDate: '1950-01-01' },
  enrolments: [
    {
      enrolmentId: 'e',
      category: 'senior-70',
      evidenceKind: 'senior_card',
      validFromMs: 0,
      validToMs: null,
      reviewDueMs: null,
      revokedAtMs: null,
    },
  ],
};

function settle(
  taps: readonly TapToSettle[],
  holder = UNKNOWN_HOLDER,
  closeBeforeMs: number | null = null,
): CardSettled {
  return settleCard({ taps, holder, past: null, settledActs: new Map(), closeBeforeMs }, rules);
}

const summary = (settled: CardSettled): string[] =>
  settled.journeys.map(
    ({ outcome, cause, completeness, listFareFen, fareFen, concession }) =>
      `${outcome}${cause === null ? '' : `(${cause})`} ${completeness} ${listFareFen ?? '-'} ${fareFen ?? '-'}` +
      (concession === null
        ? ''
        : ` ${concession.category} ${concession.shortfallFen} ${concession.claimedFen ?? '-'}`),
  );

describe('the journeys of one card', () => {
  const cases: readonly [string, readonly string[], CardSettled][] = [
    ['a bus ride', ['chargeable single 200 200'], settle([tap(1, OFF_PEAK)])],
    [
      'a metro ride of 4 km, the upper end of its band',
      ['chargeable complete 200 200'],
      settle([tap(2, OFF_PEAK, gate('exit', 'B')), tap(1, OFF_PEAK, gate('entry', 'A'))]),
    ],
    [
      'a senior off-peak rides free, and the bureau owes the fare',
      ['chargeable complete 400 0 senior-70 400 400'],
      settle([tap(1, OFF_PEAK, gate('entry', 'A')), tap(2, OFF_PEAK, gate('exit', 'C'))], SENIOR),
    ],
    [
      'a senior who entered in the peak pays half',
      ['chargeable complete 400 200 senior-70 200 200'],
      settle([tap(1, PEAK, gate('entry', 'A')), tap(2, OFF_PEAK, gate('exit', 'C'))], SENIOR),
    ],
    [
      'a clinic payment costs what was paid',
      ['chargeable single 12345 12345'],
      settle([tap(1, OFF_PEAK, { lineId: 'clinic', rail: 'offline_purchase', amountFen: fen(12_345) })]),
    ],
    [
      'one tap of a debtor makes the ride a debt, and nothing is claimed for it',
      ['debt(hotlisted) complete 400 0 senior-70 400 -'],
      settle(
        [
          tap(1, OFF_PEAK, gate('entry', 'A')),
          tap(2, OFF_PEAK, gate('exit', 'C', { outcome: 'debt', cause: 'hotlisted' })),
        ],
        SENIOR,
      ),
    ],
    [
      'a loss on a bus is valued at the list fare, whoever the card says it is',
      ['loss(atc_reused) single 200 200'],
      settle([tap(1, OFF_PEAK, { outcome: 'loss', cause: 'atc_reused' })], SENIOR),
    ],
    [
      'a loss at a metro gate is valued at the least that its line can cost, and is in no journey of the card',
      ['loss(dynamic_signature_invalid) missing_tap_out 200 200', 'chargeable complete 400 400'],
      settle([
        tap(2, OFF_PEAK, gate('entry', 'A')),
        tap(3, OFF_PEAK, gate('exit', 'C')),
        tap(
          9,
          OFF_PEAK,
          gate('entry', 'A', { outcome: 'loss', cause: 'dynamic_signature_invalid', tapSequence: 77 }),
        ),
      ]),
    ],
    [
      'a loss whose card could not be read has the ATC of nobody, and several may have it',
      ['loss(card_data_missing) single 200 200', 'loss(card_data_missing) single 200 200'],
      settle([
        tap(0, OFF_PEAK, { outcome: 'loss', cause: 'card_data_missing', tapSequence: 1 }),
        tap(0, OFF_PEAK, { outcome: 'loss', cause: 'card_data_missing', tapSequence: 2 }),
      ]),
    ],
    ['an entry waits', [], settle([tap(1, OFF_PEAK, gate('entry', 'A'))])],
    [
      'stations of two lines have no distance here: the fare is held, not free',
      ['held(list_fare_unknown) complete - -'],
      settle([tap(1, OFF_PEAK, gate('entry', 'A')), tap(2, OFF_PEAK, gate('exit', 'X'))]),
    ],
    [
      'a day that the calendar does not cover holds what depends on it',
      ['held(calendar_uncovered) complete - -'],
      settle(
        [
          tap(1, '2031-06-04T08:00:00+08:00', gate('entry', 'A')),
          tap(2, '2031-06-04T08:20:00+08:00', gate('exit', 'C')),
        ],
        SENIOR,
      ),
    ],
  ];
  for (const [fact, expected, settled] of cases) {
    test(fact, () => {
      assert.deepEqual(summary(settled), expected);
    });
  }

  test('a waiting entry is given back as waiting, and nothing of it is settled', () => {
    const entry = tap(1, OFF_PEAK, gate('entry', 'A'));
    const settled = settle([entry]);
    assert.deepEqual([settled.waitingTaps, settled.settledTaps], [[entry], []]);
    const closed = settle([entry], UNKNOWN_HOLDER, entry.tappedAtMs + 1);
    assert.equal(closed.journeys[0]?.completeness, 'missing_tap_out');
    assert.deepEqual(closed.settledTaps, [entry]);
  });

  test('the id of a journey follows from its taps alone', () => {
    const one = settle([tap(1, OFF_PEAK, gate('entry', 'A')), tap(2, OFF_PEAK, gate('exit', 'C'))]);
    const other = settle([tap(2, OFF_PEAK, gate('exit', 'C')), tap(1, OFF_PEAK, gate('entry', 'A'))], SENIOR);
    assert.deepEqual(one.journeys[0]?.journeyId, other.journeys[0]?.journeyId);
    assert.notDeepEqual(one.journeys[0]?.journeyId, settle([tap(1, OFF_PEAK)]).journeys[0]?.journeyId);
  });

  test('no trace holds a birth date', () => {
    const settled = settle(
      [tap(1, OFF_PEAK, gate('entry', 'A')), tap(2, OFF_PEAK, gate('exit', 'C'))],
      SENIOR,
    );
    assert.doesNotMatch(JSON.stringify(settled.journeys[0]?.trace), /1950/);
  });
});

describe('every shape of a journey, from taps to its row', () => {
  const everyKind = loadRuleSetFile(
    path.join(import.meta.dirname, '../fares/fixtures/every-kind.rules.yaml'),
  );
  const START_MS = Date.parse('2018-09-05T10:00:00+08:00');
  const shapes: SettlingRules = {
    ...rules,
    ruleBook: buildRuleBook([everyKind], calendar),
    findLine: () => ({ mode: 'tram' }),
    findStation: () => ({ lineId: 'tram', metres: 0 }),
    findOperator: () => ({ jurisdiction: 'nowhere', timeZone: 'Asia/Shanghai' }),
  };
  const later = (minutes: number): string => new Date(START_MS + minutes * 60_000).toISOString();
  const pass = (atc: number, minutes: number, kind: 'entry' | 'exit', stationId: string): TapToSettle =>
    tap(atc, later(minutes), { lineId: 'tram', tapKind: kind, stationId });
  const CLOSE = Date.parse(later(24 * 60));
  const cases: readonly [string, readonly TapToSettle[], readonly string[]][] = [
    ['entry and exit', [pass(1, 0, 'entry', 's1'), pass(2, 20, 'exit', 's3')], ['complete 2 200']],
    ['out where one came in', [pass(1, 0, 'entry', 's3'), pass(2, 5, 'exit', 's3')], ['complete 2 200']],
    ['no tap-out', [pass(1, 0, 'entry', 's3')], ['missing_tap_out 1 200']],
    ['no tap-in', [pass(1, 0, 'exit', 's3')], ['missing_tap_in 1 200']],
    [
      'a second entry at the station within the pass-back time is the same entry again',
      [pass(1, 0, 'entry', 's3'), pass(2, 1, 'entry', 's3'), pass(3, 20, 'exit', 's4')],
      ['complete 2 200'],
    ],
    [
      'a second entry after it is another journey, and the first has no exit',
      [pass(1, 0, 'entry', 's3'), pass(2, 2, 'entry', 's3'), pass(3, 20, 'exit', 's4')],
      ['complete 2 200', 'missing_tap_out 1 200'],
    ],
    [
      'an out-of-station interchange within its time is one journey',
      [
        pass(1, 0, 'entry', 's3'),
        pass(2, 10, 'exit', 's1'),
        pass(3, 40, 'entry', 's2'),
        pass(4, 50, 'exit', 's4'),
      ],
      ['complete 2 200'],
    ],
    [
      'a minute late it is two',
      [
        pass(1, 0, 'entry', 's3'),
        pass(2, 10, 'exit', 's1'),
        pass(3, 41, 'entry', 's2'),
        pass(4, 50, 'exit', 's4'),
      ],
      ['complete 2 200', 'complete 2 200'],
    ],
    ['four hours inside', [pass(1, 0, 'entry', 's3'), pass(2, 240, 'exit', 's4')], ['complete 2 200']],
    [
      'over-long, as two journeys with an end missing each',
      [pass(1, 0, 'entry', 's3'), pass(2, 241, 'exit', 's4')],
      ['missing_tap_in 1 200', 'missing_tap_out 1 200'],
    ],
  ];
  for (const [fact, taps, expected] of cases) {
    test(fact, () => {
      const card = { taps, holder: UNKNOWN_HOLDER, past: null, settledActs: new Map(), closeBeforeMs: CLOSE };
      const { journeys } = settleCard(card, shapes);
      const found = journeys.map(
        (j) =>
          `${j.completeness} ${[j.entry, j.exit].filter((end) => end !== null).length} ${j.fareFen ?? '-'}`,
      );
      assert.deepEqual(found.sort(), [...expected].sort());
    });
  }

  test('out where one came in, after the time from which the rules see two incomplete journeys', () => {
    const source = everyKind.ruleSet;
    const spans = [
      { up_to_seconds: 1_800, outcome: 'minimum_fare_counts_to_cap' as const },
      { outcome: 'two_incomplete_journeys' as const },
    ];
    const same_station = { source: ['own'], mark: 'invented' as const, spans };
    const ruleSet = { ...source, journey: { ...source.journey, same_station } };
    const strict = { ...shapes, ruleBook: buildRuleBook([{ ...everyKind, ruleSet }], calendar) };
    const shapesOf = (minutes: number): string[] => {
      const taps = [pass(1, 0, 'entry', 's3'), pass(2, minutes, 'exit', 's3')];
      const card = { taps, holder: UNKNOWN_HOLDER, past: null, settledActs: new Map(), closeBeforeMs: null };
      return settleCard(card, strict).journeys.map((j) => j.completeness);
    };
    assert.deepEqual([shapesOf(30), shapesOf(31)], [['complete'], ['missing_tap_out', 'missing_tap_in']]);
  });
});
