import type postgres from 'postgres';
import { isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen, type Fen } from '@tapgate/sdk/wire/money';
import type { Rail } from '@tapgate/sdk/wire/rails';
import type { Database } from './connection.ts';
import { openRecords } from './sealed-record.ts';
import { faultsTranslated } from './store-fault.ts';

/** A half-open range of settled journeys, (after, upTo]: what one clearing date holds. */
export type SettledRange = { readonly afterSettledNo: number; readonly upToSettledNo: number };

export type TapKey = { readonly terminalId: string; readonly tapSequence: number };

/** A charged journey as a bank's batch needs it. */
export type ChargedJourney = {
  readonly serviceDate: IsoDate;
  readonly panToken: Buffer;
  readonly psn: number;
  readonly journeyId: Buffer;
  readonly lineId: string;
  readonly fareFen: Fen;
  readonly taps: readonly TapKey[];
};

type ChargedRow = {
  service_date: string;
  pan_token: Buffer;
  psn: number;
  journey_id: Buffer;
  line_id: string;
  fare_fen: string;
  entry_terminal_id: string | null;
  entry_tap_sequence: string | null;
  exit_terminal_id: string | null;
  exit_tap_sequence: string | null;
};

/** A day has few dates and ten million rows: each date is judged once. */
function dateReader(): (text: string) => IsoDate {
  const known = new Map<string, IsoDate>();
  return (text) => {
    const present = known.get(text);
    if (present !== undefined) return present;
    const date = isoDate(text);
    known.set(text, date);
    return date;
  };
}

/** Rows that travel at once: bounds memory, and is enough for the tap records of one piece to be fetched in one query. */
const PIECE_ROWS = 1_000;
/** A day's sort spills to disk below this and is faster in memory; one batch at a time is sorted. */
const SORT_MEMORY = '64MB';

/**
 * The journeys that a bank is charged for in a range, in pieces, in the order that every file states: service date, card
 * token, card sequence number, start, journey id. Zero fares are left out: a free ride is no charge.
 *
 * @throws StoreFault
 */
export async function* streamChargedJourneys(
  database: Database,
  wanted: SettledRange & { readonly bankId: string; readonly rail: Rail },
): AsyncGenerator<readonly ChargedJourney[]> {
  const rows = streamed<ChargedRow>(
    database,
    (sql) => sql`
      select service_date::text, pan_token, psn, journey_id, line_id, fare_fen,
        entry_terminal_id, entry_tap_sequence, exit_terminal_id, exit_tap_sequence
      from journey
      where bank_id = ${wanted.bankId} and rail = ${wanted.rail}
        and settled_no > ${wanted.afterSettledNo} and settled_no <= ${wanted.upToSettledNo}
        and outcome = 'chargeable' and fare_fen > 0
      order by service_date, pan_token, psn, started_at, journey_id`,
  );
  const dateOf = dateReader();
  for await (const piece of rows) yield piece.map((row) => chargedJourney(row, dateOf));
}

function chargedJourney(row: ChargedRow, dateOf: (text: string) => IsoDate): ChargedJourney {
  return {
    serviceDate: dateOf(row.service_date),
    panToken: row.pan_token,
    psn: row.psn,
    journeyId: row.journey_id,
    lineId: row.line_id,
    fareFen: fen(Number(row.fare_fen)),
    taps: [
      ...tapKey(row.entry_terminal_id, row.entry_tap_sequence),
      ...tapKey(row.exit_terminal_id, row.exit_tap_sequence),
    ],
  };
}

function tapKey(terminalId: string | null, tapSequence: string | null): TapKey[] {
  return terminalId === null || tapSequence === null
    ? []
    : [{ terminalId, tapSequence: Number(tapSequence) }];
}

/** A ride for which somebody pays, as the claim needs it. */
export type FundedJourney = {
  readonly serviceDate: IsoDate;
  readonly panToken: Buffer;
  readonly journeyId: Buffer;
  readonly operatorId: string;
  readonly lineId: string;
  readonly mode: string;
  readonly riderCategory: string;
  readonly concessionRuleId: string;
  readonly ruleSetVersion: string;
  readonly startedAtMs: number;
  readonly entry: TapKey | null;
  readonly exit: TapKey | null;
  readonly listFareFen: Fen;
  readonly fareFen: Fen;
  readonly shortfallFen: Fen;
  readonly claimedFen: Fen;
};

type FundedRow = Omit<ChargedRow, 'psn'> & {
  operator_id: string;
  mode: string;
  rider_category: string | null;
  concession_rule_id: string | null;
  rule_set_version: string | null;
  started_at: Date;
  list_fare_fen: string;
  shortfall_fen: string;
  claimed_fen: string;
};

