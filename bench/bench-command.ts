import { parseArgs } from 'node:util';
import { countArgument, parsedOrUsage, runCommand, UsageFault } from '../scenarios/command-line.ts';
import { loadDemoData } from '@tapgate/gateway/operators/demo-reference';
import { RelaxedSettings } from './limits/limits-server.ts';
import { runLimits } from './limits/limits-run.ts';
import { isMet } from './limits/limits-figures.ts';
import { runMemory } from './limits/memory-run.ts';
import { limitsTable } from './limits/limits-table.ts';
import { figureLine, isWithinBound, type Figure } from './micro/figure.ts';
import { runMorningPeak } from './morning-peak-run.ts';
import { runReconnect } from './reconnect/reconnect-run.ts';

// `npm run bench -- <what>`: load on a gateway of its own, on this machine only.

const HELP = `Usage: npm run bench -- <what> [options]

  morning-peak            k6 sends live taps at a constant rate to a gateway of its own
    --rate N              taps a second (default 200)
    --seconds N           how long (default 10)
    --summary FILE        k6's summary as JSON

  limits                  every path beside its floor, in one run of about five minutes
    --json                all figures as JSON on the standard output
    --scale N             per cent of the usual length of every phase (default 100)
    --profiles DIR        leaves CPU profiles of the gateway there

  memory                  a gateway's memory at its peak and after ten minutes of load
    --minutes N           how long (default 10), the making of the taps not counted
    --json                all figures as JSON on the standard output

  reconnect               18,000 terminals come back within five minutes, beside live taps
    --scale N             per cent of the terminals and of the time (default 100)
    --profiles DIR        leaves a CPU profile of the gateway there
    --json                all figures as JSON on the standard output

  -h, --help              this text

DATABASE_URL: a server to run \`limits\` and \`memory\` on; without it one of the bench's own. Durable settings only.

Exit code: 0, 1 when a threshold does not hold, 2 for a command that makes no sense.
`;

async function run(): Promise<number> {
  const { values, positionals } = parse();
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals[0] === 'limits') {
    return limits({
      scale: countArgument('--scale', values.scale ?? '100', { least: 1, most: 400 }) / 100,
      profileFolder: values.profiles ?? null,
      json: values.json === true,
    });
  }
  if (positionals[0] === 'memory') {
    const figures = await runMemory({
      databaseUrl: process.env['DATABASE_URL'] ?? null,
      jurisdiction: demoJurisdiction(),
      minutes: countArgument('--minutes', values.minutes ?? '10', { least: 1, most: 60 }),
      onProgress: (line) => process.stderr.write(`${line}\n`),
    });
    return report(figures, values.json === true);
  }
  if (positionals[0] === 'reconnect') {
    const figures = await runReconnect({
      scale: countArgument('--scale', values.scale ?? '100', { least: 1, most: 100 }) / 100,
      profileFolder: values.profiles ?? null,
      onProgress: (line) => process.stderr.write(`${line}\n`),
    });
    return report(figures, values.json === true);
  }
  if (positionals[0] !== 'morning-peak') throw new UsageFault('say what to bench');
  const code = await runMorningPeak({
    ratePerS: countArgument('--rate', values.rate ?? '200', { least: 1, most: 20_000 }),
    seconds: countArgument('--seconds', values.seconds ?? '10', { least: 1, most: 3_600 }),
    summaryFile: values.summary ?? null,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  return code === 0 ? 0 : 1;
}

/** @returns the exit code: whether every bound is held */
function report(figures: readonly Figure[], asJson: boolean): number {
  if (asJson) process.stdout.write(`${JSON.stringify({ figures }, null, 2)}\n`);
  else for (const figure of figures) process.stdout.write(`${figureLine(figure)}\n`);
  return figures.every(isWithinBound) ? 0 : 1;
}

/** The city whose bus rules price the bench's rides: that of the demonstration's data. */
function demoJurisdiction(): string {
  const [operator] = loadDemoData().operators;
  if (operator === undefined) throw new RangeError('the demonstration has an operator');
  return operator.jurisdiction;
}

function parse() {
  return parsedOrUsage(() =>
    parseArgs({
      allowPositionals: true,
      options: {
        rate: { type: 'string' },
        seconds: { type: 'string' },
        minutes: { type: 'string' },
        summary: { type: 'string' },
        scale: { type: 'string' },
        profiles: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }),
  );
}

async function limits(order: {
  readonly scale: number;
  readonly profileFolder: string | null;
  readonly json: boolean;
}): Promise<number> {
  const figures = await runLimits({
    databaseUrl: process.env['DATABASE_URL'] ?? null,
    jurisdiction: demoJurisdiction(),
    profileFolder: order.profileFolder,
    scale: order.scale,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(
    `${order.json ? JSON.stringify(figures, null, 2) : limitsTable(figures, process.stdout.isTTY)}\n`,
  );
  return Object.values(figures.ratios).every(isMet) ? 0 : 1;
}

/** A database whose settings are relaxed is no fault of ours, and nothing is measured on it. */
async function runOnDurable(): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof RelaxedSettings)) throw error;
    process.stderr.write(`bench: ${error.message}\n`);
    return 1;
  }
}

await runCommand('bench', runOnDurable);
