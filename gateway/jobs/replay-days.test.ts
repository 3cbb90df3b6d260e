import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { loadRuleBook } from '../fares/load-rule-sets.ts';
import type { FareDifference } from '../replay/replay-journey.ts';
import { openDatabase, type Database } from '../store/connection.ts';
import { migrateDatabase } from '../store/migrate.ts';
import { inSettlingTransaction, writeSettled } from '../store/settling.ts';
import { pricedDay } from './priced-day.fixture.ts';
import { replayDays, type ReplayTotals } from './replay-days.ts';

const calendar = loadCalendar();
const ruleBook = loadRuleBook(calendar);
const DATE = '2026-11-18';
const day = pricedDay({ ruleBook, calendar }, { cards: 40, ridesPerCard: 8, date: DATE, seed: 5 });
let server: TestDatabase;
let database: Database;

before(async () => {
  server = await startTestDatabase();
  await migrateDatabase(server.url);
  database = await openDatabase(server.url);
  await inSettlingTransaction(database, (transaction) =>
    writeSettled(
      transaction,
      { journeys: day.journeys, postings: [], settledTaps: [], nowWaiting: [], adjustments: [] },
      database,
    ),
  );
});
after(async () => {
  await database.close();
  await server.stop();
});

async function replay(): Promise<{ totals: ReplayTotals; found: Map<string, readonly FareDifference[]> }> {
  const found = new Map<string, readonly FareDifference[]>();
  const rules = { ruleBook, calendar, network: day.network };
  const dates = { from: isoDate(DATE), to: isoDate(DATE) };
  const totals = await replayDays(database, rules, dates, {
    onDifference: (journey, differences) => found.set(journey.journeyId.toString('hex'), differences),
    onProgress: () => undefined,
  });
  return { totals, found };
}

test('a day that was settled replays without a difference, concessions, debts and missing exits among it', async () => {
  const { totals, found } = await replay();
  assert.deepEqual([...found], []);
  assert.equal(totals.journeys, day.journeys.length);
  assert.equal(totals.same, day.journeys.length - totals.held);
  assert.ok(day.journeys.some((journey) => journey.concession !== null));
  assert.ok(day.journeys.some((journey) => journey.outcome === 'debt'));
  assert.ok(day.journeys.some((journey) => journey.completeness === 'missing_tap_out'));
});

test('a stored fare, a stored concession and a stored trace that were tampered with are each reported', async () => {
  const free = day.journeys.filter(
    (journey) => (journey.concession?.claimedFen ?? 0) > 0 && journey.fareFen === 0,
  );
  const paid = day.journeys.filter((journey) => journey.concession === null && (journey.fareFen ?? 0) > 0);
  const [fare, trace, claim] = [paid[0], paid[1], free[0]];
  assert.ok(fare && trace && claim);
  const { hot } = database;
  const before = await hot`select fare_fen from journey where journey_id = ${Buffer.from(fare.journeyId)}`;
  assert.equal(before.length, 1);
  await hot`update journey set fare_fen = fare_fen - 100 where journey_id = ${Buffer.from(fare.journeyId)}`;
  await hot`update journey set claimed_fen = claimed_fen + 1 where journey_id = ${Buffer.from(claim.journeyId)}`;
  await hot`update journey set trace = jsonb_set(trace::jsonb, '{steps,0,fenOut}', '1')::json where journey_id = ${Buffer.from(trace.journeyId)}`;

  const { totals, found } = await replay();
  const fields = (id: Uint8Array): readonly string[] =>
    (found.get(Buffer.from(id).toString('hex')) ?? []).map(({ field }) => field);
  assert.equal(totals.differing, 3);
  assert.equal(found.size, 3);
  assert.deepEqual(fields(fare.journeyId), ['fareFen']);
  assert.deepEqual(fields(claim.journeyId), ['claimedFen']);
  assert.deepEqual(fields(trace.journeyId), ['trace.steps[0]']);
  assert.deepEqual(found.get(Buffer.from(fare.journeyId).toString('hex')), [
    { field: 'fareFen', stored: (fare.fareFen ?? 0) - 100, replayed: fare.fareFen },
  ]);
});
