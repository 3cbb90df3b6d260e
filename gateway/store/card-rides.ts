import { isoDate, type IsoDate, type PanToken } from '@tapgate/sdk/wire/identifiers';
import { fen, type Fen } from '@tapgate/sdk/wire/money';
import { RAILS, type Rail } from '@tapgate/sdk/wire/rails';
import type postgres from 'postgres';
import type { TraceStep } from '../fares/trace.ts';
import { JOURNEY_STATES } from '../journeys/journey.ts';
import { MODES } from '../journeys/mode.ts';
import type { JourneyTrace, RiddenJourney, TapName } from '../journeys/settle-card.ts';
import { byteas } from './array-parameters.ts';
import type { Transaction } from './connection.ts';
import { insertRows, type InsertShape } from './multi-row-insert.ts';
import { bytesOfToken, tokenOfBytes } from './pan-token-bytes.ts';

/** A charged ride with its fare as it stands, adjustments included. */
export type CardRide = RiddenJourney & {
  readonly outcome: 'chargeable' | 'debt';
  readonly listFareFen: Fen;
  readonly fareFen: Fen;
  readonly ruleSetId: string;
  readonly ruleSetVersion: number;
  readonly concessionRuleId: string | null;
  readonly transferRuleId: string | null;
  readonly funder: string | null;
  readonly claimedFen: Fen | null;
};

type JourneyRow = {
  readonly journey_id: Buffer;
  readonly service_date: string;
  readonly pan_token: Buffer;
  readonly psn: number;
  readonly bank_id: string | null;
  readonly operator_id: string;
  readonly line_id: string;
  readonly mode: string;
  readonly rail: string;
  readonly completeness: string;
  readonly entry_terminal_id: string | null;
  readonly entry_tap_sequence: string | number | null;
  readonly exit_terminal_id: string | null;
  readonly exit_tap_sequence: string | number | null;
  readonly started_at: Date;
  readonly ended_at: Date;
};

const JOURNEY_COLUMNS = `j.journey_id, j.service_date::text, j.pan_token, j.psn, j.bank_id, j.operator_id, j.line_id, j.mode, j.rail,
  j.completeness, j.entry_terminal_id, j.entry_tap_sequence, j.exit_terminal_id, j.exit_tap_sequence, j.started_at, j.ended_at`;

const TRANSFER_OF_TRACE = `$.steps[*] ? (@.stage == "transfer" && @.applied == true).ruleId`;

export type CardSpan = {
  readonly panToken: PanToken;
  readonly psn: number;
  readonly fromMs: number;
  readonly toMs: number;
};

/**
 * The charged rides of cards, each in its own span of time, oldest first. By service date and card, which is how journeys lie: a month
 * of a card is thirty look-ups.
 */
export async function readCardRides(
  transaction: Transaction,
  cards: readonly CardSpan[],
): Promise<CardRide[]> {
  if (cards.length === 0) return [];
  const rows = await transaction<
    (JourneyRow & {
      readonly outcome: string;
      readonly list_fare_fen: string | number;
      readonly fare_fen: string | number;
      readonly rule_set_id: string;
      readonly rule_set_version: string;
      readonly concession_rule_id: string | null;
      readonly transfer_rule_id: string | null;
      readonly funder: string | null;
      readonly claimed_fen: string | number | null;
    })[]
  >`
    select ${transaction.unsafe(JOURNEY_COLUMNS)}, j.outcome, j.list_fare_fen, coalesce(a.fare_fen, j.fare_fen) as fare_fen,
      j.rule_set_id, j.rule_set_version,
      case when a.adjustment_id is null then j.concession_rule_id else a.concession_rule_id end as concession_rule_id,
      jsonb_path_query_first(coalesce(a.trace, j.trace::jsonb), ${TRANSFER_OF_TRACE}::jsonpath) #>> '{}' as transfer_rule_id,
      case when a.adjustment_id is null then j.funder else a.funder end as funder,
      case when a.adjustment_id is null then j.claimed_fen else a.claimed_fen end as claimed_fen
    from unnest(
      ${byteas(
        transaction,
        cards.map((card) => bytesOfToken(card.panToken)),
      )}, ${cards.map((card) => card.psn)}::smallint[],
      ${cards.map((card) => new Date(card.fromMs).toISOString())}::timestamptz[],
      ${cards.map((card) => new Date(card.toMs).toISOString())}::timestamptz[]) as k (pan_token, psn, from_at, to_at)
    cross join lateral generate_series(
      (k.from_at at time zone 'UTC')::date - 1, (k.to_at at time zone 'UTC')::date + 1, interval '1 day') as d (day)
    join journey j on j.service_date = d.day::date and j.pan_token = k.pan_token and j.psn = k.psn
      and j.started_at >= k.from_at and j.started_at < k.to_at and j.outcome in ('chargeable', 'debt')
    left join lateral (
      select x.adjustment_id, x.fare_fen, x.concession_rule_id, x.funder, x.claimed_fen, x.trace from fare_adjustment x
      where x.pan_token = j.pan_token and x.journey_id = j.journey_id order by x.adjusted_no desc limit 1) a on true
    order by j.pan_token, j.psn, j.started_at, j.journey_id`;
  return rows.map((row) => ({
    ...riddenJourney(row),
    outcome: row.outcome === 'debt' ? 'debt' : 'chargeable',
    listFareFen: fen(Number(row.list_fare_fen)),
    fareFen: fen(Number(row.fare_fen)),
    ruleSetId: row.rule_set_id,
    ruleSetVersion: Number(row.rule_set_version),
    concessionRuleId: row.concession_rule_id,
    transferRuleId: row.transfer_rule_id,
    funder: row.funder,
    claimedFen: row.claimed_fen === null ? null : fen(Number(row.claimed_fen)),
  }));
}

