import { parseArgs } from 'node:util';
import { countArgument, parsedOrUsage, runCommand, UsageFault } from '../scenarios/command-line.ts';
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

async function run(): Promise<number> {
  const { values, positionals } = parse();
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
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

function parse() {
  return parsedOrUsage(() =>
    parseArgs({
      allowPositionals: true,
      options: {
        rate: { type: 'string' },
        seconds: { type: 'string' },
        summary: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }),
  );
}

await runCommand('bench', run);
