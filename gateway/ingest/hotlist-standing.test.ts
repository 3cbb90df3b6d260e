import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hotlistStanding } from './hotlist-standing.ts';

const TAPPED_AT_MS = 1_000;
/** Added with version 5, before the tap; removed with version 8. */
const STAY = { addedVersion: 5, addedAtMs: 500, removedVersion: 8 };

const cases: readonly [
  name: string,
  version: number,
  bounds: [floor: number, ceiling: number] | null,
  expected: string,
][] = [
  ['a record is believed where nothing bounds it', 4, null, 'listed_later'],
  ['an older list within its age makes a debt', 4, [3, 6], 'listed_later'],
  ['the list that named the card makes a loss', 5, [3, 6], 'on_held_list'],
  ['a terminal that reported a newer version may not record an older one', 4, [5, 6], 'on_held_list'],
  ['a version that is not out yet does not clear a card', 9, [3, 6], 'on_held_list'],
  ['a version from which the card was gone clears it', 8, [3, 8], 'clear'],
  ['bounds do not make a card listed that was not', 4, [4, 4], 'listed_later'],
];

for (const [name, version, bounds, expected] of cases) {
  test(name, () => {
    const recorded = { version, bounds: bounds === null ? null : { floor: bounds[0], ceiling: bounds[1] } };
    assert.equal(hotlistStanding([STAY], recorded, TAPPED_AT_MS), expected);
  });
}
