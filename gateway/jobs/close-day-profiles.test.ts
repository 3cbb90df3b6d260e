import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createDecipheriv, createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { sm2KeyPairFromSeed, sm2Verify } from '@tapgate/sdk/gm/sm2';
import { sm2Decrypt } from '@tapgate/sdk/gm/sm2-encryption';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { missing, SHARED_FOLDER } from '../../test-requirements.ts';
import { loadCalendar } from '../calendar/load-calendar.ts';
import type { ClearingProfile } from '../clearing/clearing-profile.ts';
import { DeferredChargeReader } from '../clearing/formats/deferred-charge-reader.ts';
import { SchemaFolder } from '../clearing/iso20022/load-schemas.ts';
import { MessageReader } from '../clearing/iso20022/message-reader.ts';
import { loadClearingProfiles, type ClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { startDatabase, type RunningDatabase } from '../database/database.ts';
import { openDatabase, type Database } from '../store/connection.ts';
import { migrateDatabase } from '../store/migrate.ts';
import {
  cryptogramOf,
  dataKeyOf,
  FIXTURE_KEYS,
  MANIFEST_PUBLIC_KEY,
  panOf,
  writeParties,
  writeSettled,
  type FixtureJourney,
} from '../store/settled-day.fixture.ts';
import { closeDay, type ClosedDay } from './close-day.ts';
import { ClearingFault, type ClosingDependencies } from './closing.ts';

// Three banks that want three things: direct debits with a raw signature, files encrypted under their key, and no file for an empty day.

const DATABASE = `close_profiles_${process.pid}`;
const AT = Date.parse('2026-11-20T00:10:00Z');
const BANK_KEY = sm2KeyPairFromSeed(Buffer.alloc(32, 5));
let server: RunningDatabase;
let database: Database;
const outDirs: string[] = [];

const metro = (card: number, bankId: string, fareFen: number): FixtureJourney => ({
  card,
  bankId,
  serviceDate: '2026-11-20',
  lineId: 'METRO',
  rail: 'oda',
  fareFen,
  taps: [
    { terminal: 'GATE0001', sequence: card, atMs: AT + card * 1_000, kind: 'entry', atc: 1, amountFen: 0 },
    {
      terminal: 'GATE0002',
      sequence: card,
      atMs: AT + card * 1_000 + 60_000,
      kind: 'exit',
      atc: 2,
      amountFen: 0,
    },
  ],
});

const OWN: Readonly<Record<string, Partial<ClearingProfile>>> = {
  BANK1: {
    deferredCharges: 'pain.008.001.08',
    collection: {
      creditorName: '示例清算中心 & Co',
      creditorAccount: '33101234567890123456',
      creditorCnapsCode: '313332082914',
    },
    signature: 'raw',
    fileNames: {
      deferred_charge: '{party}-{clearingDate}-{sequence}.xml',
      offline_purchase: '{party}-{clearingDate}-{sequence}.dat',
      subsidy_claim: '{party}.csv',
    },
  },
  BANK2: {
    encryption: {
      method: 'sm4-sm2',
      publicKey: Buffer.from(BANK_KEY.publicKeyXy).toString('hex').toUpperCase(),
      ciphertext: 'der',
    },
  },
  BANK3: { emptyFile: 'manifest_only' },
};

const common = loadClearingProfiles();
const profiles: ClearingProfiles = {
  parties: Object.keys(OWN),
  of: (party, unionpayId) => ({ ...common.of(party, unionpayId), ...OWN[party] }),
};

before(async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-profiles-'));
  server = await startDatabase({ dataDir, databaseUrl: process.env['DATABASE_URL'] ?? null });
  const url = await server.createDatabase(DATABASE);
  await migrateDatabase(url);
  database = await openDatabase(url);
  await writeParties(database.hot);
  await writeSettled(database.hot, [
    ...Array.from({ length: 12 }, (_, index) => metro(index + 1, 'BANK1', 100 + index)),
    metro(21, 'BANK2', 300),
    metro(22, 'BANK2', 400),
  ]);
});

after(async () => {
  await database.close();
  await server.dropDatabase(DATABASE);
  await server.destroy();
  for (const dir of outDirs) rmSync(dir, { recursive: true, force: true });
});

function outDir(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'tapgate-profile-files-'));
  outDirs.push(dir);
  return dir;
}

