import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { startDatabase, type RunningDatabase } from '../database/database.ts';
import { guardTransactions, holdTransaction } from './lost-transactions.ts';

// A rejection that nobody catches ends the gateway, and this process too: node:test then fails the test under way.

const DATABASE = `lost_transactions_${process.pid}`;
let server: RunningDatabase;
let url: string;
let client: postgres.Sql;
let other: postgres.Sql;

before(async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-lost-'));
  server = await startDatabase({ dataDir, databaseUrl: process.env['DATABASE_URL'] ?? null });
  url = await server.createDatabase(DATABASE);
  client = guardTransactions(postgres(url, { max: 2, onnotice: () => undefined }));
  other = postgres(url, { max: 1, onnotice: () => undefined });
});

after(async () => {
  await Promise.all([client.end({ timeout: 1 }), other.end()]);
  await server.dropDatabase(DATABASE);
  await server.destroy();
});

const endSession = async (pid: number): Promise<unknown> => other`select pg_terminate_backend(${pid})`;

async function pidOf(transaction: postgres.TransactionSql): Promise<number> {
  const [row] = await transaction<{ pid: number }[]>`select pg_backend_pid() as pid`;
  assert.ok(row);
  return row.pid;
}

/** As code of the store writes: some statements behind an async function, some not, all put together before one is awaited. */
async function writeSeveral(transaction: postgres.TransactionSql): Promise<void> {
  const behindFunction = async (): Promise<void> => {
    await transaction.unsafe('select 1');
  };
  await Promise.all([
    behindFunction(),
    behindFunction(),
    transaction.unsafe('select $1::int', [1], { prepare: true }).execute(),
    transaction`select 1`,
  ]);
}

test('who began a transaction is told of its lost connection once, and what it would still write goes nowhere', async () => {
  let saidToWork: unknown = null;
  let hasEnded: (value?: unknown) => void = () => undefined;
  const worked = new Promise((resolve) => (hasEnded = resolve));
  const begun = client.begin(async (transaction) => {
    await endSession(await pidOf(transaction));
    // Until the socket is seen to be closed.
    await delay(200);
    try {
      await writeSeveral(transaction);
    } catch (fault) {
      saidToWork = fault;
      throw fault;
    } finally {
      hasEnded();
    }
  });
  await assert.rejects(begun);
  await worked;
  await delay(50);
  assert.match(String(saidToWork), /connection of this transaction is lost/);
  const [row] = await client`select 1 as n`;
  assert.equal(row?.['n'], 1, 'the next statement has a connection');
});

test('a connection that is lost under a statement fails that statement and the transaction', async () => {
  const begun = client.begin(async (transaction) => {
    const pid = await pidOf(transaction);
    await Promise.all([transaction`select pg_sleep(30)`, writeSeveral(transaction), endSession(pid)]);
  });
  await assert.rejects(begun);
  await delay(50);
});

test('a cursor of a held transaction that is lost fails and is not taken for its end', async () => {
  const held = await holdTransaction(client, 'read only');
  const pid = await pidOf(held.transaction);
  await endSession(pid);
  await delay(200);
  assert.ok(held.isLost());
  assert.throws(held.throwIfLost);
  await assert.rejects(async () => {
    for await (const rows of held.transaction`select * from generate_series(1, 10)`.cursor(2)) {
      assert.fail(`${rows.length} rows of a session that is gone`);
    }
  }, /connection of this transaction is lost/);
  await assert.rejects(held.end());
});
