import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { isIsoDate, isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { loadCalendar } from '@tapgate/gateway/calendar/load-calendar';
import { startOwnGateway } from '../city/attach-gateway.ts';
import { coveredWorkingDay } from '../city/covered-working-day.ts';
import { countArgument, parsedOrUsage, runCommand, UsageFault } from '../command-line.ts';
import { seededRandom } from '../seeded-random.ts';
import { demoReport, formatReport } from './demo-report.ts';
import { readSentFiles } from './read-sent-files.ts';
import { runServiceDay } from './run-service-day.ts';
import { tiesOf } from './ties.ts';

// `npm run demo`: one service day end to end, over HTTP and a real database made for the run, and the proof that it ties.

const HELP = `Usage: npm run demo -- [options]

Runs one service day: morning peak and off-peak, seniors, a bus that is offline for three hours, repeated deliveries, forged and
hotlisted cards, missing tap-outs. Closes the day and proves that taps, ledger and files tie to the fen.

Options:
  --cards N     cards of the city (default 500)
  --taps N      presentations of a card (default 5000)
  --seed TEXT   same seed, same files byte for byte, signatures (*.sig) apart (default 1)
  --date DATE   service date, YYYY-MM-DD (default: the last statutory working day up to today that the calendar covers)
  --out DIR     where the files go that would be sent; must be empty or not there (default out/demo-DATE-seed-SEED)
  --keep DIR    the day's database and keystore stay in DIR (empty or not there), for DATA_DIR=DIR npm run whatif, replay, clearing
  --json        the whole report as one JSON object
  -h, --help    this text

Exit code: 0 when everything ties, 1 when something does not, 2 for a command that makes no sense.
`;

type Order = {
  readonly cards: number;
  readonly taps: number;
  readonly seed: string;
  readonly date: IsoDate;
  readonly outDir: string;
  readonly keepDir: string | null;
  readonly json: boolean;
};

function readOrder(): Order | null {
  const values = parseArguments();
  if (values.help === true) return null;
  if (values.date !== undefined && !isIsoDate(values.date))
    throw new UsageFault('--date takes an existing date, YYYY-MM-DD');
  const date =
    values.date === undefined ? coveredWorkingDay(loadCalendar(), Date.now()) : isoDate(values.date);
  const seed = values.seed ?? '1';
  if (!/^[\w.-]{1,40}$/.test(seed)) throw new UsageFault('--seed takes up to 40 letters, digits, _ . -');
  const outDir = freshFolder('--out', values.out ?? path.join('out', `demo-${date}-seed-${seed}`));
  const keepDir = values.keep === undefined ? null : freshFolder('--keep', values.keep);
  return {
    cards: countArgument('--cards', values.cards ?? '500', { least: 20, most: 1_000_000 }),
    taps: countArgument('--taps', values.taps ?? '5000', { least: 100, most: 10_000_000 }),
    ...{ seed, date, outDir, keepDir, json: values.json === true },
  };
}

function freshFolder(option: string, folder: string): string {
  const full = path.resolve(folder);
  if (existsSync(full) && readdirSync(full).length > 0)
    throw new UsageFault(`${full} is not empty: name another folder with ${option}`);
  return full;
}

function parseArguments() {
  return parsedOrUsage(() =>
    parseArgs({
      options: {
        cards: { type: 'string' },
        taps: { type: 'string' },
        seed: { type: 'string' },
        date: { type: 'string' },
        out: { type: 'string' },
        keep: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }),
  ).values;
}

async function run(order: Order): Promise<boolean> {
  const startedAt = performance.now();
  const own = await startOwnGateway({
    seed: sm3(Buffer.from(`tapgate demo ${order.seed}`)),
    ...(order.keepDir === null ? {} : { dataDir: order.keepDir }),
  });
  // A bar only where somebody watches it; a pipe gets none.
  const bar = process.stderr.isTTY
    ? new SingleBar({
        format: '{phase} [{bar}] {value}/{total} taps, {eta_formatted} left',
        stream: process.stderr,
      })
    : null;
  try {
    bar?.start(order.taps, 0, { phase: 'riding' });
    const result = await runServiceDay({
      ...{
        own,
        date: order.date,
        cards: order.cards,
        taps: order.taps,
        seed: order.seed,
        outDir: order.outDir,
      },
      random: seededRandom(order.seed),
      onProgress: (done, all, phase) => {
        bar?.setTotal(all);
        bar?.update(done, { phase });
      },
    });
    bar?.stop();
    const files = readSentFiles(order.outDir);
    const seconds = (performance.now() - startedAt) / 1000;
    const { date, seed, outDir } = order;
    const report = demoReport({ date, seed, outDir, seconds }, result, files, tiesOf(result, files));
    process.stdout.write(order.json ? `${JSON.stringify(report)}\n` : formatReport(report));
    return report.ok;
  } finally {
    bar?.stop();
    await own.detach();
  }
}

await runCommand('demo', async () => {
  const order = readOrder();
  if (order !== null) return (await run(order)) ? 0 : 1;
  process.stdout.write(HELP);
  return 0;
});
