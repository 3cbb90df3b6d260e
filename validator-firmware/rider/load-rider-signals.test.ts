import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RIDER_SIGNALS } from '../gate/rider-signal.ts';
import { loadRiderSignals } from './load-rider-signals.ts';

describe('signals to the rider', () => {
  test('every signal has both languages, and they are told apart by lamps and notes', () => {
    const { showOf } = loadRiderSignals('ningbo');
    const looks = RIDER_SIGNALS.map((signal) => {
      const { barrier, lamps, notes, lines } = showOf(signal);
      assert.match(lines.zh, /\p{Script=Han}/u);
      assert.match(lines.en, /^[\x20-\x7e]+$/);
      assert.equal(barrier, lamps.includes('green') ? 'open' : 'shut', 'green exactly where one may go');
      return JSON.stringify([lamps, notes]);
    });
    assert.equal(new Set(looks).size, RIDER_SIGNALS.length);
  });

  test('a refused rider is told where to go and whom to call, by region', () => {
    const here = loadRiderSignals('ningbo').showOf('see_staff').lines;
    assert.deepEqual(here, { zh: '请到客服中心 电话12328', en: 'See the service centre, call 12328' });
    const elsewhere = loadRiderSignals('a region without an entry').showOf('see_staff').lines;
    assert.deepEqual(elsewhere, { zh: '请到服务窗口 电话12328', en: 'See the counter, call 12328' });
  });

  test('a rider category is shown as what it is', () => {
    const { passengerOf } = loadRiderSignals('ningbo');
    assert.deepEqual(['senior-70', 'child-by-height', 'disabled-soldier', null].map(passengerOf), [
      'senior',
      'child',
      'concession',
      'ordinary',
    ]);
  });
});
