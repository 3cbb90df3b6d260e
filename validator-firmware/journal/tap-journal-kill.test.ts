import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TapJournal } from './tap-journal.ts';

/**
 * A child process appends as fast as it can and prints each sequence once the append has returned; the parent kills it with
 * SIGKILL at a moment that the seed names, opens the journal and looks for every printed sequence.
 */
const KILLS = Number(process.env['JOURNAL_KILLS'] ?? 5);
const SEED = Number(process.env['JOURNAL_KILL_SEED'] ?? 20_261_121);
const STORAGE_KEY = Buffer.alloc(32, 0x4b);
const CHILD_DIRECTORY = process.env['JOURNAL_CHILD_DIRECTORY'];
const recordOf = (sequence: number) => Buffer.alloc(700, sequence & 0xff);
const openJournal = (directory: string) =>
  TapJournal.open({ directory, storageKey: STORAGE_KEY, unacknowledgedMax: 1_000_000 });

if (CHILD_DIRECTORY === undefined) {
  test(`a journal killed ${KILLS} times loses no append that had returned (seed ${SEED})`, async (context) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'tap-journal-kill-'));
    let returned = 0;
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        // A small linear congruential step is random enough to choose after which append the power goes.
        const appendsBeforeKill = 1 + ((((SEED + kill) * 1_103_515_245 + 12_345) % 2 ** 31) % 40);
        returned = Math.max(returned, await appendUntilKilled(directory, appendsBeforeKill));
        const journal = await openJournal(directory);
        const sequences = (await journal.oldestUnacknowledged(1_000_000)).map((entry) => entry.tapSequence);
        await journal.close();
        assert.deepEqual(
          sequences,
          Array.from({ length: sequences.length }, (_, index) => index + 1),
        );
        assert.ok(sequences.length >= returned, `${returned} had returned, ${sequences.length} are kept`);
      }
      context.diagnostic(`${returned} appends had returned, none lost`);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
} else {
  await appendForEver(CHILD_DIRECTORY);
}

async function appendForEver(directory: string): Promise<never> {
  const journal = await openJournal(directory);
  for (;;) {
    const entry = await journal.append(recordOf);
    process.stdout.write(`returned ${entry.tapSequence}\n`);
  }
}

/** @returns the last sequence that the child had printed when it was killed */
async function appendUntilKilled(directory: string, appends: number): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url)], {
    env: { ...process.env, JOURNAL_CHILD_DIRECTORY: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let last = 0;
  let count = 0;
  assert.ok(child.stdout);
  for await (const line of createInterface({ input: child.stdout })) {
    const match = /^returned (\d+)$/.exec(line);
    if (match === null) continue;
    last = Number(match[1]);
    count++;
    if (count === appends) child.kill('SIGKILL');
  }
  await exited;
  return last;
}
