import { isoDate, type IsoDate, type PanToken } from '@tapgate/sdk/wire/identifiers';
import { fen, type Fen } from '@tapgate/sdk/wire/money';
import { RAILS, TAP_KINDS, type Rail, type TapKind } from '@tapgate/sdk/wire/rails';
import { TAP_OUTCOMES, type TapOutcome } from '@tapgate/sdk/wire/verdict';
import type { SettledJourney } from '../journeys/settle-card.ts';
import type { Posting } from '../ledger/posting.ts';
import type { Database, Transaction } from './connection.ts';
import { insertArrays, type TypedInsertShape } from './array-insert.ts';
import { hexByteaArray, numberArray, textArray } from './array-literal.ts';
import { insertRows } from './multi-row-insert.ts';
import { insertAdjustments, type StoredAdjustment } from './card-rides.ts';
import { byteas } from './array-parameters.ts';
import { bytesOfToken, tokenOfBytes } from './pan-token-bytes.ts';
import { settleAlone, shareSettling } from './settling-lock.ts';
import { faultsTranslated } from './store-fault.ts';

/** A tap in the queue between accepted and settled. */
export type UnsettledTap = {
  readonly panToken: PanToken;
  readonly psn: number;
  readonly atc: number;
  readonly terminalId: string;
  readonly tapSequence: number;
  readonly serviceDate: IsoDate;
  readonly tappedAtMs: number;
  readonly operatorId: string;
  readonly lineId: string;
  readonly stationId: string | null;
  readonly rail: Rail;
  readonly tapKind: TapKind;
  readonly amountFen: Fen;
  readonly bankId: string | null;
  readonly outcome: TapOutcome;
  readonly cause: string | null;
  readonly state: 'ready' | 'waiting';
};

export type QueueKey = Pick<UnsettledTap, 'panToken' | 'psn' | 'atc' | 'terminalId' | 'tapSequence'>;
export type CardKey = { readonly panToken: PanToken; readonly psn: number };

/**
 * Runs one settling transaction. It holds the settling lock together with every other (closing a day waits for it), and a lock
 * of its own, so that of several gateways one settles at a time: the taps of a card are then never in two hands.
 */
export async function inSettlingTransaction<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  const result = await faultsTranslated(() =>
    database.hot.begin(async (transaction) => {
      await settleAlone(transaction);
      await shareSettling(transaction);
      return { value: await work(transaction) };
    }),
  );
  return result.value;
}

/** Cards of the oldest taps that were never looked at. */
export async function listReadyCards(transaction: Transaction, taps: number): Promise<CardKey[]> {
  const rows = await transaction<{ pan_token: Buffer; psn: number }[]>`
    select distinct pan_token, psn from (
      select pan_token, psn from unsettled_tap where state = 'ready' order by accepted_no limit ${taps}) as oldest
    order by pan_token, psn`;
  return rows.map((row) => ({ panToken: tokenOfBytes(row.pan_token), psn: row.psn }));
}

/** Cards with a tap before this instant that still waits for its other end. */
export async function listWaitingCards(
  transaction: Transaction,
  beforeMs: number,
  cards: number,
): Promise<CardKey[]> {
  const rows = await transaction<{ pan_token: Buffer; psn: number }[]>`
    select distinct pan_token, psn from unsettled_tap
    where state = 'waiting' and tapped_at < ${new Date(beforeMs)}
    order by pan_token, psn limit ${cards}`;
  return rows.map((row) => ({ panToken: tokenOfBytes(row.pan_token), psn: row.psn }));
}

type QueueRow = {
  readonly pan_token: Buffer;
  readonly psn: number;
  readonly atc: number;
  readonly terminal_id: string;
  readonly tap_sequence: number;
  readonly service_date: string;
  readonly tapped_at: Date;
  readonly operator_id: string;
  readonly line_id: string;
  readonly station_id: string | null;
  readonly rail: string;
  readonly tap_kind: string;
  readonly amount_fen: number;
  readonly bank_id: string | null;
  readonly outcome: string;
  readonly cause: string | null;
  readonly state: string;
};

const QUEUE_OF = `
select u.pan_token, u.psn, u.atc, u.terminal_id, u.tap_sequence, u.service_date::text, u.tapped_at, u.operator_id,
  u.line_id, u.station_id, u.rail, u.tap_kind, u.amount_fen, u.bank_id, u.outcome, u.cause, u.state
from unnest($1::bytea[], $2::smallint[]) as k (pan_token, psn)
join unsettled_tap u on u.pan_token = k.pan_token and u.psn = k.psn
order by u.pan_token, u.psn, u.atc, u.terminal_id, u.tap_sequence`;

const cardParameters = (cards: readonly CardKey[]): string[] => [
  hexByteaArray(cards.map((card) => card.panToken)),
  numberArray(cards.map((card) => card.psn)),
];

