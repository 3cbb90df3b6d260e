import path from 'node:path';
import { parseArgs } from 'node:util';
import { isIsoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { batchKindNamed, runBuild, runClose, runStatus, type DeskAnswer } from '../jobs/clearing-desk.ts';
import { describeStartFault, StartFault } from '../start-fault.ts';
import { runInspect, UsageError } from './inspect/inspect-command.ts';

const HELP = `npm run clearing -- COMMAND

  close  [--date D] [--cut-at T] [--out DIR] [--json]
             settles what is left and closes a clearing date: cut-over, batches of every bank and funder, files, manifests, signatures.
             May be repeated; after a crash it goes on where it was. Without --date: the date after the newest closed one
  build  --date D [--party P] [--kind K] [--out DIR] [--json]
             makes the files of a closed date again, byte for byte
  status [--date D] [--json]
             the newest closed dates, where adjustments are, and whether files and ledger tie (exit 1 if not); or the batches of one date
  inspect FILE… [--xsd DIR] [--profile PARTY] [--public-key HEX] [--json]
             recognises clearing files by their bytes and judges each fully; a folder stands for all files below it
             --xsd DIR         judge XML by the schemas in DIR (pain.008.001.08.xsd and so on)
             --profile PARTY   judge also what this bank expects: currency, bank, banking days, header and trailer
             --public-key HEX  X and Y of the sender's SM2 key, 128 hex digits: judge the signatures of manifests
             exit: 0 all are valid, 1 one is not, 2 one is of an unknown kind

  D is YYYY-MM-DD, T an instant of ISO 8601 (default: now), DIR defaults to out/clearing; DATA_DIR, DATABASE_URL and
  KEYSTORE_PASSPHRASE as for npm start. A gateway may be running.
  exit: 0 done, 1 not possible (the reason is said), 64 wrong usage
`;

const USAGE_EXIT = 64;
const OUT_DIR = path.join(import.meta.dirname, '../../out/clearing');

const OPTIONS = {
  date: { type: 'string' },
  'cut-at': { type: 'string' },
  party: { type: 'string' },
  kind: { type: 'string' },
  out: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case undefined:
      process.stdout.write(HELP);
      return USAGE_EXIT;
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(HELP);
      return 0;
    case 'inspect':
      return runInspect(rest, print);
    case 'close':
    case 'build':
    case 'status':
      return answer(command, rest);
    default:
      throw new UsageError(
        'there is no command of that name; npm run clearing -- --help tells which there are',
      );
  }
}

async function answer(command: 'close' | 'build' | 'status', args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false });
  const date = values.date === undefined ? null : dateOf(values.date);
  const outDir = path.resolve(values.out ?? OUT_DIR);
  const { exit, lines, json }: DeskAnswer = await (() => {
    switch (command) {
      case 'close':
        return runClose({
          date,
          outDir,
          cutAtMs: values['cut-at'] === undefined ? Date.now() : instantOf(values['cut-at']),
        });
      case 'build': {
        if (date === null) throw new UsageError('build needs --date');
        const kind = values.kind === undefined ? null : batchKindNamed(values.kind);
        if (values.kind !== undefined && kind === null)
          throw new UsageError('--kind: there is no such kind of batch');
        return runBuild({ date, outDir, kind, party: values.party ?? null });
      }
      case 'status':
        return runStatus({ date });
    }
  })();
  if (values.json) print(JSON.stringify(json));
  else for (const line of lines) print(line);
  return exit;
}

function dateOf(text: string): IsoDate {
  if (!isIsoDate(text)) throw new UsageError('--date: an existing date, YYYY-MM-DD');
  return text;
}

function instantOf(text: string): number {
  const atMs = Date.parse(text);
  if (!/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/.test(text) || Number.isNaN(atMs))
    throw new UsageError('--cut-at: an instant of ISO 8601 with its offset');
  return atMs;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

// A reader that has seen enough (head) closes the pipe: that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  process.stderr.write(`${isUsage ? error.message : describeStartFault(error)}\n`);
  process.exitCode = isUsage ? USAGE_EXIT : error instanceof StartFault ? error.exitCode : 1;
}
