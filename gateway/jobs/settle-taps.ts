import { isTerminalId } from '@tapgate/sdk/wire/identifiers';
import type { TapKind } from '@tapgate/sdk/wire/rails';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { zoneClock, type ZoneClock } from '../calendar/zone-clock.ts';
import { holderOf } from '../concessions/holder-of-enrolments.ts';
import { UNKNOWN_HOLDER, type HolderFacts } from '../concessions/holder-facts.ts';
import type { RuleBook } from '../fares/rule-book.ts';
import {
  settleCard,
  type CardAdjustment,
  type SettledJourney,
  type SettlingRules,
} from '../journeys/settle-card.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { postFare } from '../ledger/post-fare.ts';
import type { Posting } from '../ledger/posting.ts';
import { readEnrolments } from '../store/concession-enrolments.ts';
import type { CardRide } from '../store/card-rides.ts';
import type { Database, Transaction } from '../store/connection.ts';
import type { ReferenceData } from '../store/reference-data.ts';
import {
  cardName,
  deliveryName,
  inSettlingTransaction,
  readReadyCards,
  readSettledActs,
  readWaitingCards,
  writeSettled,
  type AtcRange,
  type CardKey,
  type QueuedCard,
  type SettledAct,
  type UnsettledTap,
} from '../store/settling.ts';
import { bookAdjustments, chargedRides, findSpans, readPast } from './card-past.ts';
import { startRestingLoop, type RestingLoop } from './resting-loop.ts';
import { SettlingPace } from './settling-pace.ts';

export type SettlingDependencies = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly reference: Pick<ReferenceData, 'terminals' | 'lines' | 'stations' | 'operators'>;
  readonly ruleBook: RuleBook;
  readonly calendar: DayTypeCalendar;
};

export type SettlingResult = {
  readonly cards: number;
  readonly journeys: number;
  readonly settledTaps: number;
  /** looked at, and waiting for their other end */
  readonly waitingTaps: number;
};

const NOTHING: SettlingResult = { cards: 0, journeys: 0, settledTaps: 0, waitingTaps: 0 };

/**
 * Settles the cards of the oldest taps that were never looked at, in one transaction: journeys and postings appear and the
 * taps leave the queue together, so the job may die anywhere and be run again.
 *
 * @throws StoreFault
 */
export async function settleOnce(
  dependencies: SettlingDependencies,
  pace: SettlingPace = new SettlingPace(),
): Promise<SettlingResult> {
  const { batch } = pace;
  const result = await inSettlingTransaction(dependencies.database, async (transaction) =>
    settleCards(dependencies, transaction, await readReadyCards(transaction, batch), {
      pace,
      closeBeforeMs: null,
    }),
  );
  pace.took(result.settledTaps + result.waitingTaps, batch);
  return result;
}

/** Settles until no tap is left that was never looked at. @throws StoreFault */
export async function settleAll(dependencies: SettlingDependencies): Promise<SettlingResult> {
  return repeat(() => settleOnce(dependencies));
}

/**
 * Day's close: what was tapped before the instant waits no longer for its other end, and is priced as what it is: an entry
 * without exit, or an exit without entry.
 *
 * @throws StoreFault
 */
export async function closeWaiting(
  dependencies: SettlingDependencies,
  beforeMs: number,
): Promise<SettlingResult> {
  const pace = new SettlingPace();
  return repeat(() =>
    inSettlingTransaction(dependencies.database, async (transaction) =>
      settleCards(dependencies, transaction, await readWaitingCards(transaction, beforeMs, pace.batch), {
        pace,
        closeBeforeMs: beforeMs,
      }),
    ),
  );
}

async function repeat(step: () => Promise<SettlingResult>): Promise<SettlingResult> {
  let total = NOTHING;
  for (;;) {
    const result = await step();
    if (result.cards === 0) return total;
    total = {
      cards: total.cards + result.cards,
      journeys: total.journeys + result.journeys,
      settledTaps: total.settledTaps + result.settledTaps,
      waitingTaps: total.waitingTaps + result.waitingTaps,
    };
  }
}

