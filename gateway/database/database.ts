import { openServerSession, ServerSessionFault, type ServerSession } from '../store/server-session.ts';
import type { Settings } from '../settings.ts';
import { StartFault } from '../start-fault.ts';
import { SERVER_USER } from './cluster.ts';
import { startEmbeddedServer, type EmbeddedServer } from './embedded-postgres.ts';
import { listUnusedHomes } from './server-home.ts';
import { isRoot } from './server-account.ts';

/** The database of a gateway, whoever runs its server. */
export type RunningDatabase = {
  readonly url: string;
  /** lines for people: which server, where its files are, how to look into it */
  readonly describe: () => readonly string[];
  /** makes the database on the same server unless it exists, and returns its URL; a-z 0-9 _ */
  readonly createDatabase: (name: string) => Promise<string>;
  readonly dropDatabase: (name: string) => Promise<void>;
  /** ends an embedded server; leaves any other alone */
  readonly stop: () => Promise<void>;
  /** `stop`, and removes an embedded server's files: for tests and runs that keep nothing */
  readonly destroy: () => Promise<void>;
};

export const DATABASE_NAME = 'tapgate';

/**
 * Starts the embedded server of DATA_DIR, or checks the one that DATABASE_URL names.
 *
 * @param onEvent  one line for people while it starts or is started again
 * @throws StartFault with what to do about it; never with the URL, which holds a password
 */
export async function startDatabase(
  settings: Pick<Settings, 'dataDir' | 'databaseUrl'>,
  onEvent: (line: string) => void = () => undefined,
): Promise<RunningDatabase> {
  if (settings.databaseUrl !== null) return externalDatabase(settings.databaseUrl);
  const server = await startEmbeddedServer(settings.dataDir, onEvent);
  try {
    await server.createDatabase(DATABASE_NAME);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    url: server.urlOf(DATABASE_NAME),
    describe: () => describeEmbedded(server),
    createDatabase: async (name) => {
      await server.createDatabase(name);
      return server.urlOf(name);
    },
    dropDatabase: server.dropDatabase,
    stop: server.stop,
    destroy: server.destroy,
  };
}

function describeEmbedded(server: EmbeddedServer): readonly string[] {
  const { home, binaries, account, passFile } = server.cluster;
  const user = account === null ? '' : `, as user ${account.name}, since it refuses to run as root`;
  const lines = [
    `PostgreSQL ${server.version} ${server.adopted ? 'was left running and is taken over' : 'started'}: ` +
      `127.0.0.1:${server.port}, process ${server.pid}${user}`,
    `its data and log: ${home.folder}`,
    `its programs: ${binaries.folder}`,
    `look into it: PGPASSFILE=${shellWord(passFile)} psql -h 127.0.0.1 -p ${server.port} -U ${SERVER_USER} ${DATABASE_NAME}`,
  ];
  const unused = isRoot() ? listUnusedHomes() : [];
  return unused.length === 0
    ? lines
    : [...lines, `databases of folders that are gone, yours to remove: ${unused.join(' ')}`];
}

/** A path as it can be pasted into a shell. */
function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

async function externalDatabase(url: string): Promise<RunningDatabase> {
  const withSession = async <Result>(use: (session: ServerSession) => Promise<Result>): Promise<Result> => {
    const session = await openServerSession(url);
    try {
      return await use(session);
    } finally {
      await session.close();
    }
  };
  const { host } = new URL(url);
  let version: string;
  try {
    version = await withSession((session) => Promise.resolve(session.serverVersion));
  } catch (error) {
    if (!(error instanceof ServerSessionFault)) throw error;
    throw new StartFault(
      'database_unreachable',
      `DATABASE_URL: ${host} ${error.kind.replace('_', ' ')} (${error.code})`,
    );
  }
  return {
    url,
    describe: () => [`PostgreSQL ${version} at ${host} (DATABASE_URL)`],
    createDatabase: async (name) => {
      await withSession((session) => session.createDatabase(name));
      const other = new URL(url);
      other.pathname = `/${name}`;
      return other.href;
    },
    dropDatabase: (name) => withSession((session) => session.dropDatabase(name)),
    stop: () => Promise.resolve(),
    destroy: () => Promise.resolve(),
  };
}
