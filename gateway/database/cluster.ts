import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { makeDataDir } from '../data-dir.ts';
import { createDurably, syncFolder } from '../durable-file.ts';
import { StartFault, systemErrorCode } from '../start-fault.ts';
import {
  accountOf,
  asAccount,
  chooseServerAccount,
  SERVER_ENVIRONMENT,
  type ServerAccount,
} from './server-account.ts';
import {
  canRun,
  copyBinaries,
  linkLibraries,
  packagedBinaries,
  programOf,
  type ServerBinaries,
} from './server-binaries.ts';
import {
  forgetHome,
  homeAt,
  makeHome,
  readHomeRecord,
  removeFolderOf,
  removeHome,
  sharedPlace,
  writeHomeRecord,
  type HomeRecord,
  type ServerHome,
} from './server-home.ts';

export const SERVER_USER = 'tapgate';
const FIRST_PORT = 54_329;
/** a killed start's folder; a younger one may be another process's work */
const LEFT_OVER_MS = 60 * 60 * 1000;

/** What a DATA_DIR's server needs to run: its files, the programs, the user it runs as, the password that opens it. */
export type Cluster = {
  readonly dataDir: string;
  readonly home: ServerHome;
  readonly account: ServerAccount;
  readonly binaries: ServerBinaries;
  readonly password: string;
  readonly passFile: string;
  /** where it listened last */
  readonly port: number;
};

/**
 * Finds the cluster of a DATA_DIR or makes it. Several processes may do this at once and end up with the same one.
 *
 * @throws StartFault database_gone, database_locked_out, database_version_differs, database_account_missing,
 *   database_place_missing, database_package_missing, database_start_failed, data_dir_unusable
 */
export function openCluster(dataDir: string): Cluster {
  const folder = makeDataDir(dataDir);
  const { record, ...prepared } = prepare(folder);
  const passFile = path.join(folder, 'pgpass');
  const password = readPassword(passFile, record.initialised);
  if (!record.initialised) {
    initialise(prepared, password);
    writeHomeRecord(folder, { ...record, initialised: true });
  }
  checkVersion(prepared);
  return { dataDir: folder, ...prepared, password, passFile, port: record.port };
}

/** Remembers where the server listens, so that it is found at the same place next time. */
export function rememberPort(cluster: Cluster, port: number): void {
  const record = readHomeRecord(cluster.dataDir);
  if (record !== null && record.port !== port) writeHomeRecord(cluster.dataDir, { ...record, port });
}

/** Removes the files of a stopped server; the DATA_DIR itself stays. */
export function removeCluster(cluster: Cluster): void {
  removeHome(cluster.dataDir, cluster.account);
  rmSync(cluster.passFile);
}

type Prepared = Pick<Cluster, 'home' | 'account' | 'binaries'>;

function prepare(dataDir: string): Prepared & { readonly record: HomeRecord } {
  const packaged = packagedBinaries();
  const found = readHomeRecord(dataDir);
  const existing = found === null ? null : homeAt(dataDir, found.home);
  if (found !== null && existing !== null && existsSync(path.join(existing.data, 'PG_VERSION'))) {
    const account = accountOf(statSync(existing.data));
    return {
      home: existing,
      record: { ...found, initialised: true },
      account,
      binaries: runnable(packaged, account, dataDir),
    };
  }
  if (found?.initialised === true) {
    throw new StartFault(
      'database_gone',
      `the database of ${dataDir} was in ${existing?.folder ?? ''} and is no longer there; restore it, or start with a new DATA_DIR`,
    );
  }
  if (existing !== null && !existsSync(existing.folder)) forgetHome(dataDir);
  const account = chooseServerAccount();
  const binaries = runnable(packaged, account, dataDir);
  const record = readHomeRecord(dataDir) ?? makeHome(dataDir, account, FIRST_PORT);
  return { home: homeAt(dataDir, record.home), record, account, binaries };
}

