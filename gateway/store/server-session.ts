import postgres from 'postgres';

/** One connection to a server's maintenance database, for the questions and statements about the server itself. */
export type ServerSession = {
  /** e.g. 18.4 */
  readonly serverVersion: string;
  /** @throws ServerSessionFault when the server has ended meanwhile; `claim` too */
  readonly dataFolder: () => Promise<string>;
  /**
   * Claims the server for this process until the session ends, however it ends: after kill -9 the server sees the closed socket
   * and lets go. False when another process holds it.
   */
  readonly claim: () => Promise<boolean>;
  readonly createDatabase: (name: string) => Promise<void>;
  readonly dropDatabase: (name: string) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Why no session could be opened, or why one ended, as far as the start has to decide about it. */
export class ServerSessionFault extends Error {
  override readonly name = 'ServerSessionFault';
  readonly kind: 'not_accepting' | 'refused' | 'unreachable';
  /** SQLSTATE or the operating system's code */
  readonly code: string;

  constructor(kind: ServerSessionFault['kind'], code: string) {
    super(`database server ${kind.replace('_', ' ')} (${code})`);
    this.kind = kind;
    this.code = code;
  }
}

// 'TAPG' as a number: the application's half of an advisory lock's name; the other half says what is locked.
const CLAIM_LOCK = [0x54415047, 1] as const;
const CONNECT_TIMEOUT_S = 10;

/**
 * Opens a session.
 *
 * @throws ServerSessionFault not_accepting while the server starts or stops, refused when it knows us and says no, unreachable
 */
export async function openServerSession(url: string): Promise<ServerSession> {
  const sql = postgres(url, {
    max: 1,
    // The claim lives as long as the connection: it must not be recycled.
    max_lifetime: null,
    idle_timeout: 0,
    connect_timeout: CONNECT_TIMEOUT_S,
    fetch_types: false,
    onnotice: () => undefined,
    connection: { application_name: 'tapgate server session' },
  });
  try {
    const rows = await sql<{ version: string }[]>`select current_setting('server_version') as version`;
    return sessionOf(sql, rows[0]?.version.split(' ', 1)[0] ?? '');
  } catch (error) {
    await sql.end({ timeout: 0 });
    throw translate(error);
  }
}

function sessionOf(sql: postgres.Sql, serverVersion: string): ServerSession {
  return {
    serverVersion,
    dataFolder: async () => {
      const query = sql<{ folder: string }[]>`select current_setting('data_directory') as folder`;
      const rows = await query.catch(rethrowTranslated);
      return rows[0]?.folder ?? '';
    },
    claim: async () => {
      const [space, name] = CLAIM_LOCK;
      const query = sql<{ held: boolean }[]>`select pg_try_advisory_lock(${space}, ${name}) as held`;
      const rows = await query.catch(rethrowTranslated);
      return rows[0]?.held === true;
    },
    createDatabase: async (name) => {
      const rows = await sql`select 1 from pg_database where datname = ${checkedName(name)}`;
      if (rows.length === 0) await sql`create database ${sql(name)}`;
    },
    dropDatabase: async (name) => {
      await sql`drop database if exists ${sql(checkedName(name))} with (force)`;
    },
    close: () => sql.end({ timeout: 5 }),
  };
}

/** @throws RangeError: names of databases are written by us, never taken from a request */
function checkedName(name: string): string {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) throw new RangeError('a database name is a-z, 0-9 and _');
  return name;
}

function rethrowTranslated(error: unknown): never {
  throw translate(error);
}

/** Class 57P is an operator's intervention: 57P03 "cannot connect now" while starting, stopping or recovering, 57P01 and 57P02 when it ends. */
function translate(error: unknown): ServerSessionFault {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
  if (!(error instanceof postgres.PostgresError)) return new ServerSessionFault('unreachable', code);
  return new ServerSessionFault(code.startsWith('57P') ? 'not_accepting' : 'refused', code);
}
