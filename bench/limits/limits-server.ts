import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startDatabase, type RunningDatabase } from '@tapgate/gateway/database/database';
import { accountsFor } from '@tapgate/gateway/ledger/chart-of-accounts';
import { referenceRowsOf } from '@tapgate/gateway/operators/demo-reference';
import { openDatabase } from '@tapgate/gateway/store/connection';
import { openAccounts } from '@tapgate/gateway/store/ledger-postings';
import { migrateDatabase } from '@tapgate/gateway/store/migrate';
import { ensurePartitions } from '@tapgate/gateway/store/partitions';
import { writeReferenceData } from '@tapgate/gateway/store/reference-data';
import postgres from 'postgres';
import { benchKeystore, benchOperator } from './bench-operator.ts';
import { treeCpuMs } from './cpu-time.ts';

/** What makes a commit durable. Relaxed, it would be a bench of something that loses money. */
const DURABLE: Readonly<Record<string, readonly string[]>> = {
  fsync: ['on'],
  synchronous_commit: ['on', 'remote_write', 'remote_apply'],
  full_page_writes: ['on'],
  wal_level: ['replica', 'logical', 'minimal'],
};

export class RelaxedSettings extends Error {
  override readonly name = 'RelaxedSettings';
}

/** A database server of the bench's own, with a fresh database for each phase. */
export class LimitsServer {
  readonly version: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly #server: RunningDatabase;
  readonly #folder: string;
  readonly #postmaster: number | null;
  #databases = 0;

  private constructor(server: RunningDatabase, folder: string, facts: ServerFacts) {
    this.#server = server;
    this.#folder = folder;
    this.#postmaster = facts.postmaster;
    this.version = facts.version;
    this.settings = facts.settings;
  }

  /** @param databaseUrl a server of somebody else; null: an embedded one. @throws RelaxedSettings */
  static async start(databaseUrl: string | null): Promise<LimitsServer> {
    const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-limits-'));
    const server = await startDatabase({ dataDir: folder, databaseUrl });
    const facts = await readFacts(server.url);
    for (const [name, durable] of Object.entries(DURABLE)) {
      if (durable.includes(facts.settings[name] ?? '')) continue;
      await server.destroy();
      throw new RelaxedSettings(
        `${name} is ${facts.settings[name] ?? 'unknown'}: the bench runs on durable settings only`,
      );
    }
    return new LimitsServer(server, folder, facts);
  }

  /** CPU time of the server and all its sessions; null where it cannot be read. */
  cpuMs(): number | null {
    return this.#postmaster === null ? null : treeCpuMs(this.#postmaster);
  }

  /** A new database with the product's schema and the bench's reference data. @throws RelaxedSettings */
  async freshDatabase(jurisdiction: string, nowMs: number): Promise<string> {
    this.#databases += 1;
    const url = await this.#server.createDatabase(`limits_${this.#databases}`);
    await migrateDatabase(url);
    const database = await openDatabase(url);
    try {
      await ensurePartitions(database, nowMs);
      const data = benchOperator(jurisdiction);
      await writeReferenceData(database, referenceRowsOf(data, benchKeystore(data)));
      const bankIds = data.banks.map(({ bankId }) => bankId);
      await openAccounts(
        database.hot,
        accountsFor({ bankIds, operatorIds: ['bench'], funders: ['finance-bureau'] }),
      );
      const unlogged = await database.hot`select relname from pg_class where relpersistence = 'u'`;
      if (unlogged.length > 0) throw new RelaxedSettings('an unlogged table is not durable');
    } finally {
      await database.close();
    }
    return url;
  }

  /** What a phase leaves behind is gone before the next, so that one does not pay for the other's vacuum and checkpoints. */
  async dropLast(): Promise<void> {
    await this.#server.dropDatabase(`limits_${this.#databases}`);
  }

  async stop(): Promise<void> {
    await this.#server.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

type ServerFacts = {
  readonly version: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly postmaster: number | null;
};

async function readFacts(url: string): Promise<ServerFacts> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const names = [...Object.keys(DURABLE), 'server_version', 'shared_buffers'];
    const rows = await sql<{ name: string; setting: string }[]>`
      select name, setting from pg_settings where name = any(${names})`;
    const [backend] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const settings = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
    return { version: settings['server_version'] ?? '', settings, postmaster: parentOf(backend?.pid ?? 0) };
  } finally {
    await sql.end();
  }
}

function parentOf(pid: number): number | null {
  try {
    return (
      Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? Number.NaN) ||
      null
    );
  } catch {
    return null;
  }
}
