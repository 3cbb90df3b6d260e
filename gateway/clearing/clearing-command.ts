import { runInspect, UsageError } from './inspect/inspect-command.ts';

const HELP = `npm run clearing -- COMMAND

  inspect FILE… [--xsd DIR] [--profile PARTY] [--public-key HEX] [--json]
             recognises clearing files by their bytes and judges each fully; a folder stands for all files below it
             --xsd DIR         judge XML by the schemas in DIR (pain.008.001.08.xsd and so on)
             --profile PARTY   judge also what this bank expects: currency, bank, banking days, header and trailer
             --public-key HEX  X and Y of the sender's SM2 key, 128 hex digits: judge the signatures of manifests
             exit: 0 all are valid, 1 one is not, 2 one is of an unknown kind, 64 wrong usage

  --help     this text
`;

const USAGE_EXIT = 64;

function run(args: readonly string[]): number {
  const [command, ...rest] = args;
  if (command === undefined || ['help', '--help', '-h'].includes(command)) {
    process.stdout.write(HELP);
    return command === undefined ? USAGE_EXIT : 0;
  }
  switch (command) {
    case 'inspect':
      return runInspect(rest, (line) => {
        process.stdout.write(`${line}\n`);
      });
    default:
      throw new UsageError(`there is no command of that name`);
  }
}

try {
  process.exitCode = run(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  if (!isUsage) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = USAGE_EXIT;
}
