import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describeStartFault, StartFault } from '../start-fault.ts';
import { openServerSession, ServerSessionFault, type ServerSession } from '../store/server-session.ts';
import { openCluster, rememberPort, removeCluster, SERVER_USER, type Cluster } from './cluster.ts';
import {
  clearForeignLock,
  findRunningServer,
  launchServer,
  isAboutToStop,
  stopServer,
  waitForEnd,
  watchOver,
  type Watch,
} from './postmaster.ts';
import type { ServerHome } from './server-home.ts';

/** A real PostgreSQL server that belongs to one DATA_DIR and ends with the process that started or adopted it. */
export type EmbeddedServer = {
  readonly cluster: Cluster;
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  /** it was already running, left behind by a gateway that was killed */
  readonly adopted: boolean;
  readonly urlOf: (database: string) => string;
  readonly createDatabase: (name: string) => Promise<void>;
  readonly dropDatabase: (name: string) => Promise<void>;
  readonly stop: () => Promise<void>;
  /** stops it and removes its files; for tests and runs that keep nothing */
  readonly destroy: () => Promise<void>;
};

const ATTEMPTS_MAX = 8;
const RETRY_MS = 500;
const CLAIM_WAIT_MS = 3_000;
const STOPPING_WAIT_MS = 10_000;
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
  const cluster = openCluster(dataDir);
  const joined = await joinServer(cluster, { port: cluster.port, mayMove: true, onEvent });
  rememberPort(cluster, joined.port);
  return keepRunning(cluster, joined, onEvent);
}

type Joined = {
  readonly port: number;
  readonly pid: number;
  readonly adopted: boolean;
  readonly session: ServerSession;
  readonly watch: Watch;
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
async function joinServer(cluster: Cluster, options: JoinOptions): Promise<Joined> {
  const { home, password } = cluster;
  let port = options.port;
  let reason = '';
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const running = findRunningServer(home.data);
    if (running !== null) {
      const session = await claimedSession(urlOf(password, running.port), running.pid, home, options.onEvent);
      if (session === null) continue;
      if (await isAboutToStop(running.pid, home)) {
        await session.close();
        await waitForEnd(running.pid, home.data, STOPPING_WAIT_MS);
        continue;
      }
      const watch = watchOver(running.pid, home, cluster.account);
      return { port: running.port, pid: running.pid, adopted: true, session, watch };
    }
    clearForeignLock(home.data);
    const launch = await launchServer({
      ...cluster,
      port,
      onSlow: () => {
        options.onEvent('PostgreSQL is still starting: after a crash it first replays its log');
      },
    });
    switch (launch.outcome) {
      case 'ready':
        try {
          const session = await claimedSession(urlOf(password, port), launch.pid, home, options.onEvent);
          if (session === null) {
            launch.watch.end();
            continue;
          }
          return { port, pid: launch.pid, adopted: false, session, watch: launch.watch };
        } catch (error) {
          await stopServer(launch.pid, home.data);
          launch.watch.end();
          throw error;
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

/**
 * A session that holds the claim; null when the server ended before it did.
 *
 * @throws StartFault as openSession and claim
 */
async function claimedSession(
  url: string,
  pid: number,
  home: ServerHome,
  onEvent: (line: string) => void,
): Promise<ServerSession | null> {
  const session = await openSession(url, pid, home);
  if (session === null) return null;
  try {
    await claim(session, home, onEvent);
    return session;
  } catch (error) {
    await session.close();
    if (error instanceof ServerSessionFault && error.kind !== 'refused') return null;
    throw error;
  }
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

/**
 * Starts the server again when it ended by itself (clients keep their URL), and sees to it that it ends with this process.
 */
function keepRunning(cluster: Cluster, first: Joined, onEvent: (line: string) => void): EmbeddedServer {
  const { home, password } = cluster;
  let current = first;
  let stopping = false;
  let restart: Promise<void> = Promise.resolve();
  let waitMs = WATCH_MS;

  const restartIfEnded = async (): Promise<void> => {
    if (stopping || findRunningServer(home.data) !== null) return;
    onEvent('PostgreSQL ended unexpectedly and is started again');
    current.watch.end();
    try {
      await current.session.close();
      current = await joinServer(cluster, { port: current.port, mayMove: false, onEvent });
      waitMs = WATCH_MS;
    } catch (error) {
      // Whatever stood in the way, the gateway stays up without its database and the next round tries again.
      waitMs = Math.min(waitMs * 2, WATCH_MAX_MS);
      onEvent(describeStartFault(error));
    }
  };
  const schedule = (): NodeJS.Timeout =>
    setTimeout(() => {
      restart = restartIfEnded().finally(() => {
        if (!stopping) timer = schedule();
      });
    }, waitMs).unref();
  let timer = schedule();

  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    clearTimeout(timer);
    await restart;
    await current.session.close();
    await stopServer(current.pid, home.data);
    // Last: had this process died on the way here, the watch would have finished the job.
    current.watch.end();
  };
  return {
    cluster,
    port: first.port,
    pid: first.pid,
    version: first.session.serverVersion,
    adopted: first.adopted,
    urlOf: (database) => urlOf(password, first.port, database),
    createDatabase: (name) => current.session.createDatabase(name),
    dropDatabase: (name) => current.session.dropDatabase(name),
    stop,
    destroy: async () => {
      await stop();
      removeCluster(cluster);
    },
  };
}
