import type { AskingCounts } from '@tapgate/sdk/terminals/asking-counts';
import { and, desc, eq, gte, lt, sql } from 'drizzle-orm';
import type { Database } from './connection.ts';
import { line, station, terminal } from './schema/reference.ts';
import { terminalCode, terminalFault, terminalState } from './schema/lists.ts';
import { faultsTranslated } from './store-fault.ts';

/** Where a terminal is put up. */
export type NewTerminal = {
  readonly terminalId: string;
  readonly lineId: string;
  readonly stationId: string | null;
  readonly tapKind: string;
};

/**
 * Registers a terminal without a key. One that is there stays where it is.
 *
 * @returns false when the line, or the station on it, is not known
 */
export function registerTerminal(database: Database, placed: NewTerminal): Promise<boolean> {
  return faultsTranslated(() =>
    database.orm.transaction(async (transaction) => {
      const [of] = await transaction
        .select({ operatorId: line.operatorId })
        .from(line)
        .where(eq(line.lineId, placed.lineId));
      if (of === undefined) return false;
      if (placed.stationId !== null) {
        const known = await transaction
          .select({ stationId: station.stationId })
          .from(station)
          .where(and(eq(station.stationId, placed.stationId), eq(station.lineId, placed.lineId)));
        if (known.length === 0) return false;
      }
      await transaction
        .insert(terminal)
        .values({ ...placed, operatorId: of.operatorId })
        .onConflictDoNothing();
      return true;
    }),
  );
}

export async function isTerminalRegistered(database: Database, terminalId: string): Promise<boolean> {
  const rows = await faultsTranslated(() =>
    database.orm
      .select({ terminalId: terminal.terminalId })
      .from(terminal)
      .where(eq(terminal.terminalId, terminalId)),
  );
  return rows.length > 0;
}

export type SealedCode = {
  readonly terminalId: string;
  readonly codeSealed: Uint8Array;
  readonly expiresAtMs: number;
};

/** A new code; the one before it, used or not, holds no more. */
export async function writeCode(database: Database, code: SealedCode, tries: number): Promise<void> {
  const { terminalId, codeSealed } = code;
  const values = { codeSealed, expiresAt: new Date(code.expiresAtMs), triesLeft: tries };
  await faultsTranslated(() =>
    database.orm
      .insert(terminalCode)
      .values({ terminalId, ...values })
      .onConflictDoUpdate({ target: terminalCode.terminalId, set: values }),
  );
}

/** Takes one of the tries that a code allows. @returns null for no code, an expired one, or one without tries */
export async function tryCode(
  database: Database,
  terminalId: string,
  nowMs: number,
): Promise<Uint8Array | null> {
  const rows = await faultsTranslated(() =>
    database.orm
      .update(terminalCode)
      .set({ triesLeft: sql`${terminalCode.triesLeft} - 1` })
      .where(
        and(
          eq(terminalCode.terminalId, terminalId),
          sql`${terminalCode.triesLeft} > 0`,
          sql`${terminalCode.expiresAt} > ${new Date(nowMs).toISOString()}`,
        ),
      )
      .returning({ codeSealed: terminalCode.codeSealed }),
  );
  return rows[0]?.codeSealed ?? null;
}

/**
 * Gives a terminal its key and uses up the code, in one transaction: of two devices with the same code one is enrolled. A terminal
 * that was revoked is in use again.
 *
 * @returns the tap sequence from which it counts on; null when the code was used or replaced meanwhile
 */
