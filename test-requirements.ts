import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

// What some tests need beyond Node. A stranger's clone skips them by name, with the reason; CI installs everything and sets
// REQUIRE_ALL=1, under which a missing need is a failure of the file that has it.

const ROOT = import.meta.dirname;

/** The folder of third-party test material beside the project; read in place, never copied. */
export const SHARED_FOLDER = path.join(ROOT, '..', 'shared');

/** Where .ci/run puts programs that no package manager carries. */
export const TOOLS_FOLDER = path.join(ROOT, '.tools', 'bin');

const found = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).error === undefined;

const NEEDS = {
  shared: { reason: 'shared material not present', present: () => existsSync(SHARED_FOLDER) },
  root: { reason: 'needs root, to become another user', present: () => process.getuid?.() === 0 },
  pcscd: { reason: 'pcscd not installed', present: () => existsSync('/usr/sbin/pcscd') },
  psql: { reason: 'psql not installed', present: () => found('psql', '--version') },
  xmllint: { reason: 'xmllint not installed', present: () => found('xmllint', '--version') },
  k6: { reason: 'k6 not installed', present: () => k6Path() !== null },
} as const satisfies Record<string, { reason: string; present: () => boolean }>;

/** The k6 binary: K6_PATH, then the one .ci/run built, then one on the PATH. */
export function k6Path(): string | null {
  const own = path.join(TOOLS_FOLDER, 'k6');
  const candidates = [process.env['K6_PATH'], existsSync(own) ? own : undefined, 'k6'];
  return candidates.find((candidate) => candidate !== undefined && found(candidate, 'version')) ?? null;
}

/**
 * For a test's `skip` option: false when the need is there, else the reason.
 *
 * @throws Error under REQUIRE_ALL=1 when the need is missing
 */
export function missing(need: keyof typeof NEEDS): false | string {
  const { reason, present } = NEEDS[need];
  if (present()) return false;
  if (process.env['REQUIRE_ALL'] === '1') throw new Error(`REQUIRE_ALL=1, but: ${reason}`);
  return `skipped: ${reason}`;
}