/** Everything that these cards have in the queue, by card and ATC. */
export async function readQueueOf(
  transaction: Transaction,
  cards: readonly CardKey[],
): Promise<UnsettledTap[]> {
  const rows = await transaction.unsafe<QueueRow[]>(QUEUE_OF, cardParameters(cards), { prepare: true });
  return rows.map((row) => ({
    panToken: tokenOfBytes(row.pan_token),
    psn: row.psn,
    atc: row.atc,
    terminalId: row.terminal_id,
    tapSequence: row.tap_sequence,
    serviceDate: isoDate(row.service_date),
    tappedAtMs: row.tapped_at.getTime(),
    operatorId: row.operator_id,
    lineId: row.line_id,
    stationId: row.station_id,
    rail: wordOf(RAILS, row.rail),
    tapKind: wordOf(TAP_KINDS, row.tap_kind),
    amountFen: fen(row.amount_fen),
    bankId: row.bank_id,
    outcome: wordOf(TAP_OUTCOMES, row.outcome),
    cause: row.cause,
    state: row.state === 'ready' ? 'ready' : 'waiting',
  }));
}

export type AtcRange = CardKey & { readonly fromAtc: number; readonly toAtc: number };

/** An act of a card that is not in the queue: settled, or accepted as something that never settles. */
export type SettledAct = { readonly atc: number; readonly terminalId: string; readonly outcome: TapOutcome };

