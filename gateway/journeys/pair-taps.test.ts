import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UNRESTRICTED_POLICY, type JourneyPolicy } from './journey-policy.ts';
import type { JourneyTap } from './journey-tap.ts';
import { pairTaps, type Pairing } from './pair-taps.ts';

const NOON = Date.parse('2026-03-17T12:00:00+08:00');
const MINUTE = 60_000;

function tap(
  atc: number,
  tapKind: JourneyTap['tapKind'],
  minute: number,
  more: Partial<JourneyTap> = {},
): JourneyTap {
  return {
    tapRef: `t${String(atc)}`,
    panToken: 'A'.repeat(32),
    psn: '00',
    atc,
    operatorId: 'op',
    lineId: 'm1',
    stationId: 's1',
    mode: tapKind === 'single' ? 'bus' : 'metro',
    tapKind,
    tappedAtMs: NOON + minute * MINUTE,
    zone: 'Asia/Shanghai',
    amountFen: null,
    rail: 'oda',
    ...more,
  };
}

/** "t1+t2 complete | … ; waiting t3": what a pairing says, in one line. */
function told(pairing: Pairing): string {
  const of = (journeys: Pairing['complete']): string[] =>
    journeys.map((j) => `${j.taps.map((t) => t.tapRef).join('+')} ${j.state}`).sort();
  return [
    ...of(pairing.complete),
    ...of(pairing.incomplete),
    ...pairing.waiting.map((t) => `${t.tapRef} waits`),
  ].join(', ');
}

const CLOSE = NOON + 24 * 60 * MINUTE;
const OSI: JourneyPolicy = {
  ...UNRESTRICTED_POLICY,
  interchanges: [{ exitStationId: 's2', entryStationId: 's3', withinMs: 30 * MINUTE }],
};

test('taps of one card become journeys', () => {
  const entry = tap(1, 'entry', 0);
  const exit = tap(2, 'exit', 20, { stationId: 's2' });
  const late = tap(9, 'exit', 500, { stationId: 's2' });
  const rows: [string, JourneyTap[], string, string, JourneyPolicy?][] = [
    // name, taps, while the day is open, at its close
    ['a bus tap is a journey', [tap(1, 'single', 0)], 't1 single', 't1 single'],
    ['entry and exit', [entry, exit], 't1+t2 complete', 't1+t2 complete'],
    ['an entry waits', [entry], 't1 waits', 't1 missing_tap_out'],
    ['an exit waits', [exit], 't2 waits', 't2 missing_tap_in'],
    [
      'two entries',
      [entry, tap(2, 'entry', 60)],
      't1 waits, t2 waits',
      't1 missing_tap_out, t2 missing_tap_out',
    ],
    [
      'two exits',
      [tap(1, 'exit', 0), tap(2, 'exit', 9)],
      't1 waits, t2 waits',
      't1 missing_tap_in, t2 missing_tap_in',
    ],
    ['a gap in the ATC waits', [entry, tap(4, 'exit', 20)], 't1 waits, t4 waits', 't1+t4 complete'],
    [
      'a known act fills the gap',
      [entry, tap(2, 'single', 5), tap(3, 'exit', 20)],
      't1+t3 complete, t2 single',
      't1+t3 complete, t2 single',
    ],
    [
      'another network is no exit',
      [entry, tap(2, 'exit', 20, { operatorId: 'other' })],
      't1 waits, t2 waits',
      't1 missing_tap_out, t2 missing_tap_in',
    ],
    [
      'over-long as one journey',
      [entry, tap(2, 'exit', 241)],
      't1+t2 over_long',
      't1+t2 over_long',
      { ...UNRESTRICTED_POLICY, maxInsideMs: 240 * MINUTE },
    ],
    [
      'exactly the limit',
      [entry, tap(2, 'exit', 240)],
      't1+t2 complete',
      't1+t2 complete',
      { ...UNRESTRICTED_POLICY, maxInsideMs: 240 * MINUTE },
    ],
    [
      'over-long as two',
      [entry, tap(2, 'exit', 241)],
      't1 missing_tap_out, t2 missing_tap_in',
      't1 missing_tap_out, t2 missing_tap_in',
      { ...UNRESTRICTED_POLICY, maxInsideMs: 240 * MINUTE, overLong: 'two_incomplete' },
    ],
    [
      'pass-back',
      [entry, tap(2, 'entry', 1), tap(3, 'exit', 20)],
      't1+t2+t3 complete',
      't1+t2+t3 complete',
      { ...UNRESTRICTED_POLICY, passBackMs: 2 * MINUTE },
    ],
    [
      'no pass-back after its time',
      [entry, tap(2, 'entry', 2), tap(3, 'exit', 20)],
      't2+t3 complete, t1 waits',
      't2+t3 complete, t1 missing_tap_out',
      { ...UNRESTRICTED_POLICY, passBackMs: 2 * MINUTE },
    ],
    ['an interchange may follow: wait', [entry, exit], 't1 waits, t2 waits', 't1+t2 complete', OSI],
    [
      'interchange',
      [entry, exit, tap(3, 'entry', 50, { stationId: 's3' }), tap(4, 'exit', 70)],
      't1+t2+t3+t4 complete',
      't1+t2+t3+t4 complete',
      OSI,
    ],
    [
      'interchange too late',
      [entry, exit, tap(3, 'entry', 51, { stationId: 's3' }), tap(4, 'exit', 70)],
      't1+t2 complete, t3+t4 complete',
      't1+t2 complete, t3+t4 complete',
      OSI,
    ],
    [
      'interchange the wrong way',
      [entry, exit, tap(3, 'entry', 30, { stationId: 's4' }), tap(4, 'exit', 70)],
      't1+t2 complete, t3+t4 complete',
      't1+t2 complete, t3+t4 complete',
      OSI,
    ],
    [
      'a gap before what follows an interchange station',
      [entry, exit, tap(4, 'entry', 90)],
      't1 waits, t2 waits, t4 waits',
      't1+t2 complete, t4 missing_tap_out',
      OSI,
    ],
    ['an exit long after', [entry, late], 't1 waits, t9 waits', 't1+t9 complete'],
  ];
  for (const [name, taps, open, closed, policy] of rows) {
    const policyOf = () => policy ?? UNRESTRICTED_POLICY;
    assert.equal(told(pairTaps({ taps, policyOf })), open, `${name}, day open`);
    assert.equal(told(pairTaps({ taps, policyOf, closeBeforeMs: CLOSE })), closed, `${name}, day closed`);
  }
});

