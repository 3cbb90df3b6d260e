import { borrowDatabase } from '../database/running-database.ts';
import { KeystoreProvider } from '../keys/keystore-provider.ts';
import { openKeystore } from '../keys/open-keystore.ts';
import { readSettings } from '../settings.ts';
import { StartFault } from '../start-fault.ts';
import { openDatabase, type Database } from '../store/connection.ts';
import { migrateDatabase } from '../store/migrate.ts';

/** What a command beside a gateway works with. */
export type Desk = {
  readonly database: Database;
  /** of the same database, for threads, which open connections of their own; holds a password */
  readonly databaseUrl: string;
  readonly keys: KeystoreProvider;
};

/**
 * Opens the database and the keystore of DATA_DIR (or DATABASE_URL), whether a gateway runs them just now or not, and lets go of
 * them afterwards.
 *
 * @throws StartFault
 */
export async function atDesk<Answer>(work: (desk: Desk) => Promise<Answer>): Promise<Answer> {
  const settings = readSettings(process.env);
  const keystore = openKeystore(settings);
  if (keystore === null) {
    throw new StartFault('keystore_missing', 'there is no keystore yet: the first npm start makes it');
  }
  const server = await borrowDatabase(settings);
  try {
    await migrateDatabase(server.url);
    const database = await openDatabase(server.url);
    try {
      return await work({ database, databaseUrl: server.url, keys: new KeystoreProvider(keystore.keystore) });
    } finally {
      await database.close();
    }
  } finally {
    await server.giveBack();
  }
}
