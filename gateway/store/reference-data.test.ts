import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { terminalId } from '@tapgate/sdk/wire/identifiers';
import { sql } from 'drizzle-orm';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { createDemoKeystore, DEMO_CA } from '../keys/demo-keystore.ts';
import { keyOwnersOf, loadDemoData, referenceRowsOf } from '../operators/demo-reference.ts';
import { openDatabase, type Database } from './connection.ts';
import { migrateDatabase } from './migrate.ts';
import { findOperatorLabel, replaceOperatorToken } from './operator-tokens.ts';
import { findCaPublicKey, loadReferenceData, writeReferenceData } from './reference-data.ts';

const data = loadDemoData();
const keystoreOf = (seed: string) =>
  createDemoKeystore(keyOwnersOf(data), { createdAt: '2026-11-21T08:00:00Z', seed: Buffer.from(seed) });
const keystore = keystoreOf('one');
const METRO_IN = terminalId('M1S3IN01');

let server: TestDatabase;
let database: Database;
before(async () => {
  server = await startTestDatabase();
  await migrateDatabase(server.url);
  database = await openDatabase(server.url);
});
after(async () => {
  await database.close();
  await server.stop();
});

test('what the files and the keystore say is what the hot path reads', async () => {
  assert.equal(await findCaPublicKey(database, DEMO_CA), null);
  await writeReferenceData(database, referenceRowsOf(data, keystore));
  const reference = await loadReferenceData(database);
  assert.deepEqual(
    [
      reference.operators.size,
      reference.lines.size,
      reference.stations.size,
      reference.terminals.size,
      reference.banks.size,
    ],
    [3, 4, 8, 24, 7],
  );
  const placement = reference.terminals.get(METRO_IN);
  assert.deepEqual(
    { ...placement, sm2PublicKey: Buffer.from(placement?.sm2PublicKey ?? []) },
    {
      terminalId: 'M1S3IN01',
      operatorId: 'demo-metro',
      lineId: 'METRO-1',
      stationId: 'M1-03',
      tapKind: 'entry',
      rail: 'oda',
      amountFen: 0,
      sm2PublicKey: Buffer.from(keystore.current('terminal/M1S3IN01').publicKeyXy ?? []),
      revokedAtMs: null,
      zone: 'Asia/Shanghai',
      region: 'ningbo',
      serviceDayStartMs: 4 * 3_600_000,
    },
  );
  assert.equal(reference.lines.get('CLINIC')?.amountFen, null);
  assert.equal(reference.lines.get('BUS-B')?.merchant.mcc, '4131');
  assert.equal(reference.stations.get('M1-08')?.metres, 14_200);
  assert.equal(reference.bins.findBank('9990070000000000018'), 'BNB');
  assert.equal(reference.bins.findBank('6222020000000000018'), null);
  assert.equal(reference.banks.get('ICBC')?.unionpayId, '01020000');
  assert.deepEqual(
    Buffer.from((await findCaPublicKey(database, DEMO_CA)) ?? []),
    Buffer.from(keystore.current('root-ca').publicKeyXy ?? []),
  );
});

test('loading again changes what changed and nothing else: a revoked terminal stays revoked', async () => {
  await database.orm.execute(
    sql`update terminal set revoked_at = '2026-11-21T09:00:00Z' where terminal_id = 'M1S3IN01'`,
  );
  const renamed = data.operators.map((operator) => ({ ...operator, serviceDayStart: '05:00' }));
  await writeReferenceData(database, referenceRowsOf({ ...data, operators: renamed }, keystoreOf('two')));
  const reference = await loadReferenceData(database);
  const placement = reference.terminals.get(METRO_IN);
  assert.equal(placement?.revokedAtMs, Date.parse('2026-11-21T09:00:00Z'));
  assert.equal(placement.serviceDayStartMs, 5 * 3_600_000);
  assert.deepEqual(
    Buffer.from(placement.sm2PublicKey ?? []),
    Buffer.from(keystoreOf('two').current('terminal/M1S3IN01').publicKeyXy ?? []),
  );
  assert.equal(reference.terminals.size, 24);
});

test('several gateways may load the same files at the same moment', async () => {
  const rows = referenceRowsOf(data, keystore);
  await Promise.all([1, 2, 3, 4].map(() => writeReferenceData(database, rows)));
  assert.equal((await loadReferenceData(database)).terminals.size, 24);
});

test('a terminal without a key in the keystore is not loaded at all', async () => {
  const rows = referenceRowsOf(data, keystore);
  const keys = new Map(rows.terminalKeys);
  keys.delete(METRO_IN);
  await assert.rejects(
    writeReferenceData(database, { ...rows, terminalKeys: keys }),
    /no public key for terminal M1S3IN01/,
  );
});

test('of a label only the newest token lets in', async () => {
  const token = (byte: number) => ({
    tokenSm3: new Uint8Array(32).fill(byte),
    label: 'keystore',
    createdAt: new Date(0),
  });
  await replaceOperatorToken(database, token(1));
  await replaceOperatorToken(database, { ...token(3), label: 'somebody' });
  await replaceOperatorToken(database, token(2));
  await replaceOperatorToken(database, token(2));
  const known = await Promise.all([1, 2, 3].map((byte) => findOperatorLabel(database, token(byte).tokenSm3)));
  assert.deepEqual(
    known.map((label) => label !== null),
    [false, true, true],
  );
});
