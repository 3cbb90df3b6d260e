import { readFileSync } from 'node:fs';

/**
 * What a script of package.json gives Node before the program, reader of TypeScript included: what is measured is started like it.
 *
 * @throws Error when the script starts something else
 */
function nodeFlagsOf(script: 'start' | 'validator'): readonly string[] {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { scripts } = JSON.parse(text) as { readonly scripts: Readonly<Record<string, string>> };
  const [, options] = /^exec node ((?:--\S+ (?:tsx )?)*)\S+\.ts$/.exec(scripts[script] ?? '') ?? [];
  if (options === undefined) throw new Error(`the script ${script} starts node on a program`);
  return options.trim().split(' ');
}

/** A terminal has little memory, and its young generation need not grow to a server's. */
export const TERMINAL_FLAGS = nodeFlagsOf('validator');

/** A gateway is held to 300 MB. */
export const GATEWAY_FLAGS = nodeFlagsOf('start');