/** A journey that is held and that no later row prices. */
export type StoredHeldJourney = RiddenJourney & {
  readonly settledNo: number;
  readonly reason: string;
  /** 9F02 of its first tap */
  readonly amountFen: Fen;
  readonly trace: JourneyTrace;
};

/** Held journeys after a place in the order of settling, oldest first. */
export async function readHeldJourneys(
  sql: postgres.Sql<{ int8: number }> | Transaction,
  page: { readonly afterSettledNo: number; readonly limit: number },
): Promise<StoredHeldJourney[]> {
  const rows = await sql<
    (JourneyRow & {
      settled_no: string | number;
      cause: string;
      amount_fen: string | number | null;
      trace: JourneyTrace;
    })[]
  >`
    select ${sql.unsafe(JOURNEY_COLUMNS)}, j.settled_no, j.cause, t.amount_fen, j.trace
    from journey j
    left join tap_identity i on i.terminal_id = coalesce(j.entry_terminal_id, j.exit_terminal_id)
      and i.tap_sequence = coalesce(j.entry_tap_sequence, j.exit_tap_sequence)
    left join tap t on t.service_date = i.service_date and t.pan_token = i.pan_token
      and t.terminal_id = i.terminal_id and t.tap_sequence = i.tap_sequence
    where j.outcome = 'held' and j.settled_no > ${page.afterSettledNo} and not exists (
      select from journey r where r.service_date = j.service_date and r.pan_token = j.pan_token
        and r.resolves_journey_id = j.journey_id)
    order by j.settled_no limit ${page.limit}`;
  return rows.map((row) => ({
    ...riddenJourney(row),
    settledNo: Number(row.settled_no),
    reason: row.cause,
    amountFen: fen(Number(row.amount_fen ?? 0)),
    trace: row.trace,
  }));
}

function riddenJourney(row: JourneyRow): RiddenJourney {
  const name = (terminalId: string | null, sequence: string | number | null): TapName | null =>
    terminalId === null || sequence === null ? null : { terminalId, tapSequence: Number(sequence) };
  return {
    journeyId: row.journey_id,
    serviceDate: isoDate(row.service_date),
    panToken: tokenOfBytes(row.pan_token),
    psn: row.psn,
    bankId: row.bank_id,
    operatorId: row.operator_id,
    lineId: row.line_id,
    mode: wordOf(MODES, row.mode),
    rail: wordOf(RAILS, row.rail),
    completeness: wordOf(JOURNEY_STATES, row.completeness),
    entry: name(row.entry_terminal_id, row.entry_tap_sequence),
    exit: name(row.exit_terminal_id, row.exit_tap_sequence),
    startedAtMs: row.started_at.getTime(),
    endedAtMs: row.ended_at.getTime(),
  };
}

function wordOf<Word extends string>(list: readonly Word[], text: string): Word {
  const word = list.find((known) => known === text);
  if (word === undefined) throw new RangeError('a stored word is not in its list');
  return word;
}

/** One row of fare_adjustment. */
export type StoredAdjustment = {
  readonly adjustmentId: Uint8Array;
  readonly serviceDate: IsoDate;
  readonly panToken: PanToken;
  readonly journeyId: Uint8Array;
  readonly causeJourneyId: Uint8Array;
  /** null for a debt */
  readonly bankId: string | null;
  readonly rail: Rail;
  readonly chargedFen: Fen;
  readonly fareFen: Fen;
  readonly concessionRuleId: string | null;
  readonly chargedFunder: string | null;
  readonly chargedClaimedFen: Fen | null;
  readonly funder: string | null;
  readonly claimedFen: Fen | null;
  readonly trace: { readonly steps: readonly TraceStep[] };
};

const ADJUSTMENT: InsertShape<StoredAdjustment> = {
  table: 'fare_adjustment',
  columns: [
    ...[
      'adjustment_id',
      'service_date',
      'pan_token',
      'journey_id',
      'cause_journey_id',
      'bank_id',
      'rail',
      'charged_fen',
      'fare_fen',
    ],
    ...['concession_rule_id', 'charged_funder', 'charged_claimed_fen', 'funder', 'claimed_fen', 'trace'],
  ],
  valuesOf: (row) => [
    row.adjustmentId,
    row.serviceDate,
    bytesOfToken(row.panToken),
    row.journeyId,
    row.causeJourneyId,
    row.bankId,
    row.rail,
    row.chargedFen,
    row.fareFen,
    row.concessionRuleId,
    row.chargedFunder,
    row.chargedClaimedFen,
    row.funder,
    row.claimedFen,
    row.trace,
  ],
  suffix: 'on conflict (adjustment_id) do nothing',
};

export function insertAdjustments(
  transaction: Transaction,
  adjustments: readonly StoredAdjustment[],
): Promise<unknown>[] {
  return insertRows(transaction, ADJUSTMENT, adjustments);
}
