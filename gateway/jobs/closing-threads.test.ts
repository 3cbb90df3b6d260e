import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { loadClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { startDatabase, type RunningDatabase } from '../database/database.ts';
import { KeyFault } from '../keys/key-provider.ts';
import { readBatches } from '../store/clearing-batches.ts';
import { openDatabase, type Database, type Transaction } from '../store/connection.ts';
import { migrateDatabase } from '../store/migrate.ts';
import {
  CLEARING_DATE,
  dataKeyOf,
  FIXTURE_KEYS,
  writeParties,
  writeSettled,
  type FixtureJourney,
} from '../store/settled-day.fixture.ts';
import { StoreFault } from '../store/store-fault.ts';
import { closeDay, type ClosedDay } from './close-day.ts';
import type { ClosingDependencies } from './closing.ts';

// Files made on threads: the bytes of one thread, and a fault of one thread ends the closing by its own name with nothing published.

const AT = Date.parse('2026-11-20T00:10:00Z');
const CUT_AT = AT + 86_400_000;
/** Of two banks and both kinds, a fifth with a part that a funder pays. */
const DAY: readonly FixtureJourney[] = Array.from({ length: 40 }, (_, index) => {
  const card = index + 1;
  const isBus = card % 3 !== 0;
  return {
    card,
    bankId: card % 2 === 0 ? 'BANK1' : 'BANK2',
    serviceDate: '2026-11-20',
    lineId: isBus ? 'BUS' : 'METRO',
    rail: isBus ? 'offline_purchase' : 'oda',
    fareFen: 200,
    ...(card % 5 === 0 ? { claim: { listFareFen: 300, claimedFen: 100 } } : {}),
    taps: [
      {
        terminal: isBus ? 'BUS00001' : 'GATE0001',
        sequence: card,
        atMs: AT + card,
        kind: 'single',
        atc: card,
        amountFen: 200,
      },
    ],
  };
});

let server: RunningDatabase;
let url: string;
let database: Database;
let opened = 0;
const names: string[] = [];
const folders: string[] = [];

before(async () => {
  server = await startDatabase({ dataDir: folder(), databaseUrl: process.env['DATABASE_URL'] ?? null });
});

beforeEach(freshDay);

/** A database with the settled day, and nothing closed. */
async function freshDay(): Promise<void> {
  if (opened > 0) await database.close();
  opened += 1;
  const name = `closing_threads_${process.pid}_${opened}`;
  names.push(name);
  url = await server.createDatabase(name);
  await migrateDatabase(url);
  database = await openDatabase(url);
  await writeParties(database.hot);
  await writeSettled(database.hot, DAY);
}

/** Changes rows that the database itself keeps from being changed. */
async function unguarded(change: (sql: Transaction) => Promise<unknown>): Promise<void> {
  await database.hot.begin(async (transaction) => {
    await transaction`set local session_replication_role = replica`;
    await change(transaction);
  });
}

after(async () => {
  await database.close();
  for (const name of names) await server.dropDatabase(name);
  await server.destroy();
  for (const own of folders) rmSync(own, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'tapgate-closing-threads-'));
  folders.push(made);
  return made;
}

async function close(outDir: string, more: Partial<ClosingDependencies>): Promise<ClosedDay> {
  const closed = await closeDay(
    {
      database,
      keys: FIXTURE_KEYS,
      dataKeyOf,
      calendar: loadCalendar(),
      profiles: loadClearingProfiles(),
      outDir,
      ...more,
    },
    { clearingDate: CLEARING_DATE, cutAtMs: CUT_AT },
  );
  assert.ok('batches' in closed);
  return closed;
}

const threadsAt = (databaseUrl: string): Pick<ClosingDependencies, 'threads'> => ({
  threads: { databaseUrl, count: 2, fromJourneys: 0 },
});

/** Hashes of all files but what is signed anew in every database. */
function hashesOf(outDir: string): string[] {
  return readdirSync(outDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(sig|chk)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map(
      (file) =>
        `${path.relative(outDir, file)} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`,
    );
}

const filesIn = (outDir: string): string[] =>
  readdirSync(outDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

test('files, batches and their order are those of one thread; building again on threads makes the same', async () => {
  const onThreads = folder();
  const closed = await close(onThreads, threadsAt(url));
  const again = folder();
  const inThisThread = await close(again, {});
  assert.deepEqual(closed.batches, inThisThread.batches);
  assert.ok(closed.batches.reduce((sum, batch) => sum + batch.records, 0) > DAY.length / 2);
  assert.deepEqual(hashesOf(onThreads), hashesOf(again));
  const third = folder();
  await close(third, threadsAt(url));
  assert.deepEqual(hashesOf(third), hashesOf(again));
});

test('the manifests of a party are chained in the order of its batches, whichever file was made first', async () => {
  await close(folder(), threadsAt(url));
  const batches = await readBatches(database, { clearingDate: CLEARING_DATE });
  for (const party of new Set(batches.map((batch) => batch.party))) {
    const own = batches.filter((batch) => batch.party === party);
    own.forEach((batch, place) => {
      const previous = own[place - 1]?.manifestSm3 ?? null;
      assert.deepEqual(batch.previousManifestSm3, previous, `${party} ${batch.kind}`);
    });
  }
});

test('a thread that finds no database ends the closing by that name, with nothing half made, and the next run is whole', async () => {
  const gone = new URL(url);
  gone.pathname = '/no_such_database';
  const outDir = folder();
  await assert.rejects(close(outDir, threadsAt(gone.href)), StoreFault);
  const recorded = await readBatches(database, { clearingDate: CLEARING_DATE });
  assert.ok(recorded.length < 7);
  assert.deepEqual(
    filesIn(outDir).filter((name) => name.startsWith('.')),
    [],
  );
  assert.equal(filesIn(outDir).filter((name) => name.endsWith('.chk')).length, recorded.length);
  await close(outDir, threadsAt(url));
  const reference = folder();
  await close(reference, {});
  assert.deepEqual(hashesOf(outDir), hashesOf(reference));
});

test('a data key that cannot be opened ends the closing with the fault of the keystore, and nothing of the batch is left', async () => {
  const outDir = folder();
  const fault = new KeyFault('the wrapping key is not there');
  const closing = close(outDir, { ...threadsAt(url), dataKeyOf: () => Promise.reject(fault) });
  await assert.rejects(closing, (error) => error === fault);
  assert.deepEqual(
    filesIn(outDir).filter((name) => name.startsWith('.')),
    [],
  );
});

test('a tap that lies under another date or rail than its journey is found by its identity', async () => {
  const reference = await close(folder(), {});
  const [early, late, other] = DAY.flatMap((journey) => journey.taps);
  assert.ok(early !== undefined && late !== undefined && other !== undefined);
  await freshDay();
  await unguarded(async (sql) => {
    for (const [tap, date] of [
      [early, '2026-11-19'],
      [late, '2026-12-01'],
    ] as const) {
      await sql`update tap set service_date = ${date}
        where terminal_id = ${tap.terminal} and tap_sequence = ${tap.sequence}`;
      await sql`update tap_identity set service_date = ${date}
        where terminal_id = ${tap.terminal} and tap_sequence = ${tap.sequence}`;
    }
    await sql`update tap set rail = case rail when 'oda' then 'offline_purchase' else 'oda' end
      where terminal_id = ${other.terminal} and tap_sequence = ${other.sequence}`;
  });
  assert.deepEqual((await close(folder(), {})).batches, reference.batches);
});

test('a record that opens to other bytes fails its batch; the other batches are closed', async () => {
  const broken = DAY.find((journey) => journey.bankId === 'BANK1' && journey.rail === 'offline_purchase')
    ?.taps[0];
  assert.ok(broken !== undefined);
  await unguarded(
    (sql) => sql`update tap set record_sealed = set_byte(record_sealed, 3, get_byte(record_sealed, 3) # 1)
      where terminal_id = ${broken.terminal} and tap_sequence = ${broken.sequence}`,
  );
  await assert.rejects(close(folder(), threadsAt(url)), {
    name: 'RangeError',
    message: 'a sealed record opened to other bytes than its SM3 says',
  });
  const made = await readBatches(database, { clearingDate: CLEARING_DATE });
  const names = made.map(({ party, kind }) => `${party} ${kind}`);
  assert.equal(names.length, 6);
  assert.ok(!names.includes('BANK1 offline_purchase'));
});