async function close(
  dir: string,
  more: Partial<ClosingDependencies> = {},
  date = '2026-11-20',
): Promise<ClosedDay> {
  const closed = await closeDay(
    { database, keys: FIXTURE_KEYS, dataKeyOf, calendar: loadCalendar(), profiles, outDir: dir, ...more },
    { clearingDate: isoDate(date), cutAtMs: Date.parse('2026-11-20T15:00:00Z') },
  );
  assert.ok('batches' in closed);
  return closed;
}

let dir: string;
const read = (file: string): Buffer => readFileSync(path.join(dir, '2026-11-20', file));

test('a bank that collects by direct debit gets a message with count, sum and evidence', async () => {
  dir = outDir();
  await close(dir);
  const message = read('BANK1/BANK1-20261120-1.xml');
  const reader = new MessageReader(null);
  reader.push(message);
  const inspection = reader.end();
  assert.deepEqual(
    [
      inspection.format,
      inspection.schemaValid,
      inspection.businessValid,
      inspection.records,
      inspection.errors,
    ],
    ['pain.008.001.08', true, true, 12, []],
  );
  const sum = Array.from({ length: 12 }, (_, index) => 100 + index).reduce((a, b) => a + b, 0);
  assert.deepEqual(inspection.totals, [{ currency: 'CNY', minor: sum }]);
  const text = message.toString('utf8');
  assert.ok(text.includes(`<Id>${panOf(1)}</Id>`));
  assert.ok(text.includes(`AC=${cryptogramOf(1, 2)}`));
  assert.ok(text.includes('<ReqdColltnDt>2026-11-23</ReqdColltnDt>'), 'the 20th is a Friday');
  assert.ok(text.includes('<CreDtTm>2026-11-20T23:00:00+08:00</CreDtTm>'));
  assert.ok(text.includes('示例清算中心 &amp; Co'));
});

test('the message validates under its schema', { skip: missing('shared') }, () => {
  const schemas = new SchemaFolder(path.join(SHARED_FOLDER, 'clearing-data/xsd'));
  const file = path.join(dir, '2026-11-20/BANK1/BANK1-20261120-1.xml');
  assert.deepEqual(schemas.judge(file), { valid: true, lines: [] });
});

