import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { derToRs, sm2Verify } from '@tapgate/sdk/gm/sm2';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { loadClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { startDatabase, type RunningDatabase } from '../database/database.ts';
import { trialBalance } from '../ledger/trial-balance.ts';
import { openDatabase, type Database } from '../store/connection.ts';
import { readAccountTotals } from '../store/ledger-postings.ts';
import { migrateDatabase } from '../store/migrate.ts';
import {
  CLEARING_DATE,
  cryptogramOf,
  dataKeyOf,
  FIXTURE_KEYS,
  FUNDER,
  MANIFEST_PUBLIC_KEY,
  numberOf,
  panOf,
  writeParties,
  writeSettled,
  type FixtureJourney,
} from '../store/settled-day.fixture.ts';
import { closeDay, type ClosedDay } from './close-day.ts';
import type { ClosingDependencies } from './closing.ts';

const DATABASE = `close_day_${process.pid}`;
const AT = Date.parse('2026-11-20T00:10:00Z');
let server: RunningDatabase;
let database: Database;
const outDirs: string[] = [];

const bus = (card: number, sequence: number, more: Partial<FixtureJourney> = {}): FixtureJourney => ({
  card,
  bankId: 'BANK1',
  serviceDate: '2026-11-20',
  lineId: 'BUS',
  rail: 'offline_purchase',
  fareFen: 200,
  taps: [
    {
      terminal: 'BUS00001',
      sequence,
      atMs: AT + sequence * 1_000,
      kind: 'single',
      atc: sequence,
      amountFen: 200,
    },
  ],
  ...more,
});

const metro = (
  card: number,
  sequence: number,
  fareFen: number,
  more: Partial<FixtureJourney> = {},
): FixtureJourney => ({
  card,
  bankId: 'BANK1',
  serviceDate: '2026-11-20',
  lineId: 'METRO',
  rail: 'oda',
  fareFen,
  taps: [
    {
      terminal: 'GATE0001',
      sequence,
      atMs: AT + sequence * 1_000,
      kind: 'entry',
      atc: sequence,
      amountFen: 0,
    },
    {
      terminal: 'GATE0002',
      sequence,
      atMs: AT + sequence * 1_000 + 600_000,
      kind: 'exit',
      atc: sequence + 1,
      amountFen: 0,
    },
  ],
  ...more,
});

const lateTap = {
  terminal: 'BUS00001',
  sequence: 90,
  atMs: AT,
  kind: 'single',
  atc: 90,
  amountFen: 200,
} as const;
const DAY: readonly FixtureJourney[] = [
  bus(1, 11),
  bus(2, 12, {
    bankId: 'BANK2',
    lineId: 'CLINIC',
    fareFen: 4_350,
    taps: [{ ...lateTap, sequence: 12, atc: 12, amountFen: 4_350 }],
  }),
  metro(1, 21, 300),
  metro(1, 31, 500),
  metro(3, 41, 0, { claim: { listFareFen: 400, claimedFen: 400 } }),
  metro(4, 51, 150, { claim: { listFareFen: 300, claimedFen: 120 } }),
  bus(5, 61, { outcome: 'debt' }),
  bus(6, 62, { outcome: 'loss' }),
  // Charged, but not what the card signed.
  bus(7, 63, { fareFen: 100 }),
  // An ARQC is no transaction certificate.
  bus(8, 64, { taps: [{ ...lateTap, sequence: 64, atc: 64, cid: '80' }] }),
  // Older than any bank takes.
  bus(9, 65, { serviceDate: '2026-08-01', taps: [{ ...lateTap, sequence: 65, atc: 65 }] }),
  bus(10, 66, { taps: [{ ...lateTap, sequence: 66, atc: 66, lacks: '9F37' }] }),
];

before(async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-close-'));
  server = await startDatabase({ dataDir, databaseUrl: process.env['DATABASE_URL'] ?? null });
  const url = await server.createDatabase(DATABASE);
  await migrateDatabase(url);
  database = await openDatabase(url);
  await writeParties(database.hot);
  await writeSettled(database.hot, DAY);
});

after(async () => {
  await database.close();
  await server.dropDatabase(DATABASE);
  await server.destroy();
  for (const dir of outDirs) rmSync(dir, { recursive: true, force: true });
});

function outDir(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'tapgate-files-'));
  outDirs.push(dir);
  return dir;
}

