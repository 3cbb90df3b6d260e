import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { readTerms } from '../clearing/batch-terms.ts';
import { loadClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { migrateDatabase } from './migrate.ts';
import { FUNDER, journeyIdOf, tokenOf, writeParties, writeSettled } from './settled-day.fixture.ts';

// A database of before 0009 with adjustments, a cut-over and a batch in it is brought to the newest schema: nothing of it is lost, and what follows
// from it is filled in.

const LAST_BEFORE = 8;
let server: TestDatabase;
let sql: postgres.Sql;

before(async () => {
  server = await startTestDatabase();
  sql = postgres(server.url, { max: 2, onnotice: () => undefined });
});
after(async () => {
  await sql.end();
  await server.stop();
});

/** The migrations up to one of them, as a release of that time had them. */
function migrationsUpTo(last: number): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-migrations-'));
  cpSync(path.join(import.meta.dirname, '../migrations'), folder, { recursive: true });
  const file = path.join(folder, 'meta/_journal.json');
  const journal = JSON.parse(readFileSync(file, 'utf8')) as { entries: { idx: number }[] };
  const entries = journal.entries.filter(({ idx }) => idx <= last);
  writeFileSync(file, JSON.stringify({ ...journal, entries }));
  return folder;
}

test('adjustments of before get their bank, their rail and what was claimed before them, and stay written once', async () => {
  const folder = migrationsUpTo(LAST_BEFORE);
  // Of its own: drizzle changes how a client writes JSON and instants.
  const client = postgres(server.url, { max: 1, onnotice: () => undefined });
  await migrate(drizzle(client), { migrationsFolder: folder });
  await client.end();
  rmSync(folder, { recursive: true });
  await writeParties(sql);
  const tap = { terminal: 'GATE0001', atMs: Date.parse('2026-11-20T01:00:00Z'), atc: 1, amountFen: 0 };
  const base = {
    bankId: 'BANK1',
    serviceDate: '2026-11-20',
    lineId: 'METRO',
    rail: 'oda',
    fareFen: 300,
  } as const;
  const single = (sequence: number) => [{ ...tap, sequence, kind: 'single' as const }];
  await writeSettled(sql, [
    { ...base, card: 1, taps: single(1), claim: { listFareFen: 400, claimedFen: 90 } },
    { ...base, card: 2, taps: single(2), outcome: 'debt' },
  ]);
  const rowOf = (card: number, no: number, more: object) => ({
    adjustment_id: Buffer.from([no]),
    service_date: '2026-11-20',
    pan_token: tokenOf(card),
    journey_id: journeyIdOf({ ...tap, sequence: card, kind: 'single' }),
    cause_journey_id: Buffer.from([9]),
    trace: sql.json([]),
    ...more,
  });
  for (const row of [
    rowOf(1, 1, { charged_fen: 300, fare_fen: 200, funder: FUNDER, claimed_fen: 180 }),
    rowOf(1, 2, { charged_fen: 200, fare_fen: 250, funder: null, claimed_fen: null }),
    rowOf(2, 3, { charged_fen: 300, fare_fen: 100, funder: null, claimed_fen: null }),
  ])
    await sql`insert into fare_adjustment ${sql(row)}`;
  await sql`insert into cut_over values ('2026-11-20', 0, 2, now())`;
  const { deferredChargeEdition, subsidyClaimEdition, tc526, ...rest } = loadClearingProfiles().of('BANK1');
  assert.ok(deferredChargeEdition === 2 && subsidyClaimEdition === 2);
  const { header, trailer, constants } = tc526;
  const profile = { ...rest, tc526: { header, trailer, constants } };
  const terms = { profile, cnapsCode: '102100099996', collectionDate: '2026-11-23', merchants: {} };
  await sql`
    insert into clearing_batch (party, kind, clearing_date, sequence, purse, records, total_fen, withheld_records, withheld_fen,
      file_bytes, file_sm3, file_sha256, manifest, manifest_sm3, signature, terms)
    values ('BANK1', 'deferred_charge', '2026-11-20', 1, 'bank', 1, 300, 0, 0, 0, '', '', '', '', '', ${sql.json(terms)})`;

  await migrateDatabase(server.url);

  const rows = await sql`
    select bank_id, rail, charged_funder, charged_claimed_fen::int from fare_adjustment order by adjusted_no`;
  assert.deepEqual(
    rows.map((row) => Object.values<unknown>(row)),
    [
      ['BANK1', 'oda', FUNDER, 90],
      ['BANK1', 'oda', FUNDER, 180],
      [null, 'oda', null, null],
    ],
  );
  await assert.rejects(sql`update fare_adjustment set fare_fen = 0`, /written once/);
  // None was in a file: the next cut-over offers them all, from the first on.
  assert.deepEqual([...(await sql`select up_to_adjusted_no::int as no from cut_over`)], [{ no: 0 }]);
  const [batch] = await sql<{ terms: unknown; taken: string }[]>`
    select terms, up_to_adjusted_no as taken from clearing_batch`;
  assert.equal(Number(batch?.taken), 0);
  // A batch of that time is made again under its own editions.
  const kept = readTerms(batch?.terms);
  assert.deepEqual(
    [kept.profile.deferredChargeEdition, kept.profile.subsidyClaimEdition, kept.profile.tc526.refund],
    [1, 1, null],
  );
  assert.deepEqual(kept.adjusted, { afterAdjustedNo: 0, upToAdjustedNo: 0 });
});