export function enrolTerminal(
  database: Database,
  order: {
    readonly code: SealedCode['codeSealed'];
    readonly terminalId: string;
    readonly publicKeyXy: Uint8Array;
    readonly nowMs: number;
  },
): Promise<number | null> {
  const { terminalId, publicKeyXy, nowMs } = order;
  return faultsTranslated(() =>
    database.orm.transaction(async (transaction) => {
      const used = await transaction
        .delete(terminalCode)
        .where(and(eq(terminalCode.terminalId, terminalId), eq(terminalCode.codeSealed, order.code)))
        .returning({ terminalId: terminalCode.terminalId });
      if (used.length === 0) return null;
      await transaction
        .update(terminal)
        .set({
          sm2PublicKey: publicKeyXy,
          enrolledAt: new Date(nowMs),
          revokedAt: null,
          changedAt: sql`clock_timestamp()`,
        })
        .where(eq(terminal.terminalId, terminalId));
      const last = await transaction.execute<{ last: string | null }>(
        sql`select max(tap_sequence) as last from tap_identity where terminal_id = ${terminalId}`,
      );
      return Number(last[0]?.last ?? 0) + 1;
    }),
  );
}

/**
 * From an instant on a terminal's records are refused. A code that waits for its enrolment holds no more: it would put the terminal in
 * use again in whoever's hands it is.
 *
 * @returns false for no such terminal
 */
export async function revokeTerminal(database: Database, terminalId: string, atMs: number): Promise<boolean> {
  return faultsTranslated(() =>
    database.orm.transaction(async (transaction) => {
      await transaction.delete(terminalCode).where(eq(terminalCode.terminalId, terminalId));
      const rows = await transaction
        .update(terminal)
        .set({
          revokedAt: sql`coalesce(${terminal.revokedAt}, ${new Date(atMs).toISOString()})`,
          changedAt: sql`clock_timestamp()`,
        })
        .where(eq(terminal.terminalId, terminalId))
        .returning({ terminalId: terminal.terminalId });
      return rows.length > 0;
    }),
  );
}

/**
 * Tells one state of the register of terminals from another. By the sum of all times of change and not by the newest: of two changes
 * at once the earlier may be committed last, and would never be seen.
 */
export async function readTerminalsMark(database: Database): Promise<string> {
  const [row] = await faultsTranslated(
    () => database.hot<{ mark: string }[]>`
      select count(*) || ' ' || coalesce(sum(extract(epoch from changed_at)), 0) as mark from terminal`,
  );
  return row?.mark ?? '';
}

export type TerminalReport = {
  readonly terminalId: string;
  readonly receivedAtMs: number;
  readonly software: string;
  readonly lists: Readonly<Record<string, number>>;
  readonly staleLists: readonly string[];
  readonly queueDepth: number;
  readonly refusedRecords: number;
  readonly oldestUnsentAtMs: number | null;
  readonly clockSkewMs: number;
  readonly asking: AskingCounts | null;
  readonly faults: readonly ReportedFault[];
};

export type ReportedFault = {
  readonly faultNo: number;
  readonly code: string;
  readonly atMs: number;
  readonly detail: string | null;
};

/** A report, and where the terminal stood that sent it. */
export type PlacedReport = TerminalReport & { readonly lineId: string; readonly stationId: string | null };

/**
 * Writes what terminals say of themselves, in one statement; a fault that was reported before stays one.
 *
 * @param reports each of another terminal
 */