async function settleCards(
  dependencies: SettlingDependencies,
  transaction: Transaction,
  cards: readonly QueuedCard[],
  { pace, closeBeforeMs }: { readonly pace: SettlingPace; readonly closeBeforeMs: number | null },
): Promise<SettlingResult> {
  if (cards.length === 0) return NOTHING;
  const [acts, holders] = await Promise.all([
    readActsBetween(transaction, cards),
    readHolders(transaction, cards, dependencies),
  ]);
  const past = await readPast(transaction, findSpans(cards, holders, dependencies));
  const rules = settlingRules(dependencies);
  const settled: Settlement = {
    ...{ journeys: [], postings: [], adjustments: [], settledTaps: [], nowWaiting: [] },
    waitingTaps: 0,
  };
  for (const card of cards) {
    if (pace.isTurnOver()) await pace.stepAside();
    settleInto(settled, card, { acts, holders, past, closeBeforeMs, rules, dependencies });
  }
  const booked = bookAdjustments(settled.adjustments, [...past.values()].flat());
  await writeSettled(
    transaction,
    { ...settled, postings: [...settled.postings, ...booked.postings], adjustments: booked.rows },
    dependencies.database,
  );
  return {
    cards: cards.length,
    journeys: settled.journeys.length,
    settledTaps: settled.settledTaps.length,
    waitingTaps: settled.waitingTaps,
  };
}

/** What one transaction settles, gathered card by card. */
type Settlement = {
  readonly journeys: SettledJourney[];
  readonly postings: Posting[];
  readonly adjustments: CardAdjustment[];
  readonly settledTaps: UnsettledTap[];
  readonly nowWaiting: UnsettledTap[];
  waitingTaps: number;
};

/** What was read beside the queue, by card; a card that has none of it is absent. */
type CardFacts = {
  readonly acts: ReadonlyMap<string, readonly SettledAct[]>;
  readonly holders: ReadonlyMap<string, HolderFacts>;
  readonly past: ReadonlyMap<string, readonly CardRide[]>;
  readonly closeBeforeMs: number | null;
  readonly rules: SettlingRules;
  readonly dependencies: SettlingDependencies;
};

const NO_ACTS: ReadonlyMap<number, TapKind> = new Map();

function settleInto(settled: Settlement, card: QueuedCard, facts: CardFacts): void {
  const { acts, holders, past, closeBeforeMs, rules, dependencies } = facts;
  const [cardActs, holder, rides] = [of(acts, card), of(holders, card) ?? UNKNOWN_HOLDER, of(past, card)];
  const made = settleCard(
    {
      taps: card.taps,
      holder,
      past: rides === undefined ? null : chargedRides(rides, holder, dependencies),
      settledActs:
        cardActs === undefined
          ? NO_ACTS
          : new Map(cardActs.map((act) => [act.atc, kindOf(act, dependencies)])),
      closeBeforeMs,
    },
    rules,
  );
  for (const journey of made.journeys) {
    settled.journeys.push(journey);
    settled.postings.push(...postingsOf(journey));
  }
  settled.adjustments.push(...made.adjustments);
  settled.settledTaps.push(...made.settledTaps);
  settled.waitingTaps += made.waitingTaps.length;
  for (const tap of made.waitingTaps) if (tap.state === 'ready') settled.nowWaiting.push(tap);
}

/** Most cards have nothing beside their taps, and most batches no such card: then not even a name is made. */
function of<Fact>(facts: ReadonlyMap<string, Fact>, card: CardKey): Fact | undefined {
  return facts.size === 0 ? undefined : facts.get(cardName(card));
}

