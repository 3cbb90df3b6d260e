import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../seeded-random.ts';
import { planServiceDay, type PlanTerminal, type ServiceDayPlan } from './plan-service-day.ts';

const bus = (id: string, lineId: string): PlanTerminal => ({
  terminalId: id,
  lineId,
  stationId: null,
  tapKind: 'single',
});
const gate = (id: string, stationId: string, tapKind: 'entry' | 'exit'): PlanTerminal => ({
  ...{ terminalId: id, lineId: 'M', stationId, tapKind },
});

const network = {
  concessionBuses: [bus('BUSA0001', 'A'), bus('BUSA0002', 'A'), bus('BUSA0003', 'A')],
  flatBuses: [bus('BUSB0001', 'B')],
  metroGates: [
    ...['S1', 'S2', 'S3'].flatMap((s) => [gate(`${s}INGATE`, s, 'entry'), gate(`${s}EXGATE`, s, 'exit')]),
  ],
  clinics: [bus('CLIN0001', 'C')],
};

const plan = (seed: string): ServiceDayPlan =>
  planServiceDay({ network, banks: 7, cards: 200, taps: 2_000, midnightMs: 0, random: seededRandom(seed) });

test('the same seed plans the same day, another seed another', () => {
  assert.deepEqual(plan('1'), plan('1'));
  assert.notDeepEqual(plan('1').taps, plan('2').taps);
});

test('a card is at one place at a time, and never passes back', () => {
  const lastMs = new Map<number, number>();
  for (const tap of plan('3').taps) {
    const before = lastMs.get(tap.card);
    assert.ok(before === undefined || tap.atMs - before > 90_000, 'two taps within a pass-back window');
    lastMs.set(tap.card, tap.atMs);
  }
});

test('the day has everything that goes wrong in it', () => {
  const { taps, offlineBus, cards } = plan('4');
  const deliveries = new Set(taps.map((tap) => tap.delivery));
  assert.deepEqual([...deliveries].sort(), ['copied', 'late', 'online', 'repeated']);
  assert.deepEqual([...new Set(taps.map((tap) => tap.expected))].sort(), [
    'chargeable',
    'debt',
    'denied',
    'loss',
  ]);
  assert.ok(taps.filter((tap) => tap.delivery === 'late').every((tap) => tap.terminal === offlineBus));
  const ages = cards.map((card) => card.registered?.years ?? null);
  assert.ok(ages.includes(null), 'some riders are registered nowhere');
  for (const from of [60, 65, 70])
    assert.ok(ages.some((years) => years !== null && years >= from && years < from + 5));
  const entries = taps.filter(
    (tap) => tap.terminal.tapKind === 'entry' && tap.expected === 'chargeable',
  ).length;
  const exits = taps.filter((tap) => tap.terminal.tapKind === 'exit' && tap.expected === 'chargeable').length;
  assert.ok(exits < entries, 'some tap-outs are missing');
});
