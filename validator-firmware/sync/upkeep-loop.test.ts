import assert from 'node:assert/strict';
import { afterEach, describe, mock, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { TapGateError } from '@tapgate/sdk/error';
import type { SyncReport } from './sync-lists.ts';
import { UpkeepLoop, type UpkeepRound } from './upkeep-loop.ts';

const EVERY_MS = 60_000;
const IN_TOUCH: SyncReport = { lists: [], clockSkewMs: 0, stoppedBy: null };
const ALONE: SyncReport = { lists: [], clockSkewMs: null, stoppedBy: 'gateway_unreachable' };

/** A loop whose time is the test's, and what it was answered. */
function upkeep(chance: number) {
  mock.timers.enable({ apis: ['setTimeout'] });
  const answer: { synced: SyncReport | Error; reported: Error | null } = { synced: IN_TOUCH, reported: null };
  const rounds: UpkeepRound[] = [];
  const faults: unknown[] = [];
  let [syncs, reports] = [0, 0];
  const loop = new UpkeepLoop({
    sync: () => {
      syncs++;
      return answer.synced instanceof Error ? Promise.reject(answer.synced) : Promise.resolve(answer.synced);
    },
    report: () => {
      reports++;
      return answer.reported === null ? Promise.resolve() : Promise.reject(answer.reported);
    },
    onRound: (round) => rounds.push(round),
    onFault: (error) => faults.push(error),
    everyMs: EVERY_MS,
    random: () => chance,
  });
  const pass = async (ms: number): Promise<void> => {
    await setImmediate();
    mock.timers.tick(ms);
    await setImmediate();
  };
  /** How long the loop pauses before it begins its next round, to the second. */
  const pauseS = async (): Promise<number> => {
    await setImmediate();
    const before = syncs;
    for (let seconds = 0; seconds <= 100; seconds += 0.25) {
      if (syncs > before) return seconds;
      await pass(250);
    }
    return assert.fail('no further round');
  };
  const stop = async (): Promise<void> => {
    await loop.stop();
    mock.timers.reset();
  };
  const counts = () => ({ syncs, reports });
  return { loop, answer, rounds, faults, pass, pauseS, stop, counts };
}

describe('upkeep of a gate', () => {
  afterEach(() => {
    mock.timers.reset();
  });

  test('the first round is at once, and the next a minute later, by chance a quarter more or less', async () => {
    for (const [chance, seconds] of [
      [0, 45],
      [0.5, 60],
      [1, 75],
    ] as const) {
      const { pauseS, stop, counts } = upkeep(chance);
      await setImmediate();
      assert.deepEqual(counts(), { syncs: 1, reports: 1 });
      assert.equal(await pauseS(), seconds);
      await stop();
    }
  });

  test('while nobody answers nothing is reported, and pauses double from a second to the ordinary one', async () => {
    const { answer, rounds, pauseS, stop, counts } = upkeep(1);
    answer.synced = ALONE;
    assert.equal(await pauseS(), 75);
    const pauses: number[] = [];
    for (let round = 0; round < 8; round++) pauses.push(await pauseS());
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert.equal(counts().reports, 1);
    assert.equal(rounds.at(-1)?.reportStoppedBy, 'gateway_unreachable');
    answer.synced = IN_TOUCH;
    await pauseS();
    assert.equal(await pauseS(), 75);
    await stop();
  });

  test('by chance a pause is half of that, so that the gates of a city do not come in one moment', async () => {
    const { answer, pauseS, stop } = upkeep(0);
    answer.synced = ALONE;
    await pauseS();
    assert.deepEqual([await pauseS(), await pauseS(), await pauseS()], [0.5, 1, 2]);
    await stop();
  });

  test('a report that is not taken is a round without touch; one of our own faults ends no loop', async () => {
    const { answer, rounds, faults, pauseS, stop } = upkeep(1);
    await pauseS();
    answer.reported = new TapGateError({ code: 'overloaded' });
    await pauseS();
    assert.deepEqual(rounds.at(-1), { synced: IN_TOUCH, reportStoppedBy: 'overloaded' });
    assert.equal(await pauseS(), 1);
    answer.reported = new TypeError('own');
    assert.equal(await pauseS(), 2);
    answer.synced = new TypeError('own');
    assert.equal(await pauseS(), 4);
    assert.deepEqual(
      faults.map((fault) => fault instanceof TypeError),
      [true, true],
    );
    await stop();
  });

  test('a loop in a hurry asks at once', async () => {
    const { loop, pass, stop, counts } = upkeep(0.5);
    await pass(1_000);
    loop.hurry();
    await setImmediate();
    assert.equal(counts().syncs, 2);
    await stop();
  });

  test('it stops in a pause at once, and in a round when the round is over', async () => {
    const { stop, counts, pass } = upkeep(0.5);
    await pass(1_000);
    await stop();
    assert.deepEqual(counts(), { syncs: 1, reports: 1 });
    let release: (report: SyncReport) => void = () => undefined;
    let isStopped = false;
    const loop = new UpkeepLoop({
      sync: () => new Promise((resolve) => (release = resolve)),
      ...{ report: () => Promise.resolve(), onRound: () => undefined, onFault: assert.ifError },
    });
    const stopping = loop.stop().then(() => (isStopped = true));
    await setImmediate();
    assert.equal(isStopped, false);
    release(IN_TOUCH);
    await stopping;
  });
});
