import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { faultsTranslated } from './store-fault.ts';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../migrations', import.meta.url));

/** Any number, the same in every gateway: the name of the lock under which one of them migrates. */
const MIGRATION_LOCK = 7_201_526;

/**
 * Brings the database to the newest schema. Several gateways may start at once: one migrates, the others wait and find it done.
 * On a connection of its own, because the lock belongs to a session.
 *
 * @throws StoreFault
 */
export async function migrateDatabase(databaseUrl: string): Promise<void> {
  const client = postgres(databaseUrl, { max: 1, onnotice: () => undefined, connect_timeout: 10 });
  try {
    await faultsTranslated(async () => {
      await client`select pg_advisory_lock(${MIGRATION_LOCK})`;
      await migrate(drizzle(client), { migrationsFolder: MIGRATIONS_FOLDER });
    });
  } finally {
    await client.end({ timeout: 5 });
  }
}
