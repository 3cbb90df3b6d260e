import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { createDurably, writeDurably } from '../durable-file.ts';
import { StartFault, systemErrorCode } from '../start-fault.ts';
import { SERVER_ENVIRONMENT, asAccount, type ServerAccount } from './server-account.ts';

/**
 * The folder of one embedded server. Only we write into it; only `data` below it belongs to the server's user:
 *
 *   data/           the cluster, 0700, owned by the server's user
 *   postgres.log    what the server said, opened by us and handed over
 *   belongs-to      the DATA_DIR whose database this is
 *
 * An ordinary user's server lives in DATA_DIR/postgres. Root's server runs as another user, who must be able to walk to its
 * files: in DATA_DIR/postgres too where that is possible, else (a clone in /root, any 0700 parent) in a folder of its own
 * under /var/lib/tapgate. DATA_DIR/database.json says where.
 */
export type ServerHome = { readonly folder: string; readonly data: string; readonly log: string };

const HomeFile = z.strictObject({
  /** relative to DATA_DIR when it stands inside, so that a project can be moved */
  home: z.string(),
  port: z.number().int(),
  initialised: z.boolean(),
});
export type HomeRecord = z.infer<typeof HomeFile>;

/** First that can be made: machines without a writable /var/lib have /var/tmp. Both are kept over a restart. */
const SHARED_PLACES = ['/var/lib/tapgate', '/var/tmp/tapgate'] as const;

const recordFile = (dataDir: string): string => path.join(dataDir, 'database.json');

export const homeAt = (dataDir: string, home: string): ServerHome => {
  const folder = path.resolve(dataDir, home);
  return { folder, data: path.join(folder, 'data'), log: path.join(folder, 'postgres.log') };
};

/** @throws StartFault data_dir_unusable when database.json is not ours to read */
export function readHomeRecord(dataDir: string): HomeRecord | null {
  const file = recordFile(dataDir);
  if (!existsSync(file)) return null;
  const parsed = HomeFile.safeParse(parseJson(readFileSync(file, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new StartFault('data_dir_unusable', `${file} is damaged; it names the folder of the database`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function writeHomeRecord(dataDir: string, record: HomeRecord): void {
  writeDurably(recordFile(dataDir), serialise(record));
}

/** Makes the folder of a new server for `account` and records it, unless another process does that at the same moment. */
export function makeHome(dataDir: string, account: ServerAccount, port: number): HomeRecord {
  const home = account === null || isWalkable(dataDir) ? 'postgres' : newSharedHome();
  const { folder } = homeAt(dataDir, home);
  mkdirSync(folder, { recursive: true });
  // Whatever the umask says: the server's user must be able to walk in, and nobody else has anything to see.
  chmodSync(folder, account === null ? 0o700 : 0o711);
  writeDurably(path.join(folder, 'belongs-to'), `${realpathSync(dataDir)}\n`);
  const record = { home, port, initialised: false };
  if (createDurably(recordFile(dataDir), serialise(record))) return record;
  const first = readHomeRecord(dataDir) ?? record;
  if (first.home !== home) rmSync(folder, { recursive: true });
  return first;
}

const serialise = (record: HomeRecord): string => `${JSON.stringify(record, null, 2)}\n`;

const newSharedHome = (): string => path.join(sharedPlace(), `server-${randomBytes(4).toString('hex')}`);

/**
 * The folder for what root's servers need outside DATA_DIR: the programs, and databases.
 *
 * A name that everybody knows in a folder that everybody may write to is a trap, so the folder must be root's own and writable
 * by nobody else, and so must every folder above it, sticky ones like /var/tmp apart.
 *
 * @throws StartFault database_place_missing
 */
export function sharedPlace(): string {
  for (const place of SHARED_PLACES) {
    try {
      mkdirSync(place, { recursive: true });
      const made = lstatSync(place);
      if (!made.isDirectory() || made.uid !== 0 || (made.mode & 0o022) !== 0) continue;
      // A umask of 077 would have closed it to the server's user.
      chmodSync(place, 0o755);
      if (isWalkable(place)) return place;
    } catch (error) {
      if (systemErrorCode(error) === null) throw error;
    }
  }
  throw new StartFault(
    'database_place_missing',
    `no folder for a database that is not run by root: none of ${SHARED_PLACES.join(', ')} can be made by root with safe permissions`,
  );
}

/** True when any user may walk to `folder`, and nobody but root can put another folder in its place or above it. */
export function isWalkable(folder: string): boolean {
  for (let step = realpathSync(folder); ; step = path.dirname(step)) {
    const { uid, mode } = statSync(step);
    const othersWrite = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
    if (uid !== 0 || (mode & 0o001) === 0 || othersWrite) return false;
    if (step === path.dirname(step)) return true;
  }
}

/** Folders of root's servers whose DATA_DIR is gone or names another folder: nobody will start them again. */
export function listUnusedHomes(): string[] {
  return SHARED_PLACES.flatMap((place) =>
    existsSync(place)
      ? readdirSync(place)
          .filter((name) => name.startsWith('server-'))
          .map((name) => path.join(place, name))
          .filter((folder) => !isUsed(folder))
      : [],
  );
}

function isUsed(folder: string): boolean {
  try {
    const dataDir = readFileSync(path.join(folder, 'belongs-to'), 'utf8').trim();
    const record = readHomeRecord(dataDir);
    return record !== null && homeAt(dataDir, record.home).folder === folder;
  } catch {
    return false;
  }
}

/** Removes a stopped server's files and forgets the server. */
export function removeHome(dataDir: string, account: ServerAccount): void {
  const record = readHomeRecord(dataDir);
  if (record === null) return;
  const home = homeAt(dataDir, record.home);
  removeFolderOf(account, home.data);
  rmSync(home.folder, { recursive: true, force: true });
  forgetHome(dataDir);
}

export function forgetHome(dataDir: string): void {
  rmSync(recordFile(dataDir), { force: true });
}

/**
 * Removes a folder that belongs to the server's user, as that user: root walking through another user's folders can be led
 * astray by a link put in at the right moment.
 */
export function removeFolderOf(account: ServerAccount, folder: string): void {
  if (account !== null && existsSync(folder)) {
    spawnSync('rm', ['-rf', folder], {
      ...asAccount(account),
      cwd: '/',
      env: SERVER_ENVIRONMENT,
      stdio: 'ignore',
    });
  }
  rmSync(folder, { recursive: true, force: true });
}