export async function writeTerminalReports(
  database: Database,
  reports: readonly PlacedReport[],
): Promise<void> {
  const states = reports.map((report) => ({
    ...{ terminal_id: report.terminalId, software: report.software, lists: report.lists },
    last_seen_at: new Date(report.receivedAtMs).toISOString(),
    ...{ stale_lists: report.staleLists, queue_depth: report.queueDepth },
    refused_records: report.refusedRecords,
    oldest_unsent_at:
      report.oldestUnsentAtMs === null ? null : new Date(report.oldestUnsentAtMs).toISOString(),
    ...{ clock_skew_ms: report.clockSkewMs, asking: report.asking },
  }));
  const held = reports.flatMap((report) =>
    Object.entries(report.lists).map(([kind, version]) => ({
      ...{ terminal_id: report.terminalId, kind, version },
      since: new Date(report.receivedAtMs).toISOString(),
    })),
  );
  const faults = reports.flatMap((report) =>
    report.faults.map((fault) => ({
      ...{ terminal_id: report.terminalId, fault_no: fault.faultNo, code: fault.code },
      at: new Date(fault.atMs).toISOString(),
      received_at: new Date(report.receivedAtMs).toISOString(),
      ...{ line_id: report.lineId, station_id: report.stationId, detail: fault.detail },
    })),
  );
  await faultsTranslated(
    () => database.hot`
    with state as (
      insert into terminal_state (terminal_id, last_seen_at, software, lists, stale_lists, queue_depth, refused_records,
        oldest_unsent_at, clock_skew_ms, asking)
      select terminal_id, last_seen_at, software, lists, stale_lists, queue_depth, refused_records, oldest_unsent_at, clock_skew_ms,
        asking
      from json_populate_recordset(null::terminal_state, ${JSON.stringify(states)}::text::json)
      on conflict (terminal_id) do update set last_seen_at = excluded.last_seen_at, software = excluded.software,
        lists = excluded.lists, stale_lists = excluded.stale_lists, queue_depth = excluded.queue_depth,
        refused_records = excluded.refused_records, oldest_unsent_at = excluded.oldest_unsent_at,
        clock_skew_ms = excluded.clock_skew_ms, asking = excluded.asking
    ), held as (
      insert into terminal_held_version (terminal_id, kind, version, since)
      select terminal_id, kind, version, since
      from json_populate_recordset(null::terminal_held_version, ${JSON.stringify(held)}::text::json)
      on conflict do nothing
    )
    insert into terminal_fault (terminal_id, fault_no, code, at, received_at, line_id, station_id, detail)
    select terminal_id, fault_no, code, at, received_at, line_id, station_id, detail
    from json_populate_recordset(null::terminal_fault, ${JSON.stringify(faults)}::text::json)
    on conflict do nothing`,
  );
}

const FAULTS_COUNTED_MS = 24 * 60 * 60 * 1000;

/** Every terminal with what it said of itself last, by id. */
export async function listTerminals(database: Database, nowMs: number) {
  return faultsTranslated(async () => {
    const { orm } = database;
    const rows = await orm
      .select({
        terminal: {
          terminalId: terminal.terminalId,
          operatorId: terminal.operatorId,
          lineId: terminal.lineId,
          stationId: terminal.stationId,
          tapKind: terminal.tapKind,
          enrolledAt: terminal.enrolledAt,
          revokedAt: terminal.revokedAt,
        },
        state: terminalState,
      })
      .from(terminal)
      .leftJoin(terminalState, eq(terminalState.terminalId, terminal.terminalId))
      .orderBy(terminal.terminalId);
    const faults = await orm
      .select({ terminalId: terminalFault.terminalId, count: sql<number>`count(*)::int` })
      .from(terminalFault)
      .where(gte(terminalFault.receivedAt, new Date(nowMs - FAULTS_COUNTED_MS)))
      .groupBy(terminalFault.terminalId);
    const faultsOf = new Map(faults.map((row) => [row.terminalId, row.count]));
    return rows.map((row) => ({
      ...row.terminal,
      state: row.state,
      faultsOfDay: faultsOf.get(row.terminal.terminalId) ?? 0,
    }));
  });
}

export type FaultQuery = {
  readonly terminalId?: string;
  readonly code?: string;
  readonly since?: Date;
  readonly before?: Date;
};

const FAULTS_MAX = 1_000;

/** Faults by when they were received, newest first. */
export async function listFaults(database: Database, query: FaultQuery) {
  const { terminalId, code, since, before } = query;
  return faultsTranslated(() =>
    database.orm
      .select()
      .from(terminalFault)
      .where(
        and(
          terminalId === undefined ? undefined : eq(terminalFault.terminalId, terminalId),
          code === undefined ? undefined : eq(terminalFault.code, code),
          since === undefined ? undefined : gte(terminalFault.receivedAt, since),
          before === undefined ? undefined : lt(terminalFault.receivedAt, before),
        ),
      )
      .orderBy(desc(terminalFault.receivedAt), terminalFault.terminalId, terminalFault.faultNo)
      .limit(FAULTS_MAX),
  );
}