/** Only a journey of two taps asks whether an act of the card is still on its way. */
async function readActsBetween(
  transaction: Transaction,
  cards: readonly QueuedCard[],
): Promise<ReadonlyMap<string, readonly SettledAct[]>> {
  const ranges: AtcRange[] = [];
  for (const { taps } of cards) {
    if (taps.length < 2 || taps.every((tap) => tap.tapKind === 'single')) continue;
    const proven = taps.filter((tap) => tap.outcome !== 'loss');
    const [first] = proven;
    const last = proven[proven.length - 1];
    if (first === undefined || last === undefined || last.atc - first.atc < 2) continue;
    if (proven.every((tap) => tap.tapKind === 'single')) continue;
    ranges.push({ panToken: first.panToken, psn: first.psn, fromAtc: first.atc, toAtc: last.atc });
  }
  if (ranges.length === 0) return new Map();
  const queued = new Set(
    cards.flatMap(({ taps }) => taps.map((tap) => deliveryName(tap.terminalId, tap.tapSequence))),
  );
  return readSettledActs(transaction, ranges, queued);
}

/** The riders of those cards of which some desk has written something down. */
async function readHolders(
  transaction: Transaction,
  cards: readonly QueuedCard[],
  dependencies: SettlingDependencies,
): Promise<ReadonlyMap<string, HolderFacts>> {
  const known = cards.filter((card) => card.isEnrolled);
  if (known.length === 0) return new Map();
  const enrolled = groupByCard(await readEnrolments(transaction, dependencies.keys, known));
  return new Map(
    known.map((card) => {
      const name = cardName(card);
      return [name, holderOf(enrolled.get(name) ?? [], zoneOf(card.taps, dependencies))];
    }),
  );
}

function groupByCard<Item extends CardKey>(items: readonly Item[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const name = cardName(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}

export function settlingRules(dependencies: SettlingDependencies): SettlingRules {
  const { ruleBook, calendar, reference } = dependencies;
  return {
    ruleBook,
    calendar,
    findLine: (lineId) => reference.lines.get(lineId) ?? null,
    findStation: (stationId) => reference.stations.get(stationId) ?? null,
    findOperator: (operatorId) => reference.operators.get(operatorId) ?? null,
  };
}

/** An act that opened no journey (a loss, a denial) parts nothing: it counts as one that has no gate. */
function kindOf(act: SettledAct, { reference }: SettlingDependencies): TapKind {
  if (act.outcome === 'loss' || act.outcome === 'denied' || !isTerminalId(act.terminalId)) return 'single';
  return reference.terminals.get(act.terminalId)?.tapKind ?? 'single';
}

/** The dates of an enrolment are days of the operator's wall. */
function zoneOf(taps: readonly UnsettledTap[], { reference }: SettlingDependencies): ZoneClock {
  const operator = reference.operators.get(taps[0]?.operatorId ?? '');
  if (operator === undefined) throw new RangeError('a tap is of an operator that is known');
  return zoneClock(operator.timeZone);
}

export function postingsOf(journey: SettledJourney): Posting[] {
  if (journey.outcome === 'held' || journey.fareFen === null) return [];
  const funder = journey.concession?.funder ?? null;
  const claimedFen = journey.concession?.claimedFen ?? null;
  return postFare({
    journeyId: journey.journeyId,
    serviceDate: journey.serviceDate,
    rail: journey.rail,
    outcome: journey.outcome,
    bankId: journey.bankId,
    operators: [{ operatorId: journey.operatorId, weight: 1 }],
    fareFen: journey.fareFen,
    subsidy: funder === null || claimedFen === null ? null : { funder, claimedFen },
  });
}

/** How long the job rests when the queue is empty, and after a failure. */
const IDLE_MS = 200;

/**
 * Settles behind the gateway until it is stopped. What goes wrong is reported, and tried again: nothing is lost by it.
 *
 * @param dependencies as they are when a transaction begins: rules may change while the gateway runs
 * @param waiting taps of this process that wait for an answer: they come first
 */
export function startSettling(
  dependencies: () => SettlingDependencies,
  waiting: () => number,
  onFault: (fault: unknown) => void,
): RestingLoop {
  const pace = new SettlingPace(waiting);
  const step = async (): Promise<boolean> => {
    const { settledTaps, waitingTaps } = await settleOnce(dependencies(), pace);
    await pace.restAfter(settledTaps + waitingTaps);
    return !pace.isCaughtUp;
  };
  return startRestingLoop(step, IDLE_MS, onFault);
}
