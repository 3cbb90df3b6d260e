import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { loadClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { startDatabase, type RunningDatabase } from '../database/database.ts';
import { openDatabase, type Database } from '../store/connection.ts';
import { migrateDatabase } from '../store/migrate.ts';
import { streamRows } from '../store/row-stream.ts';
import {
  CLEARING_DATE,
  dataKeyOf,
  FIXTURE_KEYS,
  writeParties,
  writeSettled,
  type FixtureJourney,
} from '../store/settled-day.fixture.ts';
import { StoreFault } from '../store/store-fault.ts';
import { closeDay } from './close-day.ts';
import type { ClosingStep } from './closing.ts';

// The database ends every session of a closing at each of its steps: the closing fails by name, this process lives, and the next run ends in
// the same files.

const DATABASE = `close_day_lost_${process.pid}`;
const AT = Date.parse('2026-11-20T00:10:00Z');
const STEPS: readonly ClosingStep[] = ['cut_over', 'piece_written', 'file_built', 'batch_recorded'];
const DAY: readonly FixtureJourney[] = Array.from({ length: 12 }, (_, index) => ({
  card: index + 1,
  bankId: index % 2 === 0 ? 'BANK1' : 'BANK2',
  serviceDate: '2026-11-20',
  lineId: 'BUS',
  rail: 'offline_purchase',
  fareFen: 200,
  taps: [
    { terminal: 'BUS00001', sequence: index + 1, atMs: AT + index, kind: 'single', atc: 1, amountFen: 200 },
  ],
}));

let server: RunningDatabase;
let database: Database;
let executioner: Database;
const folders: string[] = [];

before(async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-close-lost-'));
  folders.push(dataDir);
  server = await startDatabase({ dataDir, databaseUrl: process.env['DATABASE_URL'] ?? null });
  const url = await server.createDatabase(DATABASE);
  await migrateDatabase(url);
  database = await openDatabase(url);
  executioner = await openDatabase(url, { hotConnections: 1, ormConnections: 1 });
  await writeParties(database.hot);
  await writeSettled(database.hot, DAY);
});

after(async () => {
  await database.close();
  await executioner.close();
  await server.dropDatabase(DATABASE);
  await server.destroy();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function outDir(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-close-lost-files-'));
  folders.push(folder);
  return folder;
}

/** Ends every other session of this database. */
async function endSessions(): Promise<void> {
  const ended = await executioner.hot`
    select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`;
  assert.ok(ended.length > 0);
}

async function close(dir: string, reached: (step: ClosingStep) => void): Promise<void> {
  const closed = await closeDay(
    {
      database,
      keys: FIXTURE_KEYS,
      dataKeyOf,
      calendar: loadCalendar(),
      profiles: loadClearingProfiles(),
      outDir: dir,
      reached,
    },
    { clearingDate: CLEARING_DATE, cutAtMs: AT + 86_400_000 },
  );
  assert.ok('batches' in closed);
}

function hashesOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => path.relative(dir, file) + createHash('sha256').update(readFileSync(file)).digest('hex'));
}

test('a cursor whose session ends between two pieces fails, and does not say that there are no more rows', async () => {
  const seen: number[] = [];
  const read = async (): Promise<void> => {
    const numbers = streamRows(database, [], (sql) =>
      sql<{ n: number }[]>`select n from generate_series(1, 10) as n`.cursor(2),
    );
    for await (const piece of numbers) {
      seen.push(...piece.map(({ n }) => n));
      if (seen.length === 4) await endSessions();
    }
  };
  await assert.rejects(read(), StoreFault);
  assert.deepEqual(seen, [1, 2, 3, 4]);
});

test('a cursor that is left early lets go of its connection', async () => {
  for (let round = 0; round < 8; round += 1) {
    const numbers = streamRows(database, [], (sql) =>
      sql<{ n: number }[]>`select n from generate_series(1, 10) as n`.cursor(2),
    );
    for await (const piece of numbers) {
      assert.equal(piece.length, 2);
      break;
    }
  }
});

for (const step of STEPS) {
  test(`a closing whose sessions end at ${step} fails by name and is finished by the next run`, async () => {
    // A step is told in the middle of the work: the sessions end while it goes on, or at its end, and then its lock was lost.
    const endings: Promise<void>[] = [];
    const closing = close(outDir(), (reached) => {
      if (reached === step && endings.length === 0) endings.push(endSessions());
    });
    await assert.rejects(closing, StoreFault);
    await Promise.all(endings);
  });
}

test('after all that the day closes, and once more into the same bytes', async () => {
  const [first, second] = [outDir(), outDir()];
  // Each connection of the pool learns of its end when it is used next: an operator would try again as well.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const isClosed = await close(first, () => undefined).then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof StoreFault);
        return false;
      },
    );
    if (isClosed) break;
  }
  await close(second, () => undefined);
  assert.ok(hashesOf(first).length > 0);
  assert.deepEqual(hashesOf(first), hashesOf(second));
});