const dependencies = (dir: string): ClosingDependencies => ({
  database,
  keys: FIXTURE_KEYS,
  dataKeyOf,
  calendar: loadCalendar(),
  profiles: loadClearingProfiles(),
  outDir: dir,
});

async function close(dir: string, clearingDate: string = CLEARING_DATE): Promise<ClosedDay> {
  const closed = await closeDay(dependencies(dir), {
    clearingDate: isoDate(clearingDate),
    cutAtMs: AT + 86_400_000,
  });
  assert.ok('batches' in closed, JSON.stringify(closed));
  return closed;
}

const treeOf = (dir: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [
        path.relative(dir, file),
        createHash('sha256').update(readFileSync(file)).digest('hex'),
      ]),
  );

let first: ClosedDay;
let firstDir: string;

test('a day closes into two batches a bank and a claim, and every sum is what was charged', async () => {
  firstDir = outDir();
  first = await close(firstDir);
  const sums = first.batches.map((b) => [
    b.party,
    b.kind,
    b.records,
    b.totalFen,
    b.withheld.records,
    b.withheld.totalFen,
  ]);
  assert.deepEqual(sums, [
    ['BANK1', 'deferred_charge', 2, 950, 0, 0],
    ['BANK1', 'offline_purchase', 1, 200, 4, 700],
    ['BANK2', 'deferred_charge', 0, 0, 0, 0],
    ['BANK2', 'offline_purchase', 1, 4_350, 0, 0],
    ['BANK3', 'deferred_charge', 0, 0, 0, 0],
    ['BANK3', 'offline_purchase', 0, 0, 0, 0],
    [FUNDER, 'subsidy_claim', 2, 520, 0, 0],
  ]);
});

test('the receivables are the sums of the files, suspense is what was withheld, and nothing stays unbilled', async () => {
  const balance = trialBalance(await readAccountTotals(database.hot));
  const of = (id: string): number => balance.accounts.find((a) => a.accountId === id)?.balanceFen ?? 0;
  assert.equal(balance.differenceFen, 0);
  assert.deepEqual(
    [
      '1110:BANK1',
      '1110:BANK2',
      '1190:BANK1',
      '1115:BANK1',
      '1115:BANK2',
      '1120',
      '5020:OP1',
      '1130:BUREAU',
      '2030',
    ].map(of),
    [1_150, 4_350, 700, 0, 0, 200, 200, 520, 0],
  );
  assert.equal(of('2010:OP1'), 1_150 + 4_350 + 700 + 200 + 200 + 520);
});

test('every withheld journey says why', async () => {
  const rows = await database.hot<{ cause: string; amount_fen: string }[]>`
    select cause, amount_fen from withheld_presentment order by cause`;
  assert.deepEqual(
    rows.map((row) => `${row.cause} ${row.amount_fen}`),
    ['amount_differs 100', 'evidence_missing 200', 'not_a_transaction_certificate 200', 'tap_too_old 200'],
  );
});

test('a purchase is presented as the card signed it', () => {
  const file = readFileSync(path.join(firstDir, '2026-11-20/BANK1/TG_BANK1_TC_20261120_001.dat'));
  assert.equal(file.length, 46 + 526 + 49);
  const record = file.subarray(46, 46 + 526).toString('latin1');
  const field = (start: number, bytes: number): string => record.slice(start - 1, start - 1 + bytes);
  assert.equal(field(8, 19), panOf(1));
  assert.equal(field(27, 12), '000000000200');
  assert.equal(field(270, 16), cryptogramOf(1, 11));
  assert.equal(field(310, 8), numberOf(1, 11));
  assert.equal(field(411, 12), '000000000200');
});

test('a name in Chinese is cut between two characters', () => {
  const file = readFileSync(path.join(firstDir, '2026-11-20/BANK2/TG_BANK2_TC_20261120_001.dat'));
  const name = new TextDecoder('gb18030', { fatal: true }).decode(file.subarray(46 + 128, 46 + 168));
  assert.equal(name, '示例社区卫生服务中心门诊部收费处A号窗口 ');
});

test('a deferred charge gathers the journeys of a card, with the evidence of each tap', () => {
  const file = readFileSync(path.join(firstDir, '2026-11-20/BANK1/TG_BANK1_DC_20261120_001.txt'), 'latin1');
  const lines = file.split('\n');
  assert.equal(lines.filter((line) => line.startsWith('C|')).length, 2);
  const charge = lines.find((line) => line.startsWith('C|') && line.includes(panOf(1)));
  const [, itemNo, , , , , amount, , , taps] = charge?.split('|') ?? [];
  assert.deepEqual([amount, taps], ['800', '4']);
  const atcs = lines
    .filter((line) => line.startsWith(`T|${String(itemNo)}|`))
    .map((line) => line.split('|')[11]);
  assert.deepEqual(atcs, ['0015', '0016', '001F', '0020']);
});

