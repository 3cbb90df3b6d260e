import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ASKING_ENDS } from '../tap-record/asked-gateway.ts';
import { summaryOfAsking } from './asking-counts.ts';

// end, and whether it counts as asked, in time, alone
const ROWS = [
  ['judged', 1, 1, 0],
  ['late', 1, 0, 1],
  ['refused', 1, 0, 1],
  ['not_understood', 1, 0, 1],
  ['unreachable', 1, 0, 1],
  ['used_up', 0, 0, 1],
  ['resting', 0, 0, 1],
  ['not_needed', 0, 0, 0],
] as const;

test('what is asked, in time and alone of each way in which a tap is decided', () => {
  for (const [end, asked, inTime, alone] of ROWS)
    assert.deepEqual(summaryOfAsking({ ends: { [end]: 1 } }), { asked, inTime, alone }, end);
  assert.deepEqual(
    ROWS.map(([end]) => end),
    [...ASKING_ENDS],
  );
});

test('they add up, and what is left out is none', () => {
  assert.deepEqual(summaryOfAsking({ ends: {} }), { asked: 0, inTime: 0, alone: 0 });
  const all = Object.fromEntries(ASKING_ENDS.map((end, index) => [end, 10 ** index]));
  assert.deepEqual(summaryOfAsking({ ends: all }), { asked: 11_111, inTime: 1, alone: 1_111_110 });
});