/** The acts of each card within the range of its ATC that are accounted for and no longer in the queue, by card. */
export async function readSettledActs(
  transaction: Transaction,
  ranges: readonly AtcRange[],
  queued: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly SettledAct[]>> {
  const acts = new Map<string, SettledAct[]>();
  if (ranges.length === 0) return acts;
  const reported = await transaction<
    { pan_token: Buffer; psn: number; atc: number; terminal_id: string; tap_sequence: number }[]
  >`
    select a.pan_token, a.psn, a.atc, a.terminal_id, a.tap_sequence
    from unnest(
      ${byteas(
        transaction,
        ranges.map((range) => bytesOfToken(range.panToken)),
      )}, ${ranges.map((range) => range.psn)}::smallint[],
      ${ranges.map((range) => range.fromAtc)}::integer[], ${ranges.map((range) => range.toAtc)}::integer[])
      as k (pan_token, psn, from_atc, to_atc)
    join card_atc a on a.pan_token = k.pan_token and a.psn = k.psn and a.atc > k.from_atc and a.atc < k.to_atc`;
  const settled = reported.filter((row) => !queued.has(deliveryName(row.terminal_id, row.tap_sequence)));
  if (settled.length === 0) return acts;
  // Acts lie with their card and deliveries with their terminal, so this is a second look-up and not a join.
  const outcomes = await transaction<{ terminal_id: string; tap_sequence: number; outcome: string }[]>`
    select t.terminal_id, t.tap_sequence, t.outcome
    from unnest(${settled.map((row) => row.terminal_id)}::text[], ${settled.map((row) => row.tap_sequence)}::bigint[])
      as k (terminal_id, tap_sequence)
    join tap_identity t on t.terminal_id = k.terminal_id and t.tap_sequence = k.tap_sequence`;
  const outcomeOf = new Map(
    outcomes.map((row) => [deliveryName(row.terminal_id, row.tap_sequence), row.outcome]),
  );
  for (const row of settled) {
    const card = cardName({ panToken: tokenOfBytes(row.pan_token), psn: row.psn });
    const outcome = wordOf(
      TAP_OUTCOMES,
      outcomeOf.get(deliveryName(row.terminal_id, row.tap_sequence)) ?? '',
    );
    const ofCard = acts.get(card) ?? [];
    ofCard.push({ atc: row.atc, terminalId: row.terminal_id, outcome });
    acts.set(card, ofCard);
  }
  return acts;
}

export const deliveryName = (terminalId: string, tapSequence: number): string =>
  `${terminalId}|${tapSequence}`;

export const cardName = (card: CardKey): string => `${card.panToken}|${card.psn}`;

function wordOf<Word extends string>(list: readonly Word[], text: string): Word {
  const word = list.find((known) => known === text);
  if (word === undefined) throw new RangeError('a stored word is not in its list');
  return word;
}

const JOURNEY: TypedInsertShape<SettledJourney> = {
  table: 'journey',
  columns: [
    'service_date',
    'pan_token',
    'journey_id',
    'psn',
    'bank_id',
    'operator_id',
    'line_id',
    'mode',
    'rail',
    'completeness',
    'entry_terminal_id',
    'entry_tap_sequence',
    'exit_terminal_id',
    'exit_tap_sequence',
    'started_at',
    'ended_at',
    'outcome',
    'cause',
    'list_fare_fen',
    'fare_fen',
    'rule_set_id',
    'rule_set_version',
    'concession_rule_id',
    'rider_category',
    'funder',
    'shortfall_fen',
    'claimed_fen',
    'trace',
    'resolves_journey_id',
  ],
  types: [
    'date',
    'bytea',
    'bytea',
    'smallint',
    'text',
    'text',
    'text',
    'text',
    'text',
    'text',
    'text',
    'bigint',
    'text',
    'bigint',
    'instant',
    'instant',
    'text',
    'text',
    'bigint',
    'bigint',
    'text',
    'text',
    'text',
    'text',
    'text',
    'bigint',
    'bigint',
    'json',
    'bytea',
  ],
  valuesOf: (journey) => [
    journey.serviceDate,
    bytesOfToken(journey.panToken),
    journey.journeyId,
    journey.psn,
    journey.bankId,
    journey.operatorId,
    journey.lineId,
    journey.mode,
    journey.rail,
    journey.completeness,
    journey.entry?.terminalId ?? null,
    journey.entry?.tapSequence ?? null,
    journey.exit?.terminalId ?? null,
    journey.exit?.tapSequence ?? null,
    new Date(journey.startedAtMs),
    new Date(journey.endedAtMs),
    journey.outcome,
    journey.cause,
    journey.listFareFen,
    journey.fareFen,
    journey.ruleSetId,
    journey.ruleSetVersion,
    journey.concession?.ruleId ?? null,
    journey.concession?.category ?? null,
    journey.concession?.funder ?? null,
    journey.concession?.shortfallFen ?? null,
    journey.concession?.claimedFen ?? null,
    journey.trace,
    journey.resolvesJourneyId,
  ],
};

const POSTING: TypedInsertShape<Posting> = {
  table: 'posting',
  columns: [
    'posting_id',
    'cause_kind',
    'cause_id',
    'line_no',
    'service_date',
    'purse',
    'debit_account',
    'credit_account',
    'amount_fen',
    'state',
    'refers_to_posting_id',
  ],
  types: ['bytea', 'text', 'bytea', 'integer', 'date', 'text', 'text', 'text', 'bigint', 'text', 'bytea'],
  valuesOf: (line) => [
    line.postingId,
    line.causeKind,
    line.causeId,
    line.lineNo,
    line.serviceDate,
    line.purse,
    line.debitAccount,
    line.creditAccount,
    line.amountFen,
    line.state,
    line.refersToPostingId,
  ],
};

/**
 * Writes what was settled, takes its taps out of the queue, and notes which taps were looked at and wait. The taps leave in the
 * same transaction, so no tap is ever settled a second time: a journey or posting that is there already is broken books, and a
 * fault. (To look for it by ON CONFLICT instead would double what the postings cost: bench/README.md.)
 */
export async function writeSettled(
  transaction: Transaction,
  settled: {
    readonly journeys: readonly SettledJourney[];
    readonly postings: readonly Posting[];
    readonly settledTaps: readonly QueueKey[];
    readonly nowWaiting: readonly QueueKey[];
    readonly adjustments: readonly StoredAdjustment[];
  },
  { isCitus }: Pick<Database, 'isCitus'>,
): Promise<void> {
  await Promise.all([
    ...(isCitus
      ? [
          ...insertRows(transaction, JOURNEY, settled.journeys),
          ...insertRows(transaction, POSTING, settled.postings),
        ]
      : [
          insertArrays(transaction, JOURNEY, settled.journeys),
          insertArrays(transaction, POSTING, settled.postings),
        ]),
    ...insertAdjustments(transaction, settled.adjustments),
    changeQueue(transaction, REMOVE_FROM_QUEUE, settled.settledTaps),
    changeQueue(transaction, MARK_WAITING, settled.nowWaiting),
  ]);
}

const QUEUE_KEYS = `unnest($1::bytea[], $2::smallint[], $3::integer[], $4::text[], $5::bigint[])
  as k (pan_token, psn, atc, terminal_id, tap_sequence)
where u.pan_token = k.pan_token and u.psn = k.psn and u.atc = k.atc
  and u.terminal_id = k.terminal_id and u.tap_sequence = k.tap_sequence`;
const REMOVE_FROM_QUEUE = `delete from unsettled_tap u using ${QUEUE_KEYS}`;
const MARK_WAITING = `update unsettled_tap u set state = 'waiting' from ${QUEUE_KEYS}`;

async function changeQueue(
  transaction: Transaction,
  statement: string,
  taps: readonly QueueKey[],
): Promise<void> {
  if (taps.length === 0) return;
  const parameters = [
    hexByteaArray(taps.map((tap) => tap.panToken)),
    numberArray(taps.map((tap) => tap.psn)),
    numberArray(taps.map((tap) => tap.atc)),
    textArray(taps.map((tap) => tap.terminalId)),
    numberArray(taps.map((tap) => tap.tapSequence)),
  ];
  await transaction.unsafe(statement, parameters, { prepare: true });
}
