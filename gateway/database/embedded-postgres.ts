import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { syncFolder, writeDurably } from '../durable-file.ts';
import { StartFault, systemErrorCode } from '../start-fault.ts';
import { openServerSession, ServerSessionFault, type ServerSession } from '../store/server-session.ts';
import {
  accountOf,
  asAccount,
  chooseServerAccount,
  isRoot,
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
import { clearForeignLock, findRunningServer, launchServer, stopServer, waitForEnd } from './postmaster.ts';

/** A real PostgreSQL server that belongs to one DATA_DIR and ends with the process that started or adopted it. */
export type EmbeddedServer = {
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  readonly home: ServerHome;
  readonly binaries: ServerBinaries;
  readonly account: ServerAccount;
  /** it was already running, left behind by a gateway that was killed */
  readonly adopted: boolean;
  readonly passFile: string;
  readonly urlOf: (database: string) => string;
  readonly createDatabase: (name: string) => Promise<void>;
  readonly dropDatabase: (name: string) => Promise<void>;
  readonly stop: () => Promise<void>;
  /** stops it and removes its files; for tests and runs that keep nothing */
  readonly destroy: () => Promise<void>;
};

export const SERVER_USER = 'tapgate';
const FIRST_PORT = 54_329;
const ATTEMPTS_MAX = 8;
const RETRY_MS = 500;
const CLAIM_WAIT_MS = 5_000;
const WATCH_MS = 1_000;
const WATCH_MAX_MS = 30_000;
/** a server that is just starting replays its log first, see postmaster.ts */
const ACCEPT_WAIT_MS = 10 * 60 * 1000;

/**
 * Starts the server of a DATA_DIR, or takes over the one that a killed gateway left running, and keeps it running until `stop`.
 *
 * @param onEvent  one line for people whenever something takes long or is put right
 * @throws StartFault database_* or data_dir_*: what it is and what to do, one line
 */
export async function startEmbeddedServer(
  dataDir: string,
  onEvent: (line: string) => void,
): Promise<EmbeddedServer> {
  const folder = makeDataDir(dataDir);
  const prepared = prepare(folder);
  const password = readPassword(folder, prepared.record.initialised);
  if (!prepared.record.initialised) {
    initialise(prepared, password);
    writeHomeRecord(folder, { ...prepared.record, initialised: true });
  }
  checkVersion(prepared);
  const joined = await joinServer(prepared, password, { port: prepared.record.port, mayMove: true, onEvent });
  if (joined.port !== prepared.record.port || !prepared.record.initialised) {
    writeHomeRecord(folder, { ...prepared.record, port: joined.port, initialised: true });
  }
  return keepRunning(folder, prepared, password, joined, onEvent);
}

type Prepared = {
  readonly home: ServerHome;
  readonly record: HomeRecord;
  readonly account: ServerAccount;
  readonly binaries: ServerBinaries;
};

/** @throws StartFault data_dir_unusable; the folder's canonical path otherwise */
export function makeDataDir(dataDir: string): string {
  try {
    // Root's server runs as another user, who has to walk through this folder; each file in it is closed by itself.
    mkdirSync(dataDir, { recursive: true, mode: isRoot() ? 0o711 : 0o700 });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(dataDir);
  } catch (error) {
    const code = systemErrorCode(error) ?? 'unknown';
    throw new StartFault(
      'data_dir_unusable',
      `cannot use ${dataDir} (${code}): choose another folder with DATA_DIR`,
    );
  }
}

function prepare(dataDir: string): Prepared {
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
  const account = chooseServerAccount();
  const binaries = runnable(packaged, account, dataDir);
  const record = { home: makeHome(dataDir, account), port: FIRST_PORT, initialised: false };
  writeHomeRecord(dataDir, record);
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
const passFileOf = (dataDir: string): string => path.join(dataDir, 'pgpass');

function readPassword(dataDir: string, initialised: boolean): string {
  const file = passFileOf(dataDir);
  if (existsSync(file)) {
    const password = readFileSync(file, 'utf8').trim().split(':')[4];
    if (password !== undefined && /^[0-9a-f]{48}$/.test(password)) return password;
  }
  if (initialised) {
    throw new StartFault(
      'database_locked_out',
      `${file} is missing or damaged, and the database does not open without it; restore it, or start with a new DATA_DIR`,
    );
  }
  const password = randomBytes(24).toString('hex');
  writeDurably(file, `127.0.0.1:*:*:${SERVER_USER}:${password}\n`);
  return password;
}

/**
 * Makes the cluster beside its final place and moves it there by one rename: a start that is killed half-way leaves nothing that
 * looks like a database.
 */
function initialise(prepared: Prepared, password: string): void {
  const { home, account, binaries } = prepared;
  for (const name of readdirSync(home.folder)) {
    if (name.startsWith('initdb-')) removeFolderOf(account, path.join(home.folder, name));
  }
  const data = path.join(home.folder, `initdb-${randomBytes(4).toString('hex')}`);
  mkdirSync(data, { mode: 0o700 });
  if (account !== null) {
    chmodSync(home.folder, 0o711);
    lchownSync(data, account.uid, account.gid);
  }
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
  renameSync(data, home.data);
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

type Joined = {
  readonly port: number;
  readonly pid: number;
  readonly adopted: boolean;
  readonly session: ServerSession;
};

type JoinOptions = {
  readonly port: number;
  /** false once clients know the port */
  readonly mayMove: boolean;
  readonly onEvent: (line: string) => void;
};

/**
 * Adopts the running server of this data folder or starts one, and claims it. Several things may stand in the way for a moment:
 * the port may be taken by somebody else, a server of ours may be just starting or stopping, processes of a killed one may
 * linger.
 */
async function joinServer(prepared: Prepared, password: string, options: JoinOptions): Promise<Joined> {
  const { home } = prepared;
  let port = options.port;
  let reason = '';
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const running = findRunningServer(home.data);
    if (running !== null) {
      const session = await openSession(urlOf(password, running.port), running.pid, home);
      if (session === null) continue;
      await claim(session, home, options.onEvent);
      return { port: running.port, pid: running.pid, adopted: true, session };
    }
    clearForeignLock(home.data);
    const launch = await launchServer({
      ...prepared,
      port,
      onSlow: () => {
        options.onEvent('PostgreSQL is still starting: after a crash it first replays its log');
      },
    });
    switch (launch.outcome) {
      case 'ready': {
        const session = await openSession(urlOf(password, port), launch.pid, home);
        if (session === null) continue;
        await claim(session, home, options.onEvent);
        return { port, pid: launch.pid, adopted: false, session };
      }
      case 'port_taken':
        reason = `port ${port} is taken`;
        if (options.mayMove) port = await freePort();
        else await delay(RETRY_MS);
        break;
      case 'locked':
        reason = 'another process holds its data folder';
        await delay(RETRY_MS);
        break;
      case 'failed':
        throw new StartFault('database_start_failed', `PostgreSQL does not start: ${launch.reason}`);
    }
  }
  throw new StartFault('database_start_failed', `PostgreSQL does not start: ${reason}`);
}

const urlOf = (password: string, port: number, database = 'postgres'): string =>
  `postgres://${SERVER_USER}:${password}@127.0.0.1:${port}/${database}`;

/**
 * A session with the server that runs as `pid`; null when that server ended meanwhile.
 *
 * Both sides prove that they know the password (SCRAM), and the server names the data folder it works in: a stranger on the
 * port is not taken for ours.
 */
async function openSession(url: string, pid: number, home: ServerHome): Promise<ServerSession | null> {
  for (let waited = 0; waited < ACCEPT_WAIT_MS; waited += RETRY_MS) {
    try {
      const session = await openServerSession(url);
      const folder = await session.dataFolder();
      if (statSync(folder).ino === statSync(home.data).ino) return session;
      await session.close();
      throw new StartFault('database_start_failed', `another database answers on the port of ${home.data}`);
    } catch (error) {
      if (!(error instanceof ServerSessionFault)) throw error;
      if (error.kind === 'refused') {
        throw new StartFault(
          'database_locked_out',
          `the database in ${home.data} refuses our password (${error.code})`,
        );
      }
      if (await waitForEnd(pid, home.data, RETRY_MS)) return null;
    }
  }
  throw new StartFault('database_start_failed', `PostgreSQL, process ${pid}, takes no connections`);
}

/** @throws StartFault data_dir_in_use; the server is left to whoever holds it */
async function claim(
  session: ServerSession,
  home: ServerHome,
  onEvent: (line: string) => void,
): Promise<void> {
  for (let waited = 0; waited < CLAIM_WAIT_MS; waited += RETRY_MS) {
    if (await session.claim()) return;
    if (waited === 0) onEvent('waiting for another gateway with the same DATA_DIR to end');
    await delay(RETRY_MS);
  }
  await session.close();
  throw new StartFault(
    'data_dir_in_use',
    `another gateway runs on the database in ${home.folder}; stop it, or give this one a DATA_DIR of its own`,
  );
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}

/** Watches the server and starts it again when it ended by itself; clients keep their URL. */
function keepRunning(
  dataDir: string,
  prepared: Prepared,
  password: string,
  first: Joined,
  onEvent: (line: string) => void,
): EmbeddedServer {
  const { home, account, binaries } = prepared;
  let current = first;
  let stopping = false;
  let restart: Promise<void> = Promise.resolve();
  let waitMs = WATCH_MS;

  const watch = async (): Promise<void> => {
    if (stopping || findRunningServer(home.data) !== null) return;
    onEvent('PostgreSQL ended unexpectedly and is started again');
    await current.session.close();
    try {
      current = await joinServer(prepared, password, { port: current.port, mayMove: false, onEvent });
      waitMs = WATCH_MS;
    } catch (error) {
      if (!(error instanceof StartFault)) throw error;
      waitMs = Math.min(waitMs * 2, WATCH_MAX_MS);
      onEvent(error.message);
    }
  };
  const schedule = (): NodeJS.Timeout =>
    setTimeout(() => {
      restart = watch().finally(() => {
        if (!stopping) timer = schedule();
      });
    }, waitMs).unref();
  let timer = schedule();

  // The last resort, when this process ends without `stop`: the server is told, nobody waits for it.
  const onExit = (): void => {
    if (findRunningServer(home.data)?.pid === current.pid) process.kill(current.pid, 'SIGINT');
  };
  process.once('exit', onExit);

  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    clearTimeout(timer);
    await restart;
    await current.session.close();
    await stopServer(current.pid, home.data);
    process.removeListener('exit', onExit);
  };
  return {
    port: first.port,
    pid: first.pid,
    version: first.session.serverVersion,
    home,
    binaries,
    account,
    adopted: first.adopted,
    passFile: passFileOf(dataDir),
    urlOf: (database) => urlOf(password, first.port, database),
    createDatabase: (name) => current.session.createDatabase(name),
    dropDatabase: (name) => current.session.dropDatabase(name),
    stop,
    destroy: async () => {
      await stop();
      removeHome(dataDir, account);
      rmSync(passFileOf(dataDir));
    },
  };
}
