import { parseArgs } from 'node:util';
import { countArgument, parsedOrUsage, runCommand, UsageFault } from '../scenarios/command-line.ts';
import { runLive } from './live-run.ts';
import { runMorningPeak } from './morning-peak-run.ts';

// `npm run bench -- <what>`: load on a gateway of its own, on this machine only.

const HELP = `Usage: npm run bench -- <what> [options]

  morning-peak            k6 sends live taps at a constant rate to a gateway of its own
    --rate N              taps a second (default 200)
    --seconds N           how long (default 10)
    --summary FILE        k6's summary as JSON

  live                    the live path beside bare SM2 verification and a bare parse-and-commit, in one run
    --taps N              distinct taps (default 2000)
    --json                the figures as one JSON object

  -h, --help              this text

Exit code: 0, 1 when a threshold does not hold, 2 for a command that makes no sense.
`;

async function run(): Promise<number> {
  const { values, positionals } = parse();
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals[0] === 'live') return live(values.taps ?? '2000', values.json === true);
  if (positionals[0] !== 'morning-peak') throw new UsageFault('say what to bench');
  const code = await runMorningPeak({
    ratePerS: countArgument('--rate', values.rate ?? '200', { least: 1, most: 20_000 }),
    seconds: countArgument('--seconds', values.seconds ?? '10', { least: 1, most: 3_600 }),
    summaryFile: values.summary ?? null,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  return code === 0 ? 0 : 1;
}

function parse() {
  return parsedOrUsage(() =>
    parseArgs({
      allowPositionals: true,
      options: {
        rate: { type: 'string' },
        seconds: { type: 'string' },
        summary: { type: 'string' },
        taps: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }),
  );
}

async function live(taps: string, json: boolean): Promise<number> {
  const report = await runLive({
    taps: countArgument('--taps', taps, { least: 100, most: 1_000_000 }),
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  if (json) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return 0;
  }
  const { cores, parseCommit, live: product, sm2VerifyPerSPerCore, settledPerS } = report;
  process.stdout.write(
    [
      `${report.taps} distinct taps of rail oda, generator and database on the same ${cores} cores`,
      `bare SM2 verification, one core   ${sm2VerifyPerSPerCore}/s`,
      `bare parse and commit             ${parseCommit.perS}/s, p50 ${parseCommit.p50Ms} ms, p99 ${parseCommit.p99Ms} ms`,
      `live path, accepted               ${product.perS}/s, p50 ${product.p50Ms} ms, p99 ${product.p99Ms} ms`,
      `live path, settled                ${settledPerS}/s`,
      '',
    ].join('\n'),
  );
  return 0;
}

await runCommand('bench', run);
