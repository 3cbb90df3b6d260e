import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { tapSequence } from '@tapgate/sdk/wire/identifiers';
import { TapJournal } from './tap-journal.ts';

/**
 * What a power cut leaves of a write-ahead log: everything up to the last synced write, and of what came after it any part, with the
 * rest missing, zero (space that the file system had given out already) or noise (a page that was being written). The journal is
 * written once; then each such end of the log is made, opened and questioned.
 * JOURNAL_CUT_EVERY=1 cuts after every byte, as it was run when this was written (1,499 cuts, none lost anything).
 */
const EVERY_BYTES = Number(process.env['JOURNAL_CUT_EVERY'] ?? 17);
const STORAGE_KEY = Buffer.alloc(32, 0x4b);
const recordOf = (sequence: number) => Buffer.from(`record ${sequence} `.repeat(3), 'ascii');
const open = (directory: string) =>
  TapJournal.open({ directory, storageKey: STORAGE_KEY, unacknowledgedMax: 100 });

/** What the device had been promised when the log was so long: by sequence, what must be there. */
type Promised = {
  readonly logBytes: number;
  readonly write: string;
  readonly kept: readonly number[];
  readonly aside: readonly number[];
};

describe('tap journal, power loss at every byte of every write', () => {
  let folder = '';
  let master = '';
  let logFile = '';
  const promises: Promised[] = [];

  before(async () => {
    // The cut is made by hand, so nothing depends on what a sync really does: in memory it costs nothing.
    const memory = '/dev/shm';
    folder = await mkdtemp(path.join(existsSync(memory) ? memory : tmpdir(), 'tap-journal-power-'));
    master = path.join(folder, 'master');
    const journal = await open(master);
    const [log, ...others] = (await readdir(master)).filter((name) => name.endsWith('.log'));
    assert.ok(log !== undefined && others.length === 0);
    logFile = log;
    const note = async (write: string, kept: number[], aside: number[]): Promise<void> => {
      const logBytes = (await readFile(path.join(master, logFile))).length;
      promises.push({ logBytes, write, kept, aside });
    };
    await note('opened', [], []);
    const cardKey = 'AB'.repeat(16);
    const recentTap = { cardKey, atc: 7, tappedAtMs: 1_000, opened: true } as Parameters<
      TapJournal['append']
    >[1];
    for (const sequence of [1, 2, 3, 4]) {
      await journal.append(recordOf, recentTap);
      await note(
        `append ${sequence}`,
        Array.from({ length: sequence }, (_, index) => index + 1),
        [],
      );
    }
    await journal.setAside({ tapSequence: tapSequence(2), record: recordOf(2) }, 'terminal_mac_invalid');
    await note('set aside 2', [1, 3, 4], [2]);
    await journal.acknowledge([tapSequence(1), tapSequence(3)]);
    await note('acknowledge 1 and 3', [4], [2]);
    await journal.append(recordOf);
    await note('append 5', [4, 5], [2]);
    await journal.close();
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** Opens the journal as the power cut left it and asks for every promise that had been given by then. */
  async function question(log: Buffer, given: Promised, next: Promised, what: string): Promise<void> {
    const directory = path.join(folder, 'after');
    await cp(master, directory, { recursive: true });
    await truncate(path.join(directory, logFile));
    await writeFile(path.join(directory, logFile), log);
    const journal = await open(directory);
    try {
      const entries = await journal.oldestUnacknowledged(100);
      const kept = entries.map((entry) => Number(entry.tapSequence));
      const aside = (await journal.listRefused(100)).map((entry) => Number(entry.tapSequence));
      // The write under way is there whole, or not at all.
      const said = JSON.stringify([kept, aside]);
      const expected = [given, next].map((state) => JSON.stringify([state.kept, state.aside]));
      assert.ok(expected.includes(said), `${what}: ${said}, expected ${expected.join(' or ')}`);
      for (const { tapSequence: sequence, record } of entries)
        assert.deepEqual(Buffer.from(record), recordOf(sequence), what);
      const last = Math.max(0, ...kept, ...aside);
      const appended = await journal.append(recordOf);
      assert.ok(appended.tapSequence > last, `${what}: a sequence is never used twice`);
      assert.equal(journal.unacknowledgedCount(), kept.length + 1, what);
    } finally {
      await journal.close();
      await rm(directory, { recursive: true });
    }
  }

  test('what had been promised is there, the write under way whole or not at all, and no sequence is used twice', async (context) => {
    const whole = await readFile(path.join(master, logFile));
    let cuts = 0;
    for (const [index, given] of promises.entries()) {
      const next = promises[index + 1];
      if (next === undefined) break;
      assert.ok(next.logBytes > given.logBytes, next.write);
      for (let end = given.logBytes; end <= next.logBytes; end += EVERY_BYTES) {
        const cut = whole.subarray(0, end);
        const what = `${next.write}, cut after byte ${end} of ${given.logBytes}..${next.logBytes}`;
        await question(Buffer.from(cut), given, next, what);
        cuts++;
        if (cuts % 4 !== 0) continue;
        await question(Buffer.concat([cut, Buffer.alloc(4_096)]), given, next, `${what}, then zeros`);
        await question(Buffer.concat([cut, Buffer.alloc(512, 0xa5)]), given, next, `${what}, then noise`);
        cuts += 2;
      }
    }
    context.diagnostic(`${cuts} power cuts over ${promises.length - 1} writes`);
    assert.ok(cuts * EVERY_BYTES > 1_000);
  });
});
