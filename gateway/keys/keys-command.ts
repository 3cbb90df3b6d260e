import { readSettings } from '../settings.ts';
import { describeStartFault, StartFault } from '../start-fault.ts';
import { operatorToken } from './demo-credentials.ts';
import { rotateKey } from './demo-keystore.ts';
import { kindOfKey } from './key-kinds.ts';
import { openKeystore, type OpenKeystore } from './open-keystore.ts';
import type { KeyDescription } from './keystore.ts';

const HELP = `npm run keys -- COMMAND [--json]

  list               every key: id, version, algorithm, state, when made, what for; never its material
  rotate ID          makes a new version of a key; the old one stays for what was made under it
  operator-token     prints the token with which people and tools of the operator come in
  --help             this text

The keystore is DATA_DIR/keystore.json, encrypted under KEYSTORE_PASSPHRASE, or under the generated passphrase that lies
beside it in a demonstration. A running gateway has its keys in memory: what rotates takes effect when it starts next.

Exit: 0 done, 1 not possible (the reason is said), 2 wrong usage or settings.
`;

type Output = { readonly text: string; readonly json: unknown };

/** Runs one command. @returns the process's exit code */
function run(args: readonly string[]): number {
  const json = args.includes('--json');
  const [command, id, ...rest] = args.filter((argument) => argument !== '--json');
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') {
    process.stdout.write(HELP);
    return command === undefined ? 2 : 0;
  }
  const expectsId = command === 'rotate';
  if (
    !['list', 'rotate', 'operator-token'].includes(command) ||
    expectsId !== (id !== undefined) ||
    rest.length > 0
  ) {
    return fail('usage', `wrong usage; npm run keys -- --help tells how`, json, 2);
  }
  try {
    const opened = openKeystore(readSettings(process.env));
    if (opened === null) {
      throw new StartFault(
        'keystore_missing',
        'there is no keystore yet: the first npm start makes it (DATA_DIR says where)',
      );
    }
    const output = id === undefined ? show(command, opened) : rotate(opened, id);
    if ('refused' in output) return fail('key_not_rotated', `${id ?? ''}: ${output.refused}`, json, 1);
    process.stdout.write(json ? `${JSON.stringify(output.json)}\n` : `${output.text}\n`);
    return 0;
  } catch (error) {
    const fault = error instanceof StartFault ? error : null;
    if (json)
      return fail(
        fault?.code ?? 'failed',
        fault?.message ?? describeStartFault(error),
        json,
        fault?.exitCode ?? 1,
      );
    process.stderr.write(`${describeStartFault(error)}\n`);
    return fault?.exitCode ?? 1;
  }
}

function show(command: string, opened: OpenKeystore): Output {
  if (command === 'operator-token') {
    const token = operatorToken(opened.keystore);
    return { text: token, json: { operatorToken: token } };
  }
  const keys = opened.keystore.list();
  return { text: tableOf(keys), json: keys };
}

function rotate(opened: OpenKeystore, id: string): Output | { readonly refused: string } {
  const rotation = rotateKey(opened.keystore, id, new Date().toISOString());
  if (!rotation.ok) return { refused: rotation.reason };
  opened.replace(rotation.keystore);
  return {
    text: `${id}: version ${rotation.version} is current; a running gateway takes it when it starts next`,
    json: { id, version: rotation.version },
  };
}

function fail(code: string, message: string, json: boolean, exitCode: number): number {
  process.stderr.write(json ? `${JSON.stringify({ error: code, message })}\n` : `${code}: ${message}\n`);
  return exitCode;
}

function tableOf(keys: readonly KeyDescription[]): string {
  const rows = keys.map((key) => [
    key.id,
    String(key.version),
    key.algorithm,
    key.state,
    kindOfKey(key.id)?.kind.keptBecause === null ? 'yes' : 'no',
    key.createdAt.slice(0, 19),
    key.usage,
  ]);
  const table = [['key', 'version', 'algorithm', 'state', 'rotates', 'made (UTC)', 'what for'], ...rows];
  const widths = table.reduce<number[]>(
    (widest, row) => row.map((cell, i) => Math.max(cell.length, widest[i] ?? 0)),
    [],
  );
  return table
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

process.exitCode = run(process.argv.slice(2));
