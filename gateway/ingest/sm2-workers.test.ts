import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { getPriority } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { generateSm2KeyPair, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { Sm2Workers } from './sm2-workers.ts';

const { privateKey, publicKeyXy } = generateSm2KeyPair();
const message = Buffer.from('a session', 'ascii');
const claim = { publicKeyXy, message, signatureRs: sm2Sign({ privateKey, publicKeyXy, message }) };
const forged = { ...claim, message: Buffer.from('another', 'ascii') };

test('a live tap is checked before the proofs and backlogs that came earlier', async () => {
  const workers = new Sm2Workers(1);
  try {
    const ends: string[] = [];
    const checks = Array.from({ length: 60 }, (_, index) =>
      workers.check([index % 2 === 0 ? claim : forged], 'after').then((held) => {
        ends.push('after');
        return held;
      }),
    );
    const live = workers.check([claim, forged], 'first').then((held) => {
      ends.push('live');
      return held;
    });
    assert.deepEqual(await live, [true, false]);
    // The thread had two messages at hand when it came, each of one claim.
    assert.equal(ends.indexOf('live'), 2);
    assert.deepEqual(
      await Promise.all(checks),
      checks.map((_, index) => [index % 2 === 0]),
    );
  } finally {
    await workers.stop();
  }
});

test('what nobody wants any more when a thread has room is not checked, and what stands behind it is', async () => {
  const workers = new Sm2Workers(1);
  try {
    let isOverdue = false;
    const before = Array.from({ length: 2 }, () => workers.check([claim], 'first'));
    const given = workers.checkWhileWanted([claim, claim], 'first', () => !isOverdue);
    const behind = workers.checkWhileWanted([forged], 'first', () => true);
    isOverdue = true;
    assert.deepEqual(await Promise.all([...before, given, behind]), [[true], [true], null, [false]]);
    assert.equal(workers.verifications, 3);
    assert.equal(workers.waiting, 0);
  } finally {
    await workers.stop();
  }
});

test('threads that stop answer nobody, whichever lane they wait in', async () => {
  const workers = new Sm2Workers(1);
  const asked = (['first', 'after'] as const).map((lane) =>
    assert.rejects(workers.check([claim], lane), /SM2 thread/),
  );
  await workers.stop();
  await Promise.all(asked);
});

const FIXTURE = path.join(import.meta.dirname, 'thread-niceness-process.fixture.ts');

test(
  'signature threads go behind the other threads of a process, whatever its own priority is',
  { skip: process.platform === 'linux' ? false : 'threads have a priority of their own on Linux only' },
  async () => {
    const node = [process.execPath, '--import', 'tsx', FIXTURE];
    const { stdout } = await promisify(execFile)('nice', ['-n', '3', ...node]);
    const [first = -1, lowest = -1] = JSON.parse(stdout) as number[];
    assert.equal(first, Math.min(getPriority() + 3, 19));
    assert.equal(lowest, Math.min(first + 5, 19));
  },
);
