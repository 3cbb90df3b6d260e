import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { k6Path } from './bench/k6-binary.ts';

// What some tests need beyond Node. A stranger's clone skips them by name, with the reason; CI installs everything and sets
// REQUIRE_ALL=1, under which a missing need is a failure of the file that has it.

const ROOT = import.meta.dirname;

/** The folder of third-party test material beside the project; read in place, never copied. */
export const SHARED_FOLDER = path.join(ROOT, '..', 'shared');

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
