import { readFileSync } from 'node:fs';

/**
 * What `npm run validator` gives Node before the program, reader of TypeScript included: what is measured is started like it. A
 * terminal has little memory, and its young generation need not grow to a server's.
 *
 * @throws Error when the script starts something else
 */
function terminalFlags(): readonly string[] {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { scripts } = JSON.parse(text) as { readonly scripts: Readonly<Record<string, string>> };
  const [, options] = /^exec node ((?:--\S+ (?:tsx )?)*)\S+\.ts$/.exec(scripts['validator'] ?? '') ?? [];
  if (options === undefined) throw new Error('the script of the validator starts node on a program');
  return options.trim().split(' ');
}

export const TERMINAL_FLAGS = terminalFlags();