/**
 * The programs where `account` can run them: in node_modules; else, with the links that an install script should have made; else
 * a copy.
 *
 * @throws StartFault database_start_failed where they do not run at all, e.g. on a system without glibc
 */
function runnable(packaged: ServerBinaries, account: ServerAccount, dataDir: string): ServerBinaries {
  if (canRun(packaged, account)) return packaged;
  linkLibraries(packaged.folder);
  if (canRun(packaged, account)) return packaged;
  const copy = copyBinaries(packaged, account === null ? dataDir : sharedPlace());
  if (canRun(copy, account)) return copy;
  throw new StartFault(
    'database_start_failed',
    `the PostgreSQL programs of the npm package do not run on this machine (${process.platform}-${process.arch}); set DATABASE_URL`,
  );
}

/** The password stands in a file that psql understands (PGPASSFILE), readable by us alone. */
function readPassword(file: string, initialised: boolean): string {
  if (!initialised && !existsSync(file)) {
    createDurably(file, `127.0.0.1:*:*:${SERVER_USER}:${randomBytes(24).toString('hex')}\n`);
  }
  const password = existsSync(file) ? readFileSync(file, 'utf8').trim().split(':')[4] : undefined;
  if (password !== undefined && /^[0-9a-f]{48}$/.test(password)) return password;
  throw new StartFault(
    'database_locked_out',
    `${file} is missing or damaged, and the database does not open without it; restore it, or start with a new DATA_DIR`,
  );
}

/**
 * Makes the cluster beside its final place and moves it there by one rename: a start that is killed half-way leaves nothing that
 * looks like a database.
 */
function initialise(prepared: Prepared, password: string): void {
  const { home, account, binaries } = prepared;
  for (const name of readdirSync(home.folder)) {
    const leftOver = path.join(home.folder, name);
    if (name.startsWith('initdb-') && Date.now() - statSync(leftOver).mtimeMs > LEFT_OVER_MS) {
      removeFolderOf(account, leftOver);
    }
  }
  const data = path.join(home.folder, `initdb-${randomBytes(4).toString('hex')}`);
  mkdirSync(data, { mode: 0o700 });
  if (account !== null) lchownSync(data, account.uid, account.gid);
  const passwordFile = `${data}.password`;
  writeForAccount(passwordFile, `${password}\n`, account);
  try {
    const { status, stderr } = spawnSync(
      programOf(binaries, 'initdb'),
      [
        '-D',
        data,
        `--username=${SERVER_USER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-instructions',
      ],
      { ...asAccount(account), cwd: home.folder, env: SERVER_ENVIRONMENT, encoding: 'utf8' },
    );
    if (status !== 0) {
      const said = stderr.split('\n').find((line) => /error|fatal|could not/i.test(line));
      throw new StartFault(
        'database_start_failed',
        `initdb in ${home.folder} failed: ${said ?? 'no reason given'}`,
      );
    }
  } finally {
    unlinkSync(passwordFile);
  }
  try {
    renameSync(data, home.data);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) throw error;
    // Another process was faster; its database has the same password.
    removeFolderOf(account, data);
  }
  syncFolder(home.folder);
}

function writeForAccount(file: string, text: string, account: ServerAccount): void {
  const handle = openSync(file, 'wx', 0o600);
  try {
    if (account !== null) fchownSync(handle, account.uid, account.gid);
    writeSync(handle, text);
  } finally {
    closeSync(handle);
  }
}

function checkVersion({ home, binaries }: Prepared): void {
  const database = readFileSync(path.join(home.data, 'PG_VERSION'), 'utf8').trim();
  const programs = binaries.version.split('.', 1)[0] ?? '';
  if (database === programs) return;
  throw new StartFault(
    'database_version_differs',
    `${home.data} was made by PostgreSQL ${database}, the installed programs are ${programs}: dump and reload it`,
  );
}
