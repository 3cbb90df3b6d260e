import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { loadCalendar } from '../calendar/load-calendar.ts';
import type { ClearingProfile } from '../clearing/clearing-profile.ts';
import { clearingTies } from '../clearing/clearing-ties.ts';
import { loadClearingProfiles, type ClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { seededRandom } from '../fares/random-journeys.ts';
import { readClearingBooks } from '../store/clearing-books.ts';
import { openDatabase, type Database } from '../store/connection.ts';
import { readAccountTotals } from '../store/ledger-postings.ts';
import { migrateDatabase } from '../store/migrate.ts';
import {
  BANKS,
  dataKeyOf,
  FIXTURE_KEYS,
  FUNDER,
  writeAdjusted,
  writeParties,
  writeSettled,
  type FixtureAdjustment,
  type FixtureJourney,
} from '../store/settled-day.fixture.ts';
import { buildDay, closeDay, type ClosedBatch } from './close-day.ts';
import type { ClosingDependencies } from './closing.ts';

// Days of rides and changes by chance, for three banks that take them in three ways, closed one after the other. What the files say is read from
// their bytes alone; what the books say by SQL alone.

const SEED = Number(process.env['TEST_SEED'] ?? 20_261_122);
const DATES = ['2026-11-18', '2026-11-19', '2026-11-20', '2026-11-21'] as const;
const AT = Date.parse('2026-11-18T01:00:00Z');

let server: TestDatabase;
let database: Database;
let dir: string;

const common = loadClearingProfiles();
/** BANK1 takes edition 2, BANK2 collects by direct debit, BANK3 has edition 1 until its last day. */
const OWN: Record<string, Partial<ClearingProfile>> = {
  BANK2: {
    deferredCharges: 'pain.008.001.08',
    collection: {
      creditorName: 'Clearing house of the example',
      creditorAccount: '33101234567890123456',
      creditorCnapsCode: '313332082914',
    },
  },
  BANK3: { deferredChargeEdition: 1 },
};
const profiles: ClearingProfiles = {
  parties: Object.keys(OWN),
  of: (party, unionpayId) => ({ ...common.of(party, unionpayId), ...OWN[party] }),
};

before(async () => {
  server = await startTestDatabase();
  await migrateDatabase(server.url);
  database = await openDatabase(server.url);
  await writeParties(database.hot);
  dir = mkdtempSync(path.join(tmpdir(), 'tapgate-adjusted-'));
});
after(async () => {
  await database.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

const dependencies = (outDir: string): ClosingDependencies => ({
  ...{ database, dataKeyOf, profiles, outDir },
  keys: FIXTURE_KEYS,
  calendar: loadCalendar(),
});

async function close(date: string): Promise<readonly ClosedBatch[]> {
  const order = { clearingDate: isoDate(date), cutAtMs: Date.parse(`${date}T15:00:00Z`) };
  const closed = await closeDay(dependencies(dir), order);
  assert.ok('batches' in closed, JSON.stringify(closed));
  return closed.batches;
}

const random = seededRandom(SEED);
const below = (bound: number): number => Math.floor(random() * bound);
let sequence = 0;

/** Some cannot be sent: their record lacks what every bank needs. */
function ride(date: string): FixtureJourney {
  sequence += 1;
  const bank = BANKS[below(BANKS.length)] ?? BANKS[0];
  const claimed = below(4) === 0;
  const fareFen = 100 + below(900);
  return {
    card: sequence,
    bankId: bank.bankId,
    serviceDate: date,
    lineId: 'METRO',
    rail: 'oda',
    fareFen,
    ...(below(8) === 0 ? { outcome: 'debt' } : {}),
    ...(claimed ? { claim: { listFareFen: fareFen + 200, claimedFen: 200 } } : {}),
    taps: [
      {
        ...{ terminal: 'GATE0001', sequence, atMs: AT + sequence * 1_000, atc: sequence },
        ...{ kind: 'single', amountFen: 0 },
        ...(below(10) === 0 ? { lacks: '9F37' } : {}),
      },
    ],
  };
}

type Standing = { readonly of: FixtureJourney; fareFen: number; claimedFen: number };

/** A change of a ride as it stands: of its fare, of its claim, or of both; never of nothing. */
function change(standing: Standing, cause: FixtureJourney): FixtureAdjustment {
  const { of, fareFen, claimedFen } = standing;
  let next = { fareFen, claimedFen };
  while (next.fareFen === fareFen && next.claimedFen === claimedFen) {
    next = {
      fareFen: below(3) === 0 ? fareFen : below(1_200),
      claimedFen: of.outcome === 'debt' || below(2) === 0 ? claimedFen : below(3) * 150,
    };
  }
  Object.assign(standing, next);
  return {
    ...{ of, cause, chargedFen: fareFen, fareFen: next.fareFen },
    claims: [claimedFen, next.claimedFen],
  };
}

/** What a file asks its party for, by its bytes and the published description; shares nothing with what wrote it. */
function askedBy(file: string): number {
  const text = readFileSync(path.join(dir, file), 'utf8');
  const sum = (amounts: readonly string[]): number => amounts.reduce((total, one) => total + Number(one), 0);
  if (text.startsWith('H|TGDC|')) {
    const lines = text.split('\n').map((line) => line.split('|'));
    return (
      sum(lines.filter(([letter]) => letter === 'C').map((line) => line[6] ?? '')) +
      sum(lines.filter(([letter]) => letter === 'A').map((line) => line[11] ?? ''))
    );
  }
  if (text.startsWith('<?xml')) {
    const yuan = [...text.matchAll(/<InstdAmt Ccy="CNY">(\d+)\.(\d\d)</g)];
    assert.ok(!/>-/.test(text), 'no amount below zero');
    return sum(yuan.map(([, whole = '', cents = '']) => `${whole}${cents}`));
  }
  const rows = text.split('\r\n').filter((line) => /^(\d{4}-|[0-9A-F]{32},)/.test(line));
  return sum(rows.map((row) => row.split(',').at(-1) ?? ''));
}

const ledger = async (account: string): Promise<number> => {
  const totals = (await readAccountTotals(database.hot)).find((one) => one.accountId === account);
  return (totals?.debitFen ?? 0) - (totals?.creditFen ?? 0);
};

const torn = async (): Promise<string[]> =>
  clearingTies(await readClearingBooks(database))
    .filter(({ equal }) => !equal)
    .map(({ name, left, right }) => `${name}: ${left.value} ${right.value}`);

test('random days with adjustments tie to the fen, whatever a bank takes', async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const standing: Standing[] = [];
  const asked = new Map<string, number>();
  let adjusted = 0;
  for (const [day, date] of DATES.entries()) {
    const rides = Array.from({ length: 40 }, () => ride(date));
    await writeSettled(database.hot, rides);
    standing.push(
      ...rides.map((of) => {
        const claimedFen = of.outcome === 'debt' ? 0 : (of.claim?.claimedFen ?? 0);
        return { of, fareFen: of.fareFen, claimedFen };
      }),
    );
    const changes = rides.slice(0, 25).map((cause) => {
      const chosen = standing[below(standing.length)];
      assert.ok(chosen);
      return change(chosen, cause);
    });
    await writeAdjusted(database.hot, changes);
    adjusted += changes.length;
    assert.deepEqual(await torn(), [], 'before the close');
    if (day === DATES.length - 1) OWN['BANK3'] = { deferredChargeEdition: 2 };
    for (const batch of await close(date)) {
      if (batch.file === null) continue;
      const net = batch.totalFen + batch.adjustments.extraFen - batch.adjustments.reducedFen;
      if (!batch.file.endsWith('.dat')) assert.equal(askedBy(batch.file), net, batch.file);
      asked.set(batch.party, (asked.get(batch.party) ?? 0) + net);
      if (batch.party === 'BANK3' && day < DATES.length - 1) assert.equal(batch.adjustments.records, 0);
    }
    assert.deepEqual(await torn(), [], 'after the close');
  }
  for (const { bankId } of BANKS) assert.equal(asked.get(bankId), await ledger(`1110:${bankId}`), bankId);
  assert.equal(asked.get(FUNDER), await ledger(`1130:${FUNDER}`));
  // Nothing waits any more; what a collection cannot give back stands in 2020, by name and amount.
  const { parties } = await readClearingBooks(database);
  assert.deepEqual(
    parties.filter(({ waiting }) => waiting.records > 0),
    [],
  );
  const held = parties.flatMap((one) => one.unpresented.filter(({ state }) => state === 'held'));
  assert.deepEqual([...new Set(held.map(({ cause }) => cause))], ['credit_not_collectable', 'follows_held']);
  const heldFen = held.reduce((sum, one) => sum + one.reducedFen, 0);
  const heldExtraFen = held.reduce((sum, one) => sum + one.extraFen, 0);
  assert.ok(heldFen > 0);
  // Nobody is asked for more than a ride ever cost: what follows a credit that is held is held with it.
  const asksTooMuch = await database.hot`
    select from journey j join fare_adjustment a using (pan_token, journey_id) where j.outcome = 'chargeable'
    group by j.journey_id, j.fare_fen
    having j.fare_fen + sum(a.fare_fen - a.charged_fen) filter (
      where not exists (select from unpresented_adjustment u where u.adjustment_id = a.adjustment_id)) > greatest(j.fare_fen, max(a.fare_fen))`;
  assert.equal(asksTooMuch.length, 0);
  assert.equal(await ledger('2020'), -heldFen);
  const debtors = standing
    .filter(({ of }) => of.outcome === 'debt')
    .reduce((sum, one) => sum + one.fareFen, 0);
  assert.equal(
    await ledger('1120'),
    debtors + heldExtraFen,
    'what debtors owe and what is held, and nothing else',
  );
  t.diagnostic(`${standing.length} rides, ${adjusted} changes, ${heldFen} fen held`);
});

test('closing again takes nothing again; built elsewhere the files are the same', async () => {
  const books = async (): Promise<unknown> => [
    await database.hot`select party, kind, clearing_date, after_adjusted_no, up_to_adjusted_no, manifest_sm3 from clearing_batch
      order by party, kind, clearing_date`,
    await database.hot`select count(*) from posting`,
  ];
  const first = await books();
  const again = mkdtempSync(path.join(tmpdir(), 'tapgate-adjusted-'));
  for (const date of DATES) {
    await close(date);
    const built = await buildDay(dependencies(again), { clearingDate: isoDate(date) });
    assert.ok('batches' in built);
    for (const { file } of built.batches)
      if (file !== null)
        assert.ok(readFileSync(path.join(again, file)).equals(readFileSync(path.join(dir, file))), file);
  }
  assert.deepEqual(await books(), first);
  rmSync(again, { recursive: true, force: true });
});

test('the database refuses a batch that takes adjustments again or passes some over', async () => {
  for (const [after, upTo] of [
    [0, 10],
    [1_000_000, 1_000_001],
  ] as const) {
    const terms = { adjusted: { afterAdjustedNo: after, upToAdjustedNo: upTo } };
    await assert.rejects(
      database.hot`
        insert into clearing_batch (party, kind, clearing_date, sequence, purse, records, total_fen, withheld_records, withheld_fen,
          file_bytes, file_sm3, file_sha256, manifest, manifest_sm3, signature, terms)
        values ('BANK1', 'deferred_charge', '2026-12-01', 1, 'bank', 0, 0, 0, 0, 0, '', '', '', '', '', ${database.hot.json(terms)})`,
      /takes adjustments from where the one before it ended|clearing_batch_adjusted_once/,
    );
  }
});

test('a posting too many, or a ride that is in no file, tears a tie', async () => {
  const books = await readClearingBooks(database);
  const names = (of: typeof books): string[] =>
    clearingTies(of)
      .filter(({ equal }) => !equal)
      .map(({ name }) => name);
  const ofBatches = new Map(books.ofBatches).set('1110:BANK1', (books.ofBatches.get('1110:BANK1') ?? 0) + 1);
  assert.deepEqual(names({ ...books, ofBatches }), ['BANK1 owes']);
  const ofAdjustments = new Map(books.ofAdjustments).set('2020', (books.ofAdjustments.get('2020') ?? 0) - 1);
  assert.deepEqual(names({ ...books, ofAdjustments }), ['to be given back']);
  const parties = books.parties.map((one) =>
    one.party === 'BANK1' && one.kind === 'deferred_charge'
      ? { ...one, all: { ...one.all, records: one.all.records + 1, extraFen: one.all.extraFen + 5 } }
      : one,
  );
  assert.deepEqual(names({ ...books, parties }), [
    'BANK1 deferred_charge, adjustments',
    'BANK1 deferred_charge, differences',
  ]);
});
