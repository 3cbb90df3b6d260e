import postgres from 'postgres';
import { serveOrders } from './child.ts';
import { threadCpuMs } from './cpu-time.ts';
import { readRecordFile } from './record-file.ts';

// Floor (b): the same record bytes in a table with the delivery identity as its key, in batches, by postgres.js alone.

export type BareInsertOrder = {
  readonly databaseUrl: string;
  readonly files: readonly string[];
  readonly count: number;
};
export type BareInsert = { readonly rows: number; readonly seconds: number; readonly cpuMs: number };

const BATCH = 512;
const IN_FLIGHT = 2;

async function insert(order: BareInsertOrder): Promise<BareInsert> {
  const records = order.files.flatMap(readRecordFile).slice(0, order.count);
  const rows = records.map(({ terminalId, record }, sequence) => ({
    terminalId,
    sequence,
    record: Buffer.from(record),
  }));
  const sql = postgres(order.databaseUrl, { max: IN_FLIGHT, onnotice: () => undefined });
  await sql`drop table if exists bare_record`;
  await sql`create table bare_record (
    terminal_id text not null, tap_sequence bigint not null, record bytea not null,
    constraint bare_record_pk primary key (terminal_id, tap_sequence))`;
  let next = 0;
  const inserter = async (): Promise<void> => {
    while (next < rows.length) {
      const batch = rows.slice(next, next + BATCH);
      next += BATCH;
      const records = sql.array(
        batch.map(({ record }) => record),
        1001,
      );
      await sql`
        insert into bare_record (terminal_id, tap_sequence, record)
        select * from unnest(${batch.map((row) => row.terminalId)}::text[], ${batch.map((row) => row.sequence)}::bigint[],
          ${records}::bytea[])`;
    }
  };
  // Connections, their map of types and the statement are there before the time is taken.
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => sql`select 1`));
  const cpuBefore = threadCpuMs();
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, inserter));
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpuAfter = threadCpuMs();
  await sql`drop table bare_record`;
  await sql.end();
  const cpuMs = cpuAfter.mainMs + cpuAfter.otherThreadsMs - cpuBefore.mainMs - cpuBefore.otherThreadsMs;
  return { rows: rows.length, seconds, cpuMs };
}

serveOrders({ insert });