/** The rides that a funder pays for in a range, in order of service date, operator, line, start, journey id. @throws StoreFault */
export async function* streamFundedJourneys(
  database: Database,
  wanted: SettledRange & { readonly funder: string },
): AsyncGenerator<readonly FundedJourney[]> {
  const rows = streamed<FundedRow>(
    database,
    (sql) => sql`
      select service_date::text, pan_token, journey_id, operator_id, line_id, mode, rider_category, concession_rule_id,
        rule_set_version, started_at, entry_terminal_id, entry_tap_sequence, exit_terminal_id, exit_tap_sequence,
        list_fare_fen, fare_fen, shortfall_fen, claimed_fen
      from journey
      where funder = ${wanted.funder} and outcome = 'chargeable' and claimed_fen is not null
        and settled_no > ${wanted.afterSettledNo} and settled_no <= ${wanted.upToSettledNo}
      order by service_date, operator_id collate "C", line_id collate "C", started_at, journey_id`,
  );
  for await (const piece of rows) {
    yield piece.map((row) => ({
      serviceDate: isoDate(row.service_date),
      panToken: row.pan_token,
      journeyId: row.journey_id,
      operatorId: row.operator_id,
      lineId: row.line_id,
      mode: row.mode,
      riderCategory: row.rider_category ?? '',
      concessionRuleId: row.concession_rule_id ?? '',
      ruleSetVersion: row.rule_set_version ?? '',
      startedAtMs: row.started_at.getTime(),
      entry: tapKey(row.entry_terminal_id, row.entry_tap_sequence)[0] ?? null,
      exit: tapKey(row.exit_terminal_id, row.exit_tap_sequence)[0] ?? null,
      listFareFen: fen(Number(row.list_fare_fen)),
      fareFen: fen(Number(row.fare_fen)),
      shortfallFen: fen(Number(row.shortfall_fen)),
      claimedFen: fen(Number(row.claimed_fen)),
    }));
  }
}

/** A query read through a cursor in a transaction of its own. */
async function* streamed<Row extends object>(
  database: Database,
  query: (sql: postgres.ReservedSql) => postgres.PendingQuery<Row[]>,
): AsyncGenerator<readonly Row[]> {
  const session = await faultsTranslated(() => database.hot.reserve());
  let inTransaction = false;
  try {
    await faultsTranslated(() => session`begin read only`);
    inTransaction = true;
    await faultsTranslated(() => session.unsafe(`set local work_mem = '${SORT_MEMORY}'`));
    const cursor = query(session).cursor(PIECE_ROWS)[Symbol.asyncIterator]();
    for (;;) {
      const next = await faultsTranslated(() => cursor.next());
      if (next.done === true) break;
      yield next.value;
    }
  } finally {
    if (inTransaction) await session`rollback`.catch(() => undefined);
    session.release();
  }
}

/** A tap's record as the database has it. */
export type SealedTap = {
  readonly serviceDate: IsoDate;
  readonly atc: number;
  readonly recordSm3: Uint8Array;
  readonly recordIv: Uint8Array;
  readonly recordSealed: Uint8Array;
};
/** A tap's record in clear, as it was accepted. */
export type OpenedTap = { readonly atc: number; readonly record: Uint8Array };

/** The SM4 key of a service date; null when it was destroyed. */
export type DataKeyReader = (serviceDate: IsoDate) => Promise<Uint8Array | null>;

type TapRow = {
  terminal_id: string;
  tap_sequence: string;
  service_date: string;
  atc: number;
  record_sm3: Buffer;
  record_iv: Buffer;
  record_sealed: Buffer;
};

/**
 * Reads the sealed records of taps, by terminal and sequence. Through tap_identity, which knows the service date of every
 * tap: the exit of a journey may belong to the next.
 *
 * @throws StoreFault
 */
export async function readSealedTaps(
  database: Database,
  keys: readonly TapKey[],
): Promise<ReadonlyMap<string, SealedTap>> {
  const sql = database.hot;
  const rows = await faultsTranslated(
    () => sql<TapRow[]>`
      select tap.terminal_id, tap.tap_sequence, tap.service_date::text, tap.atc, tap.record_sm3, tap.record_iv, tap.record_sealed
      from unnest(${sql.array(keys.map((k) => k.terminalId))}::text[], ${sql.array(keys.map((k) => k.tapSequence))}::bigint[])
        as wanted (terminal_id, tap_sequence)
      join tap_identity as identity using (terminal_id, tap_sequence)
      join tap on tap.service_date = identity.service_date and tap.pan_token = identity.pan_token
        and tap.terminal_id = identity.terminal_id and tap.tap_sequence = identity.tap_sequence`,
  );
  const dateOf = dateReader();
  return new Map(
    rows.map((row) => [
      tapName({ terminalId: row.terminal_id, tapSequence: Number(row.tap_sequence) }),
      {
        serviceDate: dateOf(row.service_date),
        atc: row.atc,
        recordSm3: row.record_sm3,
        recordIv: row.record_iv,
        recordSealed: row.record_sealed,
      },
    ]),
  );
}

/**
 * Opens the records of a piece, those of a service date together.
 *
 * @param keyOf null where the key of a service date was destroyed
 * @returns by name as readSealedTaps; a record that has no key any more is not among them
 * @throws RangeError when a record opens to other bytes than its SM3 says
 */
export function openSealedTaps(
  taps: ReadonlyMap<string, SealedTap>,
  keyOf: (serviceDate: IsoDate) => Uint8Array | null,
): Map<string, OpenedTap> {
  const opened = new Map<string, OpenedTap>();
  for (const serviceDate of new Set([...taps.values()].map((tap) => tap.serviceDate))) {
    const key = keyOf(serviceDate);
    if (key === null) continue;
    const entries = [...taps].filter(([, tap]) => tap.serviceDate === serviceDate);
    const records = openRecords(
      key,
      entries.map(([, tap]) => ({ iv: tap.recordIv, sealed: tap.recordSealed, sm3: tap.recordSm3 })),
    );
    entries.forEach(([name, { atc }], index) => {
      const record = records[index];
      if (record !== undefined) opened.set(name, { atc, record });
    });
  }
  return opened;
}

export function tapName(key: TapKey): string {
  return `${key.terminalId}-${key.tapSequence}`;
}
