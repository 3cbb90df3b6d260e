import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { loadCalendar } from '@tapgate/gateway/calendar/load-calendar';
import { startDatabase } from '@tapgate/gateway/database/database';
import { loadRuleBook } from '@tapgate/gateway/fares/load-rule-sets';
import {
  insertEnrolments,
  pricedDay,
  tokenOf,
  type PricedDay,
} from '@tapgate/gateway/jobs/priced-day.fixture';
import { keyOwnersOf, loadDemoData, referenceRowsOf } from '@tapgate/gateway/operators/demo-reference';
import { openOrCreateKeystore } from '@tapgate/gateway/keys/open-keystore';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { openDatabase, type Database } from '@tapgate/gateway/store/connection';
import { migrateDatabase } from '@tapgate/gateway/store/migrate';
import { writeReferenceData } from '@tapgate/gateway/store/reference-data';
import { z } from 'zod';
import type { Figure } from './figure.ts';

/** Rides of the bench; RIDES=100000 for a short run. The bound is the issue's, for one million on two cores. */
const RIDES = Number(process.env['RIDES'] ?? '1000000');
const BOUND_S = (60 * RIDES) / 1_000_000;
const DATE = '2026-11-20';
/** Cards and rides that are really settled; the rest are the same days on other cards. */
const CARDS = 1_000;
const RIDES_PER_CARD = 20;
const WHATIF = fileURLToPath(new URL('./whatif-process.ts', import.meta.url));
const Report = z.object({
  seconds: z.number(),
  cpuSeconds: z.number(),
  residentMb: z.number(),
  rides: z.number(),
  payLess: z.number(),
});
type Run = z.output<typeof Report>;

/**
 * What another policy costs to ask of one million rides in PostgreSQL, in a process of its own: seconds from the first query to
 * the sums, and the memory that it ever held; and a replay of the same rides, whole traces and all.
 */
export async function measureWhatIf(): Promise<readonly Figure[]> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'tapgate-bench-whatif-'));
  const server = await startDatabase({ dataDir: scratch, databaseUrl: process.env['DATABASE_URL'] ?? null });
  try {
    await server.dropDatabase('bench_whatif');
    const url = await server.createDatabase('bench_whatif');
    await migrateDatabase(url);
    const database = await openDatabase(url);
    const rides = await fill(database, scratch).finally(() => database.close());
    const label = rides.toLocaleString('en');
    const run = (what: string): Run => {
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        ['--import', 'tsx', WHATIF, what, scratch, DATE],
        { encoding: 'utf8', env: { ...process.env, DATABASE_URL: url } },
      );
      if (status !== 0) throw new Error(`${what} failed: ${stderr}`);
      return Report.parse(JSON.parse(stdout));
    };
    const asked = run('whatif');
    const replayed = run('replay');
    await server.dropDatabase('bench_whatif');
    return [
      { name: `what-if over ${label} rides`, value: asked.seconds, unit: 's', atMost: BOUND_S },
      { name: '  of it the core time of this process', value: asked.cpuSeconds, unit: 's' },
      { name: `  rides a second`, value: asked.rides / asked.seconds, unit: 'rides/s' },
      { name: `  memory at most`, value: asked.residentMb, unit: 'MB', atMost: 512 },
      { name: `  cards that pay less`, value: asked.payLess, unit: 'cards' },
      { name: `replay of ${label} rides, whole traces`, value: replayed.seconds, unit: 's' },
      { name: `  memory at most`, value: replayed.residentMb, unit: 'MB', atMost: 512 },
    ];
  } finally {
    await server.destroy();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function fill(database: Database, dataDir: string): Promise<number> {
  const data = loadDemoData();
  const { keystore } = openOrCreateKeystore(
    { dataDir, keystorePassphrase: null },
    keyOwnersOf(data),
    '2026-11-20T00:00:00Z',
  );
  await writeReferenceData(database, referenceRowsOf(data, keystore));
  const calendar = loadCalendar();
  const rules = { ruleBook: loadRuleBook(calendar), calendar };
  const day = pricedDay(rules, { cards: CARDS, ridesPerCard: RIDES_PER_CARD, date: DATE, seed: 6 });
  const copies = Math.ceil(RIDES / day.journeys.length);
  await database.hot`select ensure_month_partitions(${DATE}::date)`;
  const writable = await database.hot.unsafe(`copy journey (${COLUMNS}) from stdin`).writable();
  await pipeline(Readable.from(copyLines(day, copies)), writable);
  await database.hot.unsafe('analyze journey');
  const enrolments = Array.from({ length: copies }, (_none, copy) =>
    day.enrolments.map((enrolment) => ({
      ...enrolment,
      panToken: tokenOf(copy * CARDS + Number.parseInt(enrolment.panToken.slice(0, 8), 16)),
    })),
  ).flat();
  await insertEnrolments(database, new KeystoreProvider(keystore), enrolments);
  return copies * day.journeys.length;
}

const COLUMNS =
  'service_date, pan_token, journey_id, psn, bank_id, operator_id, line_id, mode, rail, completeness, entry_terminal_id, ' +
  'entry_tap_sequence, exit_terminal_id, exit_tap_sequence, started_at, ended_at, outcome, cause, list_fare_fen, fare_fen, ' +
  'rule_set_id, rule_set_version, concession_rule_id, rider_category, funder, shortfall_fen, claimed_fen, trace';

/** The day again and again, each time on other cards. */
function* copyLines(day: PricedDay, copies: number): Generator<string> {
  const rows = day.journeys.map((ride) => {
    const { concession } = ride;
    const cells = [
      ...[
        Buffer.from(ride.journeyId),
        ride.psn,
        ride.bankId,
        ride.operatorId,
        ride.lineId,
        ride.mode,
        ride.rail,
      ],
      ...[ride.completeness, ride.entry?.terminalId, ride.entry?.tapSequence, ride.exit?.terminalId],
      ...[
        ride.exit?.tapSequence,
        new Date(ride.startedAtMs),
        new Date(ride.endedAtMs),
        ride.outcome,
        ride.cause,
      ],
      ...[ride.listFareFen, ride.fareFen, ride.ruleSetId, ride.ruleSetVersion, concession?.ruleId],
      ...[concession?.category, concession?.funder, concession?.shortfallFen, concession?.claimedFen],
      JSON.stringify(ride.trace),
    ];
    return { card: Number.parseInt(ride.panToken.slice(0, 8), 16), rest: cells.map(copyText).join('\t') };
  });
  for (let copy = 0; copy < copies; copy += 1) {
    for (const { card, rest } of rows) yield `${DATE}\t\\\\x${tokenOf(copy * CARDS + card)}\t${rest}\n`;
  }
}

function copyText(value: Buffer | Date | string | number | null | undefined): string {
  if (value === null || value === undefined) return '\\N';
  if (Buffer.isBuffer(value)) return `\\\\x${value.toString('hex')}`;
  if (value instanceof Date) return value.toISOString();
  return String(value).replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
}