test('an act that was settled before is no gap', () => {
  const taps = [tap(1, 'entry', 0), tap(3, 'exit', 20)];
  assert.equal(told(pairTaps({ taps, settledActs: new Map([[2, 'single']]) })), 't1+t3 complete');
  assert.equal(
    told(pairTaps({ taps, settledActs: new Map([[2, 'entry']]), closeBeforeMs: CLOSE })),
    't1 missing_tap_out, t3 missing_tap_in',
  );
});

test('what was tapped after the cut-over still waits', () => {
  const taps = [tap(1, 'entry', 0), tap(5, 'entry', 100)];
  assert.equal(told(pairTaps({ taps, closeBeforeMs: NOON + 50 * MINUTE })), 't1 missing_tap_out, t5 waits');
});

test('taps of two cards, and two taps with one ATC, are a fault', () => {
  assert.throws(() => pairTaps({ taps: [tap(1, 'entry', 0), tap(2, 'exit', 1, { psn: '01' })] }), RangeError);
  assert.throws(() => pairTaps({ taps: [tap(1, 'entry', 0), tap(1, 'exit', 1)] }), RangeError);
});

const cardLife = fc
  .array(fc.constantFrom('entry' as const, 'exit' as const, 'single' as const), {
    minLength: 1,
    maxLength: 14,
  })
  .map((kinds) =>
    kinds.map((kind, i) => tap(i + 1, kind, i * 10, { stationId: `s${String(1 + ((i * i) % 3))}` })),
  );

test('the order of arrival changes nothing, and every tap is in exactly one place', () => {
  fc.assert(
    fc.property(cardLife, fc.infiniteStream(fc.nat()), fc.boolean(), (taps, keys, osi) => {
      const shuffled = [...taps]
        .map((t) => [keys.next().value, t] as const)
        .sort((a, b) => Number(a[0]) - Number(b[0]))
        .map(([, t]) => t);
      const policyOf = () => (osi ? { ...OSI, passBackMs: 15 * MINUTE } : UNRESTRICTED_POLICY);
      const pairing = pairTaps({ taps, policyOf });
      assert.deepEqual(pairTaps({ taps: shuffled, policyOf }), pairing);
      const placed = [...pairing.complete, ...pairing.incomplete]
        .flatMap((j) => j.taps)
        .concat(pairing.waiting)
        .map((t) => t.atc);
      assert.deepEqual(
        placed.sort((a, b) => a - b),
        taps.map((t) => t.atc),
      );
    }),
    { numRuns: 300 },
  );
});

test('settling after every arrival gives the journeys that settling once at the close gives', () => {
  fc.assert(
    fc.property(cardLife, fc.infiniteStream(fc.nat()), fc.boolean(), (taps, keys, osi) => {
      const policyOf = () => (osi ? { ...OSI, passBackMs: 15 * MINUTE } : UNRESTRICTED_POLICY);
      const arrivals = [...taps]
        .map((t) => [keys.next().value, t] as const)
        .sort((a, b) => Number(a[0]) - Number(b[0]))
        .map(([, t]) => t);
      const settled = new Map<number, JourneyTap['tapKind']>();
      const journeys: string[] = [];
      let queue: JourneyTap[] = [];
      const settle = (closeBeforeMs?: number): void => {
        const pairing = pairTaps({
          taps: queue,
          settledActs: settled,
          policyOf,
          ...(closeBeforeMs === undefined ? {} : { closeBeforeMs }),
        });
        for (const journey of [...pairing.complete, ...pairing.incomplete]) {
          journeys.push(`${journey.taps.map((t) => t.tapRef).join('+')} ${journey.state}`);
          for (const t of journey.taps) settled.set(t.atc, t.tapKind);
        }
        queue = [...pairing.waiting];
      };
      for (const arrived of arrivals) {
        queue.push(arrived);
        settle();
      }
      settle(CLOSE);
      const atOnce = pairTaps({ taps, policyOf, closeBeforeMs: CLOSE });
      assert.deepEqual(
        journeys.sort(),
        [...atOnce.complete, ...atOnce.incomplete]
          .map((j) => `${j.taps.map((t) => t.tapRef).join('+')} ${j.state}`)
          .sort(),
      );
    }),
    { numRuns: 300 },
  );
});
