import type { Settings } from '../settings.ts';
import { SERVER_USER, openCluster } from './cluster.ts';
import { DATABASE_NAME, startDatabase } from './database.ts';
import { findRunningServer } from './postmaster.ts';

/** A database that a command uses and leaves as it found it. */
export type BorrowedDatabase = { readonly url: string; readonly giveBack: () => Promise<void> };

/**
 * The database of a gateway, for a command beside it: that of DATABASE_URL, or the embedded one, whether a gateway runs it just
 * now (then it is used and left alone) or not (then it is started and stopped again).
 *
 * @throws StartFault
 */
export async function borrowDatabase(
  settings: Pick<Settings, 'dataDir' | 'databaseUrl'>,
): Promise<BorrowedDatabase> {
  if (settings.databaseUrl === null) {
    const { home, password } = openCluster(settings.dataDir);
    const running = findRunningServer(home.data);
    if (running !== null) {
      const url = `postgres://${SERVER_USER}:${password}@127.0.0.1:${running.port}/${DATABASE_NAME}`;
      return { url, giveBack: () => Promise.resolve() };
    }
  }
  const server = await startDatabase(settings);
  return { url: server.url, giveBack: server.stop };
}
