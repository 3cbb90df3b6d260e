import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startDatabase } from './database.ts';

/** An empty real database for one test file. */
export type TestDatabase = {
  readonly url: string;
  /** drops the database, and ends its server when it was started for it */
  readonly stop: () => Promise<void>;
};

/**
 * Makes an empty database: on the server that `npm test` started for all files (TEST_DATABASE_URL), or, when a file is run by
 * itself, on an embedded server that lives as long as the file.
 */
export async function startTestDatabase(): Promise<TestDatabase> {
  const shared = process.env['TEST_DATABASE_URL'] ?? null;
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-test-'));
  const server = await startDatabase({ dataDir, databaseUrl: shared });
  const name = `test_${randomBytes(6).toString('hex')}`;
  const url = await server.createDatabase(name);
  return {
    url,
    stop: async () => {
      if (shared !== null) await server.dropDatabase(name);
      await server.destroy();
      rmSync(dataDir, { recursive: true });
    },
  };
}
