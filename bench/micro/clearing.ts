import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDatabase, type RunningDatabase } from '@tapgate/gateway/database/database';
import { openDatabase, type Database } from '@tapgate/gateway/store/connection';
import { migrateDatabase } from '@tapgate/gateway/store/migrate';
import { z } from 'zod';
import type { Figure } from './figure.ts';
import { copySettledDay, DAY_UNIT_TAPS, expectedOf, SERVICE_DATE } from './settled-rows.ts';

/**
 * Closing a day at several sizes: taps closed per second, resident memory, the ratio to a plain COPY of the same rows, and how the cost
 * grows. TAPS=100000,1000000,10000000 by hand, with the disk checked first; 100,000 otherwise.
 *
 * The rate that is asked for counts taps closed. Of the day's taps, single rides become one item each, what a card owes for a day one item, a ride
 * that somebody else pays for one item: items are 57.5 for 100 taps, and their rate is printed beside.
 *
 * An interrupted run stops its server and takes its folder away; one that was killed leaves both, and the next run takes the folder away.
 */
const CLOSE = fileURLToPath(new URL('./close-process.ts', import.meta.url));
/** As `npm run clearing` starts it. */
const CLOSE_FLAGS = ['--max-semi-space-size=32'];
/** Tables, indexes and files of one tap, with room for the sort. */
const BYTES_PER_TAP = 4_000;
const SCRATCH = 'tapgate-bench-clearing-';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const CloseReport = z.object({
  seconds: z.number(),
  cpuSeconds: z.number(),
  residentMb: z.number(),
  records: z.number(),
  totalFen: z.number(),
  withheld: z.number(),
});

export function measureClearing(): Promise<readonly Figure[]> {
  return measureClosing((process.env['TAPS'] ?? '100000').split(',').map(Number));
}

/** @param examine is shown the folder of the files of each size while they are there */
export async function measureClosing(
  sizes: readonly number[],
  examine: (outDir: string) => void = () => undefined,
): Promise<readonly Figure[]> {
  if (sizes.some((taps) => taps <= 0 || taps % DAY_UNIT_TAPS !== 0))
    throw new Error(`TAPS are multiples of ${DAY_UNIT_TAPS}`);
  removeLeftovers();
  const scratch = mkdtempSync(path.join(tmpdir(), `${SCRATCH}${process.pid}-`));
  const { bavail, bsize } = statfsSync(scratch);
  const needed = Math.max(...sizes) * BYTES_PER_TAP;
  if (bavail * bsize < needed) {
    rmSync(scratch, { recursive: true });
    throw new Error(`needs ${Math.ceil(needed / 1e9)} GB free at ${scratch}`);
  }
  const server = await startDatabase({ dataDir: scratch, databaseUrl: process.env['DATABASE_URL'] ?? null });
  const end = async (): Promise<void> => {
    await server.destroy();
    rmSync(scratch, { recursive: true, force: true });
  };
  const interrupted = (signal: NodeJS.Signals): void => {
    // What is under way falls over the server that goes: nobody wants to hear of it, and it must not end the clearing away.
    process.on('uncaughtException', () => undefined).on('unhandledRejection', () => undefined);
    void end().finally(() => process.exit(128 + constants.signals[signal]));
  };
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    const figures: Figure[] = [];
    const perTapUs: number[] = [];
    for (const taps of sizes) {
      const measured = await measureSize(server, scratch, taps, examine);
      figures.push(...measured.figures);
      perTapUs.push(measured.perTapUs);
    }
    const [first] = perTapUs;
    const last = perTapUs.at(-1);
    if (first !== undefined && last !== undefined && perTapUs.length > 1) {
      figures.push({
        name: `cost per tap at ${String(sizes.at(-1))} / at ${String(sizes[0])}`,
        value: last / first,
        unit: 'times',
        atMost: 1.5,
      });
    }
    return figures;
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, interrupted);
    await end();
  }
}

