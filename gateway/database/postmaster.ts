import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  fchownSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StartFault, systemErrorCode } from '../start-fault.ts';
import { SERVER_ENVIRONMENT, asAccount, type ServerAccount } from './server-account.ts';
import { programOf, type ServerBinaries } from './server-binaries.ts';
import type { ServerHome } from './server-home.ts';

/** PostgreSQL's own lock file, `postmaster.pid` in the data folder: one value per line. */
export type LockFile = { readonly pid: number; readonly port: number; readonly status: string };

const lockFileOf = (data: string): string => path.join(data, 'postmaster.pid');

/** Lines: 1 pid, 2 data folder, 3 start time, 4 port, 5 socket folder, 6 address, 7 shared memory, 8 status. */
export function readLockFile(data: string): LockFile | null {
  let lines: string[];
  try {
    lines = readFileSync(lockFileOf(data), 'utf8').split('\n');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1) return null;
  return { pid, port: Number(lines[3] ?? 0), status: (lines[7] ?? '').trim() };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}

/**
 * Whose process a pid is. That it lives says little: after a restart of the machine or a container the number is soon somebody
 * else's. We start the server with its data folder as an argument; folders are compared by identity, since a path may have
 * another spelling. `unknown` when that cannot be told.
 */
export function holderOf(pid: number, data: string): 'ours' | 'foreign' | 'gone' | 'unknown' {
  if (!isAlive(pid)) return 'gone';
  const args = argumentsOf(pid);
  if (args === 'unreadable') return 'unknown';
  if (args === 'gone') return 'gone';
  if (path.basename(args[0] ?? '') !== 'postgres') return 'foreign';
  const folder = args[args.indexOf('-D') + 1];
  if (folder === undefined || !existsSync(folder)) return 'unknown';
  const [theirs, own] = [statSync(folder), statSync(data)];
  return theirs.ino === own.ino && theirs.dev === own.dev ? 'ours' : 'foreign';
}

/** /proc/PID/cmdline is open to everyone where /proc/PID/cwd needs a capability that containers lack. */
function argumentsOf(pid: number): readonly string[] | 'gone' | 'unreadable' {
  if (existsSync('/proc/self/cmdline')) {
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
      return args.length === 0 ? 'gone' : args;
    } catch (error) {
      return ['ENOENT', 'ESRCH'].includes(systemErrorCode(error) ?? '') ? 'gone' : 'unreadable';
    }
  }
  const { stdout, error } = spawnSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  if (error) return 'unreadable';
  const match = /^(\S*postgres) -D (.+) -p \d+ /.exec(stdout);
  return match?.[1] === undefined || match[2] === undefined ? [stdout.trim()] : [match[1], '-D', match[2]];
}

/** The running server of this data folder, or null. */
export function findRunningServer(data: string): LockFile | null {
  const lock = readLockFile(data);
  return lock !== null && holderOf(lock.pid, data) === 'ours' ? lock : null;
}

/**
 * Removes a lock file that names a living process which is certainly not this server. PostgreSQL clears a lock of a dead process
 * itself, but takes any living process of its own user for the holder. Servers of a crashed postmaster that still run are
 * found by PostgreSQL through the shared memory, with or without the file.
 */
export function clearForeignLock(data: string): void {
  const lock = readLockFile(data);
  if (lock !== null && holderOf(lock.pid, data) === 'foreign') unlinkSync(lockFileOf(data));
}

const watchFileOf = (home: ServerHome): string => path.join(home.folder, 'watch.pid');
const WATCH_NAME = 'tapgate-watch';

/** Stops a server when this process ends in whatever way, kill -9 included. */
export type Watch = { readonly end: () => void };

/**
 * A shell that waits on a pipe from us: when we are gone the pipe is closed, and it tells the server to stop, if the lock still
 * names that server. It has a session of its own, as the server has.
 */
