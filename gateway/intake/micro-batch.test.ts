import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { MicroBatch } from './micro-batch.ts';

/** Runs that end when the test says so. */
function heldRuns(): {
  batches: number[][];
  release: () => Promise<void>;
  run: (items: number[]) => Promise<void>;
} {
  const batches: number[][] = [];
  const ends: (() => void)[] = [];
  return {
    batches,
    run: (items) => {
      batches.push(items);
      return new Promise((resolve) => ends.push(resolve));
    },
    release: async () => {
      ends.shift()?.();
      await setImmediate();
    },
  };
}

test('while as many runs are under way as may be, items gather, and the next run takes them together', async () => {
  const { batches, run, release } = heldRuns();
  const batch = new MicroBatch<number>(
    { sizeMax: 3, sizeEnough: 3, gatherMs: () => 60_000, inFlightMax: 1 },
    run,
  );
  for (const item of [1, 2, 3, 4, 5, 6, 7]) batch.push([item]);
  assert.deepEqual(batches, [[1, 2, 3]]);
  assert.equal(batch.waiting, 4);
  await release();
  assert.deepEqual(batches, [
    [1, 2, 3],
    [4, 5, 6],
  ]);
  await release();
  assert.equal(batch.waiting, 1, 'too few to be worth a run: they wait for company');
});

test('a few items go when their time of waiting is over, and not while a run is under way', async () => {
  const { batches, run, release } = heldRuns();
  const batch = new MicroBatch<number>({ sizeMax: 9, sizeEnough: 9, gatherMs: () => 5, inFlightMax: 2 }, run);
  batch.push([1]);
  assert.deepEqual(batches, []);
  await setTimeout(30);
  batch.push([2]);
  await setTimeout(30);
  assert.deepEqual(batches, [[1]]);
  await release();
  await setTimeout(30);
  assert.deepEqual(batches, [[1], [2]]);
  await release();
});

test('who has waited for a run as long as for company goes when it is over', async () => {
  const { batches, run, release } = heldRuns();
  const batch = new MicroBatch<number>(
    { sizeMax: 9, sizeEnough: 9, gatherMs: () => 200, inFlightMax: 1 },
    run,
  );
  batch.push([1]);
  await setTimeout(260);
  batch.push([2]);
  await setTimeout(260);
  assert.deepEqual(batches, [[1]]);
  await release();
  assert.deepEqual(batches, [[1], [2]]);
  await release();
});

test('who was gathered before goes at once with whoever waits, and only waits for a run that is under way', async () => {
  const { batches, run, release } = heldRuns();
  const batch = new MicroBatch<number>(
    { sizeMax: 9, sizeEnough: 9, gatherMs: () => 60_000, inFlightMax: 1 },
    run,
  );
  batch.push([1]);
  batch.pushGathered([2, 3]);
  assert.deepEqual(batches, [[1, 2, 3]]);
  batch.pushGathered([4]);
  assert.deepEqual(batches, [[1, 2, 3]]);
  await release();
  assert.deepEqual(batches, [[1, 2, 3], [4]]);
  batch.push([5]);
  await release();
  assert.equal(batch.waiting, 1, 'nobody was gathered before: it waits for company');
});

test('a full batch starts at once, and a second beside it where that is allowed', async () => {
  const { batches, run, release } = heldRuns();
  const batch = new MicroBatch<number>({ sizeMax: 2, sizeEnough: 2, gatherMs: () => 0, inFlightMax: 2 }, run);
  for (const item of [1, 2, 3, 4, 5]) batch.push([item]);
  assert.deepEqual(batches, [
    [1, 2],
    [3, 4],
  ]);
  await release();
  await release();
  await setTimeout(10);
  assert.deepEqual(batches.at(-1), [5]);
  await release();
});

test('who is in the first lane is in the next run, before a backlog that came earlier', async () => {
  const { batches, run, release } = heldRuns();
  const batch = new MicroBatch<number>({ sizeMax: 3, sizeEnough: 3, gatherMs: () => 0, inFlightMax: 1 }, run);
  batch.push([1, 2, 3, 4, 5, 6, 7], 'after');
  batch.push([100]);
  assert.deepEqual(batches, [[1, 2, 3]]);
  await release();
  assert.deepEqual(batches[1], [100, 4, 5]);
  await release();
});
