import { execFile, spawnSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { parsedOrUsage, runCommand, UsageFault } from '../../scenarios/command-line.ts';
import { measureAccept } from './accept.ts';
import { measureAsking } from './asking.ts';
import { measureClearing } from './clearing.ts';
import { measureFares } from './fares.ts';
import { type Figure, figureLine, isWithinBound } from './figure.ts';
import { measureHotlist } from './hotlist.ts';
import { measureSettle } from './settle.ts';
import { TERMINAL } from '../node-start.ts';
import { measureWhatIf } from './whatif.ts';

// `npm run bench:micro -- <what>`: timings of our own code; asking alone goes to a gateway on this machine. Exit 1 when a bound is not held.

const BENCHES: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  accept: measureAccept,
  asking: measureAsking,
  clearing: measureClearing,
  fares: measureFares,
  settle: measureSettle,
  terminal: measureTerminalInProcess,
  hotlist: measureHotlist,
  whatif: measureWhatIf,
};

async function run(): Promise<number> {
  const { values, positionals } = parsedOrUsage(() =>
    parseArgs({
      allowPositionals: true,
      options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }),
  );
  if (values.help === true) {
    console.log(
      [
        `Usage: npm run bench:micro -- ${Object.keys(BENCHES).join('|')} [--json]`,
        '',
        'Times our own code on this machine, each figure beside the bound it is held to.',
        '--json gives figures, bounds, commit, machine, date and load as one object, as kept in bench/results.',
        'Exit code: 0 when every bound is held, 1 when one is not, 2 for wrong usage.',
      ].join('\n'),
    );
    return 0;
  }
  const [name = '', ...surplus] = positionals;
  const bench = BENCHES[name];
  if (bench === undefined || surplus.length > 0)
    throw new UsageFault(`say what to bench: ${Object.keys(BENCHES).join(', ')}`);
  const run = { bench: name, ...circumstances() };
  if (values.json !== true) console.log(`${name}: Node ${run.node}, ${run.processors}, load ${run.load}`);
  const figures = await bench();
  if (values.json === true) {
    const judged = figures.map((figure) => ({
      ...figure,
      name: figure.name.trim(),
      held: isWithinBound(figure),
    }));
    console.log(JSON.stringify({ ...run, figures: judged }, null, 2));
  } else for (const figure of figures) console.log(figureLine(figure));
  return figures.every(isWithinBound) ? 0 : 1;
}

const TERMINAL_PROCESS = fileURLToPath(new URL('./terminal-process.ts', import.meta.url));

/** A young generation is set at the start of a process, so a tap is timed in one that started as a gate's does. */
async function measureTerminalInProcess(): Promise<readonly Figure[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [...TERMINAL.flags, TERMINAL_PROCESS]);
  return JSON.parse(stdout) as readonly Figure[];
}

/** What a figure says nothing without. */
function circumstances() {
  const processors = cpus();
  const commit = spawnSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).stdout.trim();
  return {
    commit,
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    processors: `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown'}`,
    /** of the last minute, before the run */
    load: (loadavg()[0] ?? 0).toFixed(2),
  };
}

await runCommand('bench:micro', run);
