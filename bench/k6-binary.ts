import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where .ci/run puts programs that no package manager carries. */
const TOOLS_FOLDER = path.join(import.meta.dirname, '..', '.tools', 'bin');

/** The k6 binary: K6_PATH, then the one .ci/run built, then one on the PATH; null when there is none that runs. */
export function k6Path(): string | null {
  const own = path.join(TOOLS_FOLDER, 'k6');
  const candidates = [process.env['K6_PATH'], existsSync(own) ? own : undefined, 'k6'];
  return candidates.find((candidate) => candidate !== undefined && runs(candidate)) ?? null;
}

const runs = (command: string): boolean =>
  spawnSync(command, ['version'], { stdio: 'ignore' }).error === undefined;
