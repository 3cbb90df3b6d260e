import { readFileSync } from 'node:fs';

/** How a script of package.json starts Node: with which environment, and what stands before the program, reader of TypeScript included. */
export type NodeStart = {
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

/** What is measured is started as its users start it. @throws Error when the script starts something else */
function nodeStartOf(script: 'start' | 'validator'): NodeStart {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { scripts } = JSON.parse(text) as { readonly scripts: Readonly<Record<string, string>> };
  const [, settings, options] =
    /^((?:[A-Z_]+=\S+ )*)exec node ((?:--\S+ (?:tsx )?)*)\S+\.ts$/.exec(scripts[script] ?? '') ?? [];
  if (settings === undefined || options === undefined)
    throw new Error(`the script ${script} starts node on a program`);
  const env = Object.fromEntries(
    settings
      .split(' ')
      .filter((setting) => setting !== '')
      .map((setting): [string, string] => {
        const at = setting.indexOf('=');
        return [setting.slice(0, at), setting.slice(at + 1)];
      }),
  );
  return { flags: options.trim().split(' '), env };
}

/** For a process that nobody measures. */
export const PLAIN: NodeStart = { flags: ['--import', 'tsx'], env: {} };

/** A terminal has little memory, and its young generation need not grow to a server's. */
export const TERMINAL = nodeStartOf('validator');

/** A gateway is held to 300 MB. */
export const GATEWAY = nodeStartOf('start');
