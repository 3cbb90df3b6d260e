import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TwoLanes } from './two-lanes.ts';

const taken = (lanes: TwoLanes<string>): string[] => {
  const all: string[] = [];
  for (let item = lanes.take(); item !== undefined; item = lanes.take()) all.push(item);
  return all;
};

describe('two lanes', () => {
  test('a live tap goes before a backlog that came earlier', () => {
    const lanes = new TwoLanes<string>();
    for (const bulk of ['b1', 'b2', 'b3']) lanes.push(bulk, 'after');
    lanes.push('live', 'first');
    assert.deepEqual([lanes.size, lanes.peek()], [4, 'live']);
    assert.deepEqual(taken(lanes), ['live', 'b1', 'b2', 'b3']);
    assert.deepEqual([lanes.size, lanes.peek(), lanes.take()], [0, undefined, undefined]);
  });

  test('of eight that go one is of the backlog, however many live ones there are', () => {
    const lanes = new TwoLanes<string>();
    for (let index = 0; index < 40; index++) lanes.push('live', 'first');
    for (let index = 0; index < 3; index++) lanes.push('bulk', 'after');
    const places = taken(lanes).flatMap((item, index) => (item === 'bulk' ? [index] : []));
    assert.deepEqual(places, [7, 15, 23]);
  });

  test('within a lane it is the order of arrival, and nobody is lost when those before were let go of', () => {
    const lanes = new TwoLanes<number>();
    const seen: number[] = [];
    let next = 0;
    for (let round = 0; round < 100; round++) {
      for (let index = 0; index < 17; index++) lanes.push(next++, 'after');
      for (let index = 0; index < 13; index++) seen.push(lanes.take() ?? -1);
    }
    for (let item = lanes.take(); item !== undefined; item = lanes.take()) seen.push(item);
    assert.deepEqual(
      seen,
      Array.from({ length: 1_700 }, (_, index) => index),
    );
  });
});
