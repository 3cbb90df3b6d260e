import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isIsoDate,
  isPanToken,
  isTapSequence,
  isTerminalId,
  isoDate,
  panToken,
  tapSequence,
  terminalId,
} from './identifiers.ts';

test('an identifier has one written form', () => {
  const cases: readonly [boolean, boolean][] = [
    [isTerminalId('BUSA0001'), true],
    [isTerminalId('busa0001'), false],
    [isTerminalId('BUSA001'), false],
    [isPanToken('0123456789ABCDEF0123456789ABCDEF'), true],
    [isPanToken('0123456789abcdef0123456789abcdef'), false],
    [isTapSequence(1), true],
    [isTapSequence(0), false],
    [isTapSequence(0xffff_ffff), true],
    [isTapSequence(0x1_0000_0000), false],
    [isTapSequence(1.5), false],
  ];
  assert.deepEqual(
    cases.map(([got]) => got),
    cases.map(([, expected]) => expected),
  );
});

test('a date must exist', () => {
  assert.ok(isIsoDate('2024-02-29'));
  for (const text of [
    '2026-02-29',
    '2026-13-01',
    '2026-1-01',
    '26-01-01',
    '0000-01-01',
    '2026-01-01T00:00:00Z',
  ])
    assert.ok(!isIsoDate(text), text);
});

test('configuration that is not of the form is refused', () => {
  assert.throws(() => terminalId('x'), RangeError);
  assert.throws(() => tapSequence(0), RangeError);
  assert.throws(() => panToken(''), RangeError);
  assert.throws(() => isoDate('2026-02-30'), RangeError);
});
