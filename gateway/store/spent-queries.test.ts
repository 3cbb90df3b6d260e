import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startDatabase, type RunningDatabase } from '../database/database.ts';
import { openDatabase, type Database, type Transaction } from './connection.ts';

const DATABASE = `spent_queries_${process.pid}`;
const SENT = 'what was sent';
let server: RunningDatabase;
let database: Database;

before(async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-spent-'));
  server = await startDatabase({ dataDir, databaseUrl: process.env['DATABASE_URL'] ?? null });
  database = await openDatabase(await server.createDatabase(DATABASE));
});

after(async () => {
  await database.close();
  await server.dropDatabase(DATABASE);
  await server.destroy();
});

/** Whether it is to be seen in what the library keeps on the query; what it failed by is its answer, and says what it likes. */
const holdsWhatWasSent = (query: object): boolean =>
  Object.values(query).some((value) => Array.isArray(value) && value.includes(SENT));

test('a query that was answered keeps nothing of what was sent in it', async () => {
  const query = database.hot.unsafe<{ length: number }[]>('select length($1::text)', [SENT], {
    prepare: true,
  });
  assert.ok(holdsWhatWasSent(query), 'while it is under way');
  const [row] = await query;
  assert.equal(row?.length, SENT.length);
  assert.ok(!holdsWhatWasSent(query));
});

test('nor does one that failed, and its fault is told all the same', async () => {
  const query = database.hot.unsafe('select $1::text::int', [SENT], { prepare: true });
  await assert.rejects(query, { code: '22P02' });
  assert.ok(!holdsWhatWasSent(query));
});

test('nor does one of a transaction, whatever way it was given', async () => {
  const spent = await database.hot.begin(async (transaction: Transaction) => {
    const asText = transaction.unsafe('select $1::text as given', [SENT], { prepare: true });
    const tagged = transaction`select ${SENT}::text as given`;
    assert.deepEqual(
      (await Promise.all([asText, tagged])).map(([row]) => row?.['given'] as unknown),
      [SENT, SENT],
    );
    return [asText, tagged].map(holdsWhatWasSent);
  });
  assert.deepEqual(spent, [false, false]);
});
