import { cpus } from 'node:os';
import { runCommand, UsageFault } from '../../scenarios/command-line.ts';
import { type Figure, figureLine, isWithinBound } from './figure.ts';
import { measureTerminal } from './terminal.ts';

// `npm run bench:micro -- <what>`: timings of our own code without a network. Exit 1 when a bound is not held.

const BENCHES: Readonly<Record<string, () => Promise<readonly Figure[]>>> = { terminal: measureTerminal };

async function run(): Promise<number> {
  const [name = ''] = process.argv.slice(2);
  if (name === '--help' || name === '-h') {
    console.log(
      `Usage: npm run bench:micro -- ${Object.keys(BENCHES).join('|')}\nExit code: 0, 1 when a bound is not held.`,
    );
    return 0;
  }
  const bench = BENCHES[name];
  if (bench === undefined) throw new UsageFault(`say what to bench: ${Object.keys(BENCHES).join(', ')}`);
  const processors = cpus();
  console.log(
    `${name}: Node ${process.version}, ${processors.length} x ${processors[0]?.model ?? 'unknown'}`,
  );
  const figures = await bench();
  for (const figure of figures) console.log(figureLine(figure));
  return figures.every(isWithinBound) ? 0 : 1;
}

await runCommand('bench:micro', run);
