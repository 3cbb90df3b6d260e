import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calendarDateOf, msOfDay, serviceDateOf } from './service-date.ts';

const operator = { zone: 'Asia/Shanghai', serviceDayStartMs: msOfDay('04:00') };

test('a service date begins at its hour, to the millisecond', () => {
  const start = Date.parse('2026-11-18T04:00:00+08:00');
  assert.equal(serviceDateOf(operator, start - 1), '2026-11-17');
  assert.equal(serviceDateOf(operator, start), '2026-11-18');
  assert.equal(serviceDateOf(operator, start + 86_400_000 - 1), '2026-11-18');
});

test('cards expire by the wall, not by the service date', () => {
  const night = Date.parse('2026-11-18T00:30:00+08:00');
  assert.equal(calendarDateOf(operator.zone, night), '2026-11-18');
  assert.equal(serviceDateOf(operator, night), '2026-11-17');
});

test('a time of day is HH:MM', () => {
  assert.equal(msOfDay('23:59'), 86_340_000);
  for (const text of ['24:00', '4:00', '04:60', '', '04:00:00'])
    assert.throws(() => msOfDay(text), RangeError);
});
