import type postgres from 'postgres';
import { isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen, type Fen } from '@tapgate/sdk/wire/money';
import { RAILS, type Rail } from '@tapgate/sdk/wire/rails';
import { JOURNEY_STATES, type JourneyState } from '../journeys/journey.ts';
import { MODES, type Mode } from '../journeys/mode.ts';
import type { Database } from './connection.ts';
import { streamRows } from './row-stream.ts';
import { faultsTranslated } from './store-fault.ts';

/** A journey as settling stored it, its trace apart. */
export type StoredJourney = {
  readonly serviceDate: IsoDate;
  readonly panToken: Buffer;
  readonly psn: number;
  readonly journeyId: Buffer;
  readonly operatorId: string;
  readonly lineId: string;
  readonly mode: Mode;
  readonly rail: Rail;
  readonly completeness: JourneyState;
  readonly entryTerminalId: string | null;
  readonly exitTerminalId: string | null;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** chargeable | debt | loss | held */
  readonly outcome: string;
  readonly cause: string | null;
  readonly listFareFen: Fen | null;
  readonly fareFen: Fen | null;
  readonly ruleSetId: string | null;
  readonly ruleSetVersion: number | null;
  readonly concessionRuleId: string | null;
  readonly riderCategory: string | null;
  readonly funder: string | null;
  readonly shortfallFen: Fen | null;
  readonly claimedFen: Fen | null;
};

/** The whole trace as it lies in the database, or the one part of it that another policy needs: what the list fare saw. */
export type StoredTrace = unknown;

type JourneyRow = {
  service_date: string;
  pan_token: Buffer;
  psn: number;
  journey_id: Buffer;
  operator_id: string;
  line_id: string;
  mode: string;
  rail: string;
  completeness: string;
  entry_terminal_id: string | null;
  exit_terminal_id: string | null;
  started_ms: number;
  ended_ms: number;
  outcome: string;
  cause: string | null;
  list_fare_fen: number | null;
  fare_fen: number | null;
  rule_set_id: string | null;
  rule_set_version: string | null;
  concession_rule_id: string | null;
  rider_category: string | null;
  funder: string | null;
  shortfall_fen: number | null;
  claimed_fen: number | null;
  part: StoredTrace;
};

export type DateRange = { readonly from: IsoDate; readonly to: IsoDate };
export type JourneyWithTrace = { readonly journey: StoredJourney; readonly trace: StoredTrace };

/** Rows that travel at once: the bound of what a reader holds, whatever the days hold. */
const PIECE_ROWS = 2_000;
/** The sort by card spills to disk with less memory; and a whole table is read, which is what the hot path's own settings forbid. */
const SETTINGS = [`set local work_mem = '128MB'`, 'set local enable_seqscan = on'];

export async function countJourneys(database: Database, dates: DateRange): Promise<number> {
  const [row] = await faultsTranslated(
    () => database.hot<{ journeys: number }[]>`
      select count(*) as journeys from journey where service_date between ${dates.from} and ${dates.to}`,
  );
  return row?.journeys ?? 0;
}

/**
 * Streams the journeys of a range of service dates, each card's together and in the order in which they were ridden.
 *
 * @param traces whole: the stored trace; list_fare: only what its first step, the list fare, saw
 * @throws StoreFault
 */
export async function* streamJourneys(
  database: Database,
  dates: DateRange,
  traces: 'whole' | 'list_fare',
): AsyncGenerator<readonly JourneyWithTrace[]> {
  const pieces = streamRows(database, SETTINGS, (session) =>
    selectJourneys(session, dates, traces).cursor(PIECE_ROWS),
  );
  for await (const piece of pieces)
    yield piece.map((row) => ({ journey: storedJourney(row), trace: row.part }));
}

/** A held ride whose fare came later is two rows and one ride: the row that prices it stands for it. */
const withoutPricedLater = (sql: postgres.TransactionSql): postgres.PendingQuery<postgres.Row[]> => sql`
  and not (outcome = 'held' and exists (select from journey r
    where r.service_date = j.service_date and r.pan_token = j.pan_token and r.resolves_journey_id = j.journey_id))`;

function selectJourneys(
  sql: postgres.TransactionSql,
  { from, to }: DateRange,
  traces: 'whole' | 'list_fare',
): postgres.PendingQuery<JourneyRow[]> {
  const part = traces === 'whole' ? sql`trace` : sql`trace #> '{steps,0,saw}'`;
  return sql<JourneyRow[]>`
    select service_date::text, pan_token, psn, journey_id, operator_id, line_id, mode, rail, completeness,
      entry_terminal_id, exit_terminal_id, (extract(epoch from started_at) * 1000)::bigint as started_ms,
      (extract(epoch from ended_at) * 1000)::bigint as ended_ms, outcome, cause, list_fare_fen, fare_fen, rule_set_id,
      rule_set_version, concession_rule_id, rider_category, funder, shortfall_fen, claimed_fen, ${part} as part
    from journey j where service_date between ${from} and ${to} ${traces === 'whole' ? sql`` : withoutPricedLater(sql)}
    order by pan_token, psn, started_at, journey_id`;
}

const dates = new Map<string, IsoDate>();

function dateOf(text: string): IsoDate {
  const known = dates.get(text);
  if (known !== undefined) return known;
  const date = isoDate(text);
  dates.set(text, date);
  return date;
}

function storedJourney(row: JourneyRow): StoredJourney {
  return {
    serviceDate: dateOf(row.service_date),
    panToken: row.pan_token,
    psn: row.psn,
    journeyId: row.journey_id,
    operatorId: row.operator_id,
    lineId: row.line_id,
    mode: wordOf(MODES, row.mode),
    rail: wordOf(RAILS, row.rail),
    completeness: wordOf(JOURNEY_STATES, row.completeness),
    entryTerminalId: row.entry_terminal_id,
    exitTerminalId: row.exit_terminal_id,
    startedAtMs: row.started_ms,
    endedAtMs: row.ended_ms,
    outcome: row.outcome,
    cause: row.cause,
    listFareFen: fenOrNull(row.list_fare_fen),
    fareFen: fenOrNull(row.fare_fen),
    ruleSetId: row.rule_set_id,
    ruleSetVersion: row.rule_set_version === null ? null : Number(row.rule_set_version),
    concessionRuleId: row.concession_rule_id,
    riderCategory: row.rider_category,
    funder: row.funder,
    shortfallFen: fenOrNull(row.shortfall_fen),
    claimedFen: fenOrNull(row.claimed_fen),
  };
}

const fenOrNull = (amount: number | string | null): Fen | null =>
  amount === null ? null : fen(Number(amount));

function wordOf<Word extends string>(list: readonly Word[], text: string): Word {
  const word = list.find((known) => known === text);
  if (word === undefined) throw new RangeError('a stored word is not in its list');
  return word;
}
