import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { applyDelta, installSnapshot } from './install-names.ts';
import { ListStore } from './list-store.ts';
import { announced, cardOf, delta, snapshot } from './name-list.fixture.ts';

/**
 * Version v of the list is the cards [v * STEP, v * STEP + LENGTH): each delta moves the window, every tenth version is a snapshot
 * anew. A child applies one after the other and is killed at a moment that the seed names; whatever version the store then says it
 * has, its cards must be exactly those.
 */
const KILLS = Number(process.env['LIST_KILLS'] ?? 5);
const SEED = Number(process.env['LIST_KILL_SEED'] ?? 20_261_122);
const STORAGE_KEY = Buffer.alloc(32, 0x4c);
const CHILD_DIRECTORY = process.env['LIST_CHILD_DIRECTORY'];
const STEP = 20;
const LENGTH = 200;
const VERSIONS_MAX = 2_000;

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const cardsOf = (version: number) => range(version * STEP, version * STEP + LENGTH);

if (CHILD_DIRECTORY === undefined) {
  test(`a store of lists killed ${KILLS} times has one version or the next, never a mix (seed ${SEED})`, async (context) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'lists-kill-'));
    const versions: number[] = [];
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        const afterMs = ((((SEED + kill) * 1_103_515_245 + 12_345) % 2 ** 31) % 150) + 5;
        const printed = await changeUntilKilled(directory, afterMs);
        const lists = await ListStore.open({ directory, storageKey: STORAGE_KEY });
        const held = lists.held('hotlist');
        assert.ok(held);
        const { version } = held;
        assert.ok(
          version === printed || version === printed + 1,
          `${printed} was printed, ${version} is held`,
        );
        const around = range(Math.max(0, (version - 3) * STEP), (version + 3) * STEP + LENGTH);
        const found = around.filter((card) => held.has(held.nameOf(cardOf(card))));
        assert.deepEqual(found, cardsOf(version));
        await lists.close();
        versions.push(version);
      }
      context.diagnostic(`killed at versions ${versions.join(', ')}`);
      assert.ok((versions.at(-1) ?? 0) > KILLS, 'the child got somewhere between the kills');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
} else {
  await changeForEver(CHILD_DIRECTORY);
}

async function changeForEver(directory: string): Promise<void> {
  const lists = await ListStore.open({ directory, storageKey: STORAGE_KEY });
  const from = lists.held('hotlist')?.version ?? 0;
  process.stdout.write(`version ${from}\n`);
  for (let version = from + 1; version < VERSIONS_MAX; version++) {
    const isWhole = version === 1 || version % 10 === 0;
    if (isWhole) {
      const cards = cardsOf(version);
      await installSnapshot(lists, announced(snapshot({ kind: 'hotlist', version, cards })));
    } else {
      const last = version * STEP;
      const removed = range(last - STEP, last);
      const added = range(last + LENGTH - STEP, last + LENGTH);
      await applyDelta(lists, announced(delta({ kind: 'hotlist', version, added, removed })));
    }
    process.stdout.write(`version ${version}\n`);
  }
}

/** @returns the last version that the child had printed when it was killed, so long after its first change */
async function changeUntilKilled(directory: string, afterMs: number): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url)], {
    env: { ...process.env, LIST_CHILD_DIRECTORY: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let text = '';
  const versions = (): number[] => [...text.matchAll(/^version (\d+)$/gm)].map((match) => Number(match[1]));
  const began = new Promise<void>((resolve) => {
    child.stdout.on('data', (part: Buffer) => {
      text += part.toString();
      if (versions().length >= 2) resolve();
    });
  });
  await began;
  await wait(afterMs);
  child.kill('SIGKILL');
  await exited;
  return versions().at(-1) ?? 0;
}
