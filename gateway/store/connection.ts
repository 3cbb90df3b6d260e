import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as lists from './schema/lists.ts';
import { guardTransactions } from './lost-transactions.ts';
import { letGoOfSpentQueries } from './spent-queries.ts';
import * as money from './schema/money.ts';
import * as reference from './schema/reference.ts';
import * as taps from './schema/taps.ts';
import { faultsTranslated } from './store-fault.ts';

const schema = { ...reference, ...taps, ...money, ...lists };

export type HotSql = postgres.Sql<{ int8: number }>;
export type Transaction = postgres.TransactionSql<{ int8: number }>;

/** Every bigint of ours (a sequence, a number of fen) is a safe integer; postgres.js would give a string. */
const INT8 = { to: 20, from: [20], serialize: String, parse: Number };

/**
 * One database, two pools. `orm` answers everyday queries; `hot` carries taps with postgres.js itself, because drizzle gives
 * its client parsers of its own and has no pipelining (design.md "Store"). Only store/ looks inside.
 */
export type Database = {
  readonly orm: PostgresJsDatabase<typeof schema>;
  readonly hot: HotSql;
  /** the tables are spread over many servers: statements for many cards take another shape */
  readonly isCitus: boolean;
  close(): Promise<void>;
};

export type DatabaseSettings = {
  /** connections of the hot path: one fills while another waits for its fsync */
  readonly hotConnections?: number;
  readonly ormConnections?: number;
  /** what the server says beside its answers; nobody listens otherwise */
  readonly onNotice?: (text: string) => void;
};

/** A request must learn within a few seconds that the database is gone, so that the terminal keeps its record. */
const CONNECT_TIMEOUT_S = 3;
const RECONNECT_DELAY_S = 0.25;

/**
 * The hot path reads by key only. A plan chosen while a table was nearly empty must not survive its growth, and planning
 * a statement anew for each batch costs more than running it: so plans are generic and never scan a table.
 */
// As texts: postgres.js leaves out a parameter that is false.
const HOT_PLANNER = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off', jit: 'off' };

/** Opens the pools and runs a first query on each. @throws StoreFault when there is no database at the address */
export async function openDatabase(databaseUrl: string, settings: DatabaseSettings = {}): Promise<Database> {
  const shared = {
    onnotice: (notice: postgres.Notice) => settings.onNotice?.(notice['message'] ?? ''),
    connect_timeout: CONNECT_TIMEOUT_S,
    backoff: () => RECONNECT_DELAY_S,
  };
  const everyday = guardTransactions(postgres(databaseUrl, { ...shared, max: settings.ormConnections ?? 4 }));
  const hot = letGoOfSpentQueries(
    guardTransactions(
      postgres(databaseUrl, {
        ...shared,
        max: settings.hotConnections ?? 4,
        types: { int8: INT8 },
        connection: { application_name: 'tapgate', ...HOT_PLANNER },
      }),
    ),
  );
  const close = async (): Promise<void> => {
    await Promise.all([everyday.end({ timeout: 5 }), hot.end({ timeout: 5 })]);
  };
  const orm = drizzle(everyday, { schema });
  try {
    // The first query of postgres.js also fetches the map of array types.
    const [extensions] = await faultsTranslated(() =>
      Promise.all([
        hot<{ found: boolean }[]>`select exists (select from pg_extension where extname = 'citus') as found`,
        orm.execute(drizzleSql`select 1`),
      ]),
    );
    return { orm, hot, isCitus: extensions[0]?.found === true, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** True when the database answers a query within the time; never throws. */
export async function isDatabaseReachable(database: Database, timeoutMs: number): Promise<boolean> {
  const answer = database.hot`select 1`.then(
    () => true,
    () => false,
  );
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  const reachable = await Promise.race([answer, timeout]);
  clearTimeout(timer);
  return reachable;
}
