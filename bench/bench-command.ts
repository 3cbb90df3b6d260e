import { parseArgs } from 'node:util';
import { runMorningPeak } from './morning-peak-run.ts';

// `npm run bench -- <what>`: load on a gateway of its own, on this machine only.

const HELP = `Usage: npm run bench -- <what> [options]

  morning-peak            k6 sends live taps at a constant rate to a gateway of its own
    --rate N              taps a second (default 200)
    --seconds N           how long (default 10)
    --summary FILE        k6's summary as JSON

  -h, --help              this text

Exit code: 0, 1 when a threshold does not hold, 2 for a command that makes no sense.
`;

class UsageFault extends Error {}

function count(name: string, text: string, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw new UsageFault(`${name} takes a number from 1 to ${most}`);
  return value;
}

async function run(): Promise<number> {
  const { values, positionals } = parse();
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals[0] !== 'morning-peak') throw new UsageFault('say what to bench');
  const code = await runMorningPeak({
    ratePerS: count('--rate', values.rate ?? '200', 20_000),
    seconds: count('--seconds', values.seconds ?? '10', 3_600),
    summaryFile: values.summary ?? null,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  return code === 0 ? 0 : 1;
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rate: { type: 'string' },
        seconds: { type: 'string' },
        summary: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageFault(error instanceof Error ? error.message : 'unknown option');
  }
}

try {
  process.exitCode = await run();
} catch (error) {
  if (!(error instanceof UsageFault)) throw error;
  process.stderr.write(`${error.message}\nTry npm run bench -- --help\n`);
  process.exitCode = 2;
}
