import { isoDate, panToken, type IsoDate, type PanToken } from '@tapgate/sdk/wire/identifiers';
import { fen, type Fen } from '@tapgate/sdk/wire/money';
import { RAILS, TAP_KINDS, type Rail, type TapKind } from '@tapgate/sdk/wire/rails';
import { TAP_OUTCOMES, type TapOutcome } from '@tapgate/sdk/wire/verdict';
import type { SettledJourney } from '../journeys/settle-card.ts';
import type { Posting } from '../ledger/posting.ts';
import type { Database, Transaction } from './connection.ts';
import { boundShape, insertArrays, type TypedInsertShape } from './array-insert.ts';
import { numberArray } from './array-literal.ts';
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
  /** its number in the order of acceptance: the queue's own name for it */
  readonly acceptedNo: number;
};

/** A card's taps in the queue, by ATC. */
export type QueuedCard = CardKey & {
  readonly taps: readonly UnsettledTap[];
  /** some desk has written down a right of this card */
  readonly isEnrolled: boolean;
};

export type QueueKey = Pick<UnsettledTap, 'acceptedNo' | 'state'>;
export type CardKey = { readonly panToken: PanToken; readonly psn: number };

/** The settling transactions of this process, one behind the other: who waited for the locks below would do so with a connection in hand. */
const underWay = new WeakMap<Database, Promise<unknown>>();

/**
 * Runs one settling transaction. It holds the settling lock together with every other (closing a day waits for it), and a lock
 * of its own, so that of several gateways one settles at a time: the taps of a card are then never in two hands.
 */
export async function inSettlingTransaction<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  const before = underWay.get(database) ?? Promise.resolve();
  const mine = before.then(() =>
    faultsTranslated(() =>
      database.hot.begin(async (transaction) => {
        // Sent together: the server takes them in this order.
        const alone = settleAlone(transaction);
        await Promise.all([alone, shareSettling(transaction)]);
        return { value: await work(transaction) };
      }),
    ),
  );
  underWay.set(
    database,
    mine.catch(() => undefined),
  );
  return (await mine).value;
}

/** Everything in the queue of the cards of the oldest taps that were never looked at. */
export async function readReadyCards(transaction: Transaction, taps: number): Promise<QueuedCard[]> {
  return queuedCards(await transaction.unsafe<QueueRow[]>(READY_CARDS, [taps], { prepare: true }));
}

/** Everything in the queue of cards with a tap before this instant that still waits for its other end. */
export async function readWaitingCards(
  transaction: Transaction,
  beforeMs: number,
  cards: number,
): Promise<QueuedCard[]> {
  const before = new Date(beforeMs).toISOString();
  return queuedCards(await transaction.unsafe<QueueRow[]>(WAITING_CARDS, [before, cards], { prepare: true }));
}

type QueueRow = {
  readonly card: string;
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
  readonly accepted_no: number;
  readonly is_enrolled: boolean;
};

/** The cards are chosen and their taps read at one go. A card's token travels as the text that it is everywhere else. */
const queueOf = (cards: string): string => `
with card as materialized (${cards})
select upper(encode(u.pan_token, 'hex')) as card, u.psn, u.atc, u.terminal_id, u.tap_sequence, u.service_date::text, u.tapped_at,
  u.operator_id, u.line_id, u.station_id, u.rail, u.tap_kind, u.amount_fen, u.bank_id, u.outcome, u.cause, u.state, u.accepted_no,
  e.is_enrolled
from card k
left join lateral (
  select true as is_enrolled from concession_enrolment c where c.pan_token = k.pan_token and c.psn = k.psn limit 1) e on true
join unsettled_tap u on u.pan_token = k.pan_token and u.psn = k.psn
order by u.pan_token, u.psn, u.atc, u.terminal_id, u.tap_sequence`;

const READY_CARDS = queueOf(`
  select distinct pan_token, psn from (
    select pan_token, psn from unsettled_tap where state = 'ready' order by accepted_no limit $1) as oldest`);
const WAITING_CARDS = queueOf(`
  select distinct pan_token, psn from unsettled_tap where state = 'waiting' and tapped_at < $1
  order by pan_token, psn limit $2`);

function queuedCards(rows: readonly QueueRow[]): QueuedCard[] {
  const cards: (QueuedCard & { readonly taps: UnsettledTap[] })[] = [];
  let last: (typeof cards)[number] | undefined;
  let name = '';
  for (const row of rows) {
    if (last === undefined || row.card !== name || row.psn !== last.psn) {
      name = row.card;
      last = { panToken: panToken(name), psn: row.psn, taps: [], isEnrolled: row.is_enrolled };
      cards.push(last);
    }
    last.taps.push(unsettledTap(row, last.panToken));
  }
  return cards;
}

const dates = new Map<string, IsoDate>();
const DATES_MAX = 1_000;

/** A batch has one or two service dates. */
function dateOf(text: string): IsoDate {
  const known = dates.get(text);
  if (known !== undefined) return known;
  if (dates.size >= DATES_MAX) dates.clear();
  const date = isoDate(text);
  dates.set(text, date);
  return date;
}

function unsettledTap(row: QueueRow, token: PanToken): UnsettledTap {
  return {
    panToken: token,
    psn: row.psn,
    atc: row.atc,
    terminalId: row.terminal_id,
    tapSequence: row.tap_sequence,
    serviceDate: dateOf(row.service_date),
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
    acceptedNo: row.accepted_no,
  };
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
  for (const word of list) if (word === text) return word;
  throw new RangeError('a stored word is not in its list');
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
    journey.panToken,
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
    journey.startedAtMs,
    journey.endedAtMs,
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
          ...insertRows(transaction, boundShape(JOURNEY), settled.journeys),
          ...insertRows(transaction, boundShape(POSTING), settled.postings),
        ]
      : [
          insertArrays(transaction, JOURNEY, settled.journeys),
          insertArrays(transaction, POSTING, settled.postings),
        ]),
    ...insertAdjustments(transaction, settled.adjustments),
    ...changeQueue(transaction, REMOVE_FROM_QUEUE, settled.settledTaps),
    ...changeQueue(transaction, MARK_WAITING, settled.nowWaiting),
  ]);
}

/** By state and number, which is how the queue is read: what was accepted together lies together. */
const REMOVE_FROM_QUEUE = `delete from unsettled_tap where state = $1 and accepted_no = any ($2::bigint[])`;
const MARK_WAITING = `update unsettled_tap set state = 'waiting' where state = $1 and accepted_no = any ($2::bigint[])`;

function changeQueue(
  transaction: Transaction,
  statement: string,
  taps: readonly QueueKey[],
): Promise<unknown>[] {
  const numbers: Record<QueueKey['state'], number[]> = { ready: [], waiting: [] };
  for (const tap of taps) numbers[tap.state].push(tap.acceptedNo);
  return (['ready', 'waiting'] as const)
    .filter((state) => numbers[state].length > 0)
    .map((state) =>
      transaction.unsafe(statement, [state, numberArray(numbers[state])], { prepare: true }).execute(),
    );
}