test('and under xmllint', { skip: missing('shared') || missing('xmllint') }, () => {
  const schema = path.join(SHARED_FOLDER, 'clearing-data/xsd/pain.008.001.08.xsd');
  const file = path.join(dir, '2026-11-20/BANK1/BANK1-20261120-1.xml');
  const { status, stderr } = spawnSync('xmllint', ['--noout', '--nonet', '--schema', schema, file], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
});

test('its debits, read by nothing but their tags, are the charges of the day', () => {
  const text = read('BANK1/BANK1-20261120-1.xml').toString('utf8');
  const debits = text.split('<DrctDbtTxInf>').slice(1);
  const one = (debit: string, tag: string): string =>
    new RegExp(`<${tag}(?: [^>]*)?>([^<]*)</${tag}>`).exec(debit)?.[1] ?? '';
  const seen = debits.map((debit) => ({
    yuan: one(debit, 'InstdAmt'),
    pan: /<DbtrAcct><Id><Othr><Id>(\d+)</.exec(debit)?.[1],
    bank: one(debit, 'MmbId'),
    lines: [...debit.matchAll(/<Ustrd>([^<]*)</g)].length,
    longest: Math.max(...[...debit.matchAll(/<Ustrd>([^<]*)</g)].map((line) => line[1]?.length ?? 0)),
    id: one(debit, 'EndToEndId'),
  }));
  assert.equal(new Set(seen.map(({ id }) => id)).size, 12);
  assert.ok(seen.every(({ id, longest }) => id.length <= 35 && longest <= 140));
  const expected = Array.from(
    { length: 12 },
    (_, index) => `${panOf(index + 1)} 1.${String(index).padStart(2, '0')}`,
  );
  assert.deepEqual(seen.map(({ pan, yuan }) => `${pan} ${yuan}`).sort(), expected.sort());
  assert.ok(seen.every(({ bank, lines }) => bank === '102100099996' && lines === 3));
});

test('its manifest names the format, holds the hash of the whole file, and is signed with 64 bytes', () => {
  const manifest = read('BANK1/BANK1-20261120-1.xml.manifest.json');
  const members = JSON.parse(manifest.toString('utf8')) as Record<string, unknown>;
  assert.equal(members['format'], 'pain.008.001.08');
  const sha256 = createHash('sha256').update(read('BANK1/BANK1-20261120-1.xml')).digest('hex').toUpperCase();
  assert.equal(members['sha256'], sha256);
  const signatureRs = read('BANK1/BANK1-20261120-1.xml.sig');
  assert.equal(signatureRs.length, 64);
  assert.ok(sm2Verify({ publicKeyXy: MANIFEST_PUBLIC_KEY, message: manifest, signatureRs }));
});

test("an encrypted file opens with the bank's own key to what the manifest describes, and nothing lies there in clear", () => {
  const files = readdirSync(path.join(dir, '2026-11-20/BANK2')).sort();
  const name = 'TG_BANK2_DC_20261120_001.txt';
  assert.ok(files.includes(`${name}.enc`) && files.includes(`${name}.key`));
  assert.ok(!files.includes(name) && !files.some((file) => file.endsWith('.tmp')));
  const key = sm2Decrypt(BANK_KEY.privateKey, read(`BANK2/${name}.key`), 'der');
  assert.ok(key !== null);
  const sealed = read(`BANK2/${name}.enc`);
  const decipher = createDecipheriv('sm4-cbc', key, sealed.subarray(0, 16));
  const clear = Buffer.concat([decipher.update(sealed.subarray(16)), decipher.final()]);
  const reader = new DeferredChargeReader(null);
  reader.push(clear);
  assert.deepEqual([reader.end().records, reader.end().totals], [2, [{ currency: 'CNY', minor: 700 }]]);
  const manifest = JSON.parse(read(`BANK2/${name}.manifest.json`).toString('utf8')) as Record<
    string,
    unknown
  >;
  assert.equal(manifest['sha256'], createHash('sha256').update(clear).digest('hex').toUpperCase());
});

test('a bank that wants no empty file gets a manifest that names none', () => {
  const files = readdirSync(path.join(dir, '2026-11-20/BANK3')).sort();
  assert.deepEqual(
    files,
    ['DC', 'TC'].flatMap((kind) => {
      const name = `TG_BANK3_${kind}_20261120_001.${kind === 'DC' ? 'txt' : 'dat'}`;
      return [`${name}.chk`, `${name}.manifest.json`, `${name}.sig`];
    }),
  );
  const manifest = JSON.parse(read(`BANK3/${files[1] ?? ''}`).toString('utf8')) as Record<string, unknown>;
  assert.deepEqual([manifest['file'], manifest['records']], [null, 0]);
});

const treeOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [
        path.relative(folder, file),
        createHash('sha256').update(readFileSync(file)).digest('hex'),
      ]),
  );

test('built again on another disk, everything is the same: envelopes and signatures too, and whatever profiles say by now', async () => {
  const again = outDir();
  const changed: ClearingProfiles = { parties: [], of: (party) => common.of(party, '99999999') };
  await database.hot`update line set merchant_name_zh = '改名'`;
  await close(again, { profiles: changed });
  assert.deepEqual(treeOf(again), treeOf(dir));
});

test('a damaged encrypted file is made again', async () => {
  const file = path.join(dir, '2026-11-20/BANK2/TG_BANK2_DC_20261120_001.txt.enc');
  const good = readFileSync(file);
  writeFileSync(file, good.subarray(0, 40));
  await close(dir);
  assert.ok(readFileSync(file).equals(good));
});

test('without a banking day there is no collection, and the other banks have their files all the same', async () => {
  const calendar = { ...loadCalendar(), lastDay: loadCalendar().firstDay };
  const folder = outDir();
  await assert.rejects(close(folder, { calendar }, '2026-11-21'), (error: unknown) => {
    assert.ok(error instanceof ClearingFault);
    return error.code === 'banking_day_unknown' && error.batch.party === 'BANK1';
  });
  assert.ok(existsSync(path.join(folder, '2026-11-21/BANK2/TG_BANK2_DC_20261121_001.txt.enc')));
  await close(folder, {}, '2026-11-21');
  const empty = path.join(folder, '2026-11-21/BANK1/BANK1-20261121-1.xml');
  assert.ok(existsSync(`${empty}.chk`));
  assert.ok(
    !existsSync(empty),
    'a message without a debit does not exist: its manifest says that there is none',
  );
});