test("the manifest holds the hashes of the file, chains to the party's last one, and its signature verifies", () => {
  const bank = path.join(firstDir, '2026-11-20/BANK1');
  const read = (name: string): Buffer => readFileSync(path.join(bank, name));
  const manifest = read('TG_BANK1_TC_20261120_001.dat.manifest.json');
  const members = JSON.parse(manifest.toString('utf8')) as Record<string, unknown>;
  const file = read('TG_BANK1_TC_20261120_001.dat');
  const hashOf = (algorithm: string, bytes: Buffer): string =>
    createHash(algorithm).update(bytes).digest('hex').toUpperCase();
  assert.equal(members['sha256'], hashOf('sha256', file));
  assert.equal(members['sm3'], hashOf('sm3', file));
  assert.equal(members['collectionDate'], '2026-11-23', 'the 20th is a Friday');
  assert.equal(members['feeFen'], 1, '0.35 % of 200 fen, half up');
  assert.equal(
    members['previousManifestSm3'],
    hashOf('sm3', read('TG_BANK1_DC_20261120_001.txt.manifest.json')),
  );
  const rs = derToRs(read('TG_BANK1_TC_20261120_001.dat.sig'));
  assert.ok(rs !== null);
  assert.ok(sm2Verify({ publicKeyXy: MANIFEST_PUBLIC_KEY, message: manifest, signatureRs: rs }));
});

test('the claim names rides and no card', () => {
  const file = readFileSync(path.join(firstDir, '2026-11-20/BUREAU/TG_BUREAU_SC_20261120_001.csv'), 'utf8');
  assert.ok(file.startsWith('\ufeff'));
  assert.ok(file.endsWith('total,2,520,0,0,0,520\r\n'));
  for (const card of [3, 4]) assert.ok(!file.includes(panOf(card)));
});

test('closing again changes nothing, not even a signature', async () => {
  const before = treeOf(firstDir);
  assert.deepEqual(await close(firstDir), first);
  assert.deepEqual(treeOf(firstDir), before);
});

test('the same day closed on another disk gives the same files, signatures included', async () => {
  const dir = outDir();
  await close(dir);
  assert.deepEqual(treeOf(dir), treeOf(firstDir));
});

test('a file that was damaged or left half written is made again', async () => {
  const dir = outDir();
  await close(dir);
  const file = path.join(dir, '2026-11-20/BANK1/TG_BANK1_TC_20261120_001.dat');
  writeFileSync(file, readFileSync(file).subarray(0, 300));
  writeFileSync(path.join(dir, '2026-11-20/BANK1/.TG_BANK1_TC_20261120_001.dat.tmp'), 'half');
  await close(dir);
  assert.deepEqual(treeOf(dir), treeOf(firstDir));
});

test('a journey settled after the cut-over belongs to the next date, under its own service date', async () => {
  await writeSettled(database.hot, [bus(20, 71), bus(21, 72)]);
  assert.deepEqual((await close(firstDir)).batches, first.batches);
  const next = await close(firstDir, '2026-11-21');
  assert.deepEqual(
    next.batches.filter((b) => b.records > 0).map((b) => [b.party, b.kind, b.records, b.totalFen]),
    [['BANK1', 'offline_purchase', 2, 400]],
  );
});

test('a date before the last one, and a date that skips one, are refused by name', async () => {
  const order = (date: string): Promise<unknown> =>
    closeDay(dependencies(firstDir), { clearingDate: isoDate(date), cutAtMs: AT });
  assert.deepEqual(await order('2026-11-10'), {
    code: 'clearing_date_closed_over',
    lastClosed: '2026-11-21',
  });
  assert.deepEqual(await order('2026-11-23'), { code: 'clearing_date_skipped', lastClosed: '2026-11-21' });
});

test('no PAN stands in a name, a manifest or a signature', () => {
  for (const file of Object.keys(treeOf(firstDir))) {
    assert.ok(!/\d{12}/.test(path.basename(file)), file);
    if (/\.(dat|txt)$/.test(file)) continue;
    assert.ok(!readFileSync(path.join(firstDir, file), 'latin1').includes('62999900000'), file);
  }
});