/** Folders of runs that were killed: their process, whose number is in the name, is there no more. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(SCRATCH) ? Number.parseInt(name.slice(SCRATCH.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || isRunning(pid)) continue;
    rmSync(path.join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

async function measureSize(
  server: RunningDatabase,
  scratch: string,
  taps: number,
  examine: (outDir: string) => void,
): Promise<{ readonly figures: readonly Figure[]; readonly perTapUs: number }> {
  const name = `bench_clearing_${taps}`;
  await server.dropDatabase(name);
  const url = await server.createDatabase(name);
  await migrateDatabase(url);
  const database = await openDatabase(url);
  const outDir = mkdtempSync(path.join(scratch, 'files-'));
  try {
    const label = taps.toLocaleString('en');
    const say = (text: string): void => {
      process.stderr.write(`${label} taps: ${text}\n`);
    };
    const madeSeconds = await secondsOf(() => copySettledDay(database, taps, say));
    say(`made in ${madeSeconds.toFixed(0)} s; a plain COPY of them`);
    const copySeconds = await secondsOf(() => plainCopy(database));
    say(`copied in ${copySeconds.toFixed(0)} s; closing`);
    const report = await closeInProcess(url, outDir);
    const expected = expectedOf(taps);
    if (report.withheld > 0) throw new Error('closing withheld journeys that are good');
    if (report.records !== expected.records + expected.claims || report.totalFen < expected.totalFen)
      throw new Error('closing left out records');
    say(`closed in ${report.seconds.toFixed(0)} s`);
    examine(outDir);
    return {
      perTapUs: (report.seconds / taps) * 1e6,
      figures: [
        { name: `${label} taps: made through COPY`, value: madeSeconds, unit: 's' },
        { name: `${label} taps: closed`, value: report.seconds, unit: 's' },
        { name: `${label} taps: taps closed`, value: taps / report.seconds, unit: 'taps/s', atLeast: 20_000 },
        { name: `${label} taps: items written`, value: report.records / report.seconds, unit: 'records/s' },
        {
          name: `${label} taps: CPU of the closing process a tap`,
          value: (report.cpuSeconds / taps) * 1e6,
          unit: 'us',
        },
        { name: `${label} taps: resident memory`, value: report.residentMb, unit: 'MB', atMost: 512 },
        { name: `${label} taps: items in the files`, value: report.records, unit: 'records' },
        { name: `${label} taps: files`, value: folderBytes(outDir) / 1e6, unit: 'MB' },
        { name: `${label} taps: plain COPY of the same rows`, value: copySeconds, unit: 's' },
        { name: `${label} taps: closing / COPY`, value: report.seconds / copySeconds, unit: 'times' },
      ],
    };
  } finally {
    await database.close();
    await server.dropDatabase(name);
    rmSync(outDir, { recursive: true, force: true });
  }
}

/** Closes the day in a process of its own, whose memory is then closing's. */
async function closeInProcess(url: string, outDir: string): Promise<z.infer<typeof CloseReport>> {
  const closing = spawn(process.execPath, [...CLOSE_FLAGS, '--import', 'tsx', CLOSE, outDir, SERVICE_DATE], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  closing.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  closing.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
    process.stderr.write(text);
  });
  await once(closing, 'close');
  if (closing.exitCode !== 0) throw new Error(`closing failed: ${said.stderr}`);
  return CloseReport.parse(JSON.parse(said.stdout));
}

/** What any program would have to read: every journey of the day with its taps' sealed records, unsorted and unopened. */
async function plainCopy(database: Database): Promise<void> {
  const rows = await database.hot
    .unsafe(
      `copy (select journey.*, tap.record_sealed, tap.record_iv, tap.record_sm3 from journey
        join tap on tap.service_date = journey.service_date and tap.pan_token = journey.pan_token
          and (tap.terminal_id, tap.tap_sequence) in ((entry_terminal_id, entry_tap_sequence), (exit_terminal_id, exit_tap_sequence))
        where journey.service_date = '${SERVICE_DATE}') to stdout`,
    )
    .readable();
  // Taken as it comes: postgres.js stops for ever when a consumer of its stream once falls behind.
  await new Promise<void>((resolve, reject) => {
    rows
      .on('data', () => undefined)
      .on('end', resolve)
      .on('error', reject);
  });
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}
