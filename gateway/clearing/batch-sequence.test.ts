import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { sequenceFollows, sequenceOf, type SequenceRule } from './batch-sequence.ts';

const DAILY: SequenceRule = { restarts: 'daily' };
const YEARLY: SequenceRule = { restarts: 'yearly' };
const NEVER: SequenceRule = { restarts: 'never', firstDate: '2026-12-30' };

test('a number follows from the date and the rule alone', () => {
  for (const [rule, date, number] of [
    [DAILY, '2026-11-21', 1],
    [YEARLY, '2026-01-01', 1],
    [YEARLY, '2026-12-31', 365],
    [YEARLY, '2028-12-31', 366],
    [NEVER, '2026-12-30', 1],
    [NEVER, '2027-01-01', 3],
  ] as const)
    assert.equal(sequenceOf(rule, isoDate(date)), number, date);
  assert.throws(() => sequenceOf(NEVER, isoDate('2026-12-29')), RangeError);
});

test('a number may follow the one before it as the rule says, and without a rule either way', () => {
  const at = (clearingDate: string, sequence: number) => ({ clearingDate, sequence });
  for (const [batch, before, rule, follows] of [
    [at('2026-11-21', 2), at('2026-11-21', 1), DAILY, true],
    [at('2026-11-21', 3), at('2026-11-21', 1), DAILY, false],
    [at('2026-11-22', 1), at('2026-11-21', 2), DAILY, true],
    [at('2026-11-22', 2), null, DAILY, false],
    [at('2026-12-31', 2), at('2026-12-30', 1), NEVER, true],
    [at('2026-12-31', 1), at('2026-12-30', 1), NEVER, false],
    [at('2026-12-31', 1), at('2026-12-30', 1), null, true],
    [at('2026-12-31', 2), at('2026-12-30', 1), null, true],
    [at('2026-12-31', 3), at('2026-12-30', 1), null, false],
    [at('2026-12-31', 9), null, null, true],
  ] as const)
    assert.equal(sequenceFollows(batch, before, rule), follows, JSON.stringify([batch, before, rule]));
});