export function watchOver(pid: number, home: ServerHome, account: ServerAccount): Watch {
  const script = 'read -r _; read -r holder < "$2/postmaster.pid" && [ "$holder" = "$1" ] && kill -INT "$1"';
  const watch = spawn('/bin/sh', ['-c', script, WATCH_NAME, String(pid), home.data], {
    ...asAccount(account),
    cwd: home.folder,
    env: SERVER_ENVIRONMENT,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell the server would only outlive a kill -9, to be adopted by the next start.
  watch.on('error', () => undefined);
  watch.stdin.on('error', () => undefined);
  watch.unref();
  if (watch.stdin instanceof Socket) watch.stdin.unref();
  if (watch.pid !== undefined) writeFileSync(watchFileOf(home), `${watch.pid}\n`, { mode: 0o600 });
  return {
    end: () => {
      watch.kill('SIGKILL');
    },
  };
}

/**
 * True when a server that still answers will end in a moment, because the watch of a process that was killed has told it to, or
 * is about to: such a server is not taken over.
 */
export async function isAboutToStop(pid: number, home: ServerHome): Promise<boolean> {
  const file = watchFileOf(home);
  const watchPid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  let isSeen = false;
  for (let waited = 0; waited < WATCH_ACTS_MAX_MS; waited += POLL_MS) {
    const args = argumentsOf(watchPid);
    if (typeof args === 'string' || !args.includes(WATCH_NAME) || !args.includes(String(pid))) break;
    isSeen = true;
    await delay(POLL_MS);
  }
  return isSeen || readLockFile(home.data)?.status === 'stopping';
}

const WATCH_ACTS_MAX_MS = 5_000;

export type LaunchOptions = {
  readonly binaries: ServerBinaries;
  readonly home: ServerHome;
  readonly account: ServerAccount;
  readonly port: number;
  /** called once when the start takes long: after a crash the server first replays its log */
  readonly onSlow: () => void;
};

export type Launch =
  | { readonly outcome: 'ready'; readonly pid: number; readonly watch: Watch }
  | { readonly outcome: 'port_taken' | 'locked' }
  | { readonly outcome: 'failed'; readonly reason: string };

const SLOW_START_MS = 5_000;
const START_MAX_MS = 10 * 60 * 1000;
const LOG_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Starts a server on 127.0.0.1 and waits until it takes connections.
 *
 * It gets a session of its own, so that a Ctrl-C at our terminal reaches only us and requests can drain first. Durability is
 * spelled out rather than left to defaults. Nothing below LOG reaches the log file: messages of ERROR quote values.
 */
export async function launchServer(options: LaunchOptions): Promise<Launch> {
  const { binaries, home, account, port } = options;
  const log = openLog(home.log, account);
  const startsAt = statSync(home.log).size;
  const server = spawn(
    programOf(binaries, 'postgres'),
    ['-D', home.data, '-p', String(port), ...SERVER_SETTINGS.flatMap((setting) => ['-c', setting])],
    {
      ...asAccount(account),
      cwd: home.folder,
      env: SERVER_ENVIRONMENT,
      detached: true,
      stdio: ['ignore', log, log],
    },
  );
  closeSync(log);
  server.unref();
  const watch = server.pid === undefined ? null : watchOver(server.pid, home, account);
  const ended = new Promise<'ended'>((resolve) => {
    server.once('exit', () => {
      resolve('ended');
    });
    server.once('error', () => {
      resolve('ended');
    });
  });
  const startedAt = Date.now();
  let toldSlow = false;
  while (Date.now() - startedAt < START_MAX_MS) {
    if ((await Promise.race([ended, delay(20)])) === 'ended') {
      watch?.end();
      return explainEnd(home.log, startsAt);
    }
    const lock = readLockFile(home.data);
    if (watch !== null && lock?.pid === server.pid && lock?.status === 'ready') {
      return { outcome: 'ready', pid: lock.pid, watch };
    }
    if (!toldSlow && Date.now() - startedAt > SLOW_START_MS) {
      toldSlow = true;
      options.onSlow();
    }
  }
  watch?.end();
  server.kill('SIGQUIT');
  return { outcome: 'failed', reason: `not ready after ${START_MAX_MS / 60_000} minutes` };
}

const SERVER_SETTINGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'fsync=on',
  'synchronous_commit=on',
  'full_page_writes=on',
  'max_wal_size=2GB',
  'timezone=UTC',
  'log_timezone=UTC',
  'log_min_messages=log',
  'log_min_error_statement=panic',
  'log_error_verbosity=terse',
  'log_parameter_max_length_on_error=0',
] as const;

function openLog(file: string, account: ServerAccount): number {
  if (existsSync(file) && statSync(file).size > LOG_BYTES_MAX) renameSync(file, `${file}.1`);
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
  const log = openSync(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
  if (account !== null) fchownSync(log, account.uid, account.gid);
  return log;
}

/** What the server said since it was started decides: it speaks English, because we start it in the C locale. */
function explainEnd(logFile: string, from: number): Launch {
  const said = readFileSync(logFile).subarray(from).toString('utf8');
  if (/could not bind|could not create any TCP\/IP sockets/.test(said)) return { outcome: 'port_taken' };
  if (/lock file "postmaster\.pid"|pre-existing shared memory block/.test(said)) return { outcome: 'locked' };
  const fatal = said.split('\n').filter((line) => /FATAL|PANIC|error while loading/.test(line));
  return { outcome: 'failed', reason: `${fatal.at(-1) ?? 'it ended at once'} (see ${logFile})` };
}

const FAST_STOP_MAX_MS = 60_000;
const REAP_MAX_MS = 1_000;
const POLL_MS = 20;

/**
 * Stops the server of a data folder and waits until it is gone: fast shutdown (open transactions roll back, a checkpoint is
 * written), and after a minute immediate shutdown, which costs only a replay of the log at the next start.
 *
 * @throws StartFault database_start_failed when it does not end at all
 */
export async function stopServer(pid: number, data: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (isGone(pid, data)) return;
    process.kill(pid, signal);
    if (await waitForEnd(pid, data, FAST_STOP_MAX_MS)) {
      // Ended, but still in the process table until its parent, which is mostly us, has taken note.
      for (let waited = 0; waited < REAP_MAX_MS && isAlive(pid); waited += POLL_MS) await delay(POLL_MS);
      return;
    }
  }
  throw new StartFault('database_start_failed', `PostgreSQL, process ${pid}, does not stop`);
}

const isGone = (pid: number, data: string): boolean => !['ours', 'unknown'].includes(holderOf(pid, data));

/** True when the server is gone within the time. */
export async function waitForEnd(pid: number, data: string, timeoutMs: number): Promise<boolean> {
  for (let waited = 0; waited < timeoutMs; waited += POLL_MS) {
    if (isGone(pid, data)) return true;
    await delay(POLL_MS);
  }
  return false;
}
