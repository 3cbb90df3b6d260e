import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import { authenticateRecord } from '../ingest/authenticate-record.ts';
import { judgeDelivery, judgeTap, NO_PROOF_NEEDED, type CardProof } from '../ingest/judge-tap.ts';
import type { TapFacts } from '../ingest/tap-facts.ts';
import type { Lane } from '../ingest/two-lanes.ts';
import { acceptTaps } from '../store/accept-taps.ts';
import type { Database } from '../store/connection.ts';
import type { DataKeys } from '../store/data-keys.ts';
import { StoreFault } from '../store/store-fault.ts';
import { readTapFacts } from '../store/tap-facts.ts';
import { Capacity } from './capacity.ts';
import { MicroBatch } from './micro-batch.ts';
import { RecentPeak } from './recent-peak.ts';
import { prepareProof, proveCard, type PreparedProof, type Prover } from './prove-card.ts';
import {
  resultOf,
  TapGroup,
  waitingTap,
  type BacklogOrder,
  type TapOrder,
  type TapResult,
  type TapUnderWay,
  type WaitingTap,
} from './tap-group.ts';
import { distinctIdentities, rowsOf } from './tap-rows.ts';

export type { TapResult } from './tap-group.ts';

export type TapIntakeParts = Prover & {
  readonly database: Database;
  readonly dataKeys: DataKeys;
  /** monotonic, ms: for budgets, never for what a tap is judged by */
  readonly monotonicMs: () => number;
  readonly onFault: (fault: unknown) => void;
};

/** Taps inside at once, live ones and all: two seconds of the fastest machine, a few megabytes. Beyond, the gateway says so instead of queueing. */
const INSIDE_MAX = 8_192;

/**
 * Of those, taps of a backlog, and what is over of the group that fills it up. More would only wait, and what waits is copied by every
 * collection.
 */
const BACKLOG_INSIDE_MAX = 384;

/** So many taps that wait for a signature thread have nothing to gain from hurry before or behind it. */
const SIGNATURES_WAIT_ABOVE = 32;

/** Of a budget: a tap whose signatures no thread has taken by then is given up, for its answer would mostly be late. */
const PROVEN_BY_SHARE = 0.47;

/** A tap that loses every race for so long is not racing, something is broken. */
const ROUNDS_MAX = 20;

/**
 * How long a few taps wait for company: hardly at all where nobody else comes; a few milliseconds where some come all the time, for each round
 * trip costs as much as two taps; and longer where signatures are what everything waits for, when each that is saved is time for
 * signatures, and nobody's answer comes later by it.
 */
const GATHER_ALONE_MS = 1;
const GATHER_MS = 6;
const GATHER_FOR_SIGNATURES_MS = 20;
/** The same where nobody waits at a gate: a commit of sixty taps costs a tap a third of one of twenty. */
const GATHER_BACKLOG_MS = 60;
/** More than so many inside lately, and taps come all the time. */
const COMPANY_ABOVE = 8;
const LANES: readonly Lane[] = ['first', 'after'];
/** A backlog stands behind live taps, and its answer is as good late as soon. */
const BACKLOG = { budgetMs: null, lane: 'after' } as const;
/**
 * A run of some ninety: its longest column, the records, is a text of less than 128 kB, and so not one of V8's large objects, which the first collection that finds
 * them alive moves to the old generation.
 */
const BATCH = { sizeMax: 90, sizeEnough: 64, inFlightMax: 2 };

/**
 * The way of taps through the gateway, live and bulk alike: read and authenticate at once; gather; one query of facts for
 * all; SM2 on the worker threads; decide; gather; one transaction for all; answer. Nothing is answered before it is durable.
 */
export class TapIntake {
  readonly #parts: TapIntakeParts;
  readonly #batching = {
    ...BATCH,
    gatherMs: () => this.#gatherMs(),
  };
  readonly #toJudge = new MicroBatch<TapUnderWay>(this.#batching, (taps) => this.#readFacts(taps));
  readonly #toCommit = new MicroBatch<TapUnderWay>(this.#batching, (taps) => this.#commit(taps));
  readonly #capacity = new Capacity();
  /** groups of a backlog that wait for room, the oldest first */
  readonly #backlog: (() => void)[] = [];
  #isAdmitting = false;
  readonly #lately = new RecentPeak();
  #inside = 0;
  #liveInside = 0;

  constructor(parts: TapIntakeParts) {
    this.#parts = parts;
  }

  /** Taps that were taken in and not answered yet. */
  get inside(): number {
    return this.#inside;
  }

  /** The most of them at any moment lately: answers go out in batches, after which the busiest gateway is empty for a moment. */
  get insideLately(): number {
    return this.#lately.peak(this.#parts.monotonicMs());
  }

  /**
   * True when a tap that came now could not be answered within the budget: asked before its body is even read, so that
   * refusing costs next to nothing under overload. A backlog is not before a live tap, so it does not count against one.
   */
  isOverloadedFor(budgetMs: number | null, lane: Lane = 'first'): boolean {
    const ahead = this.#aheadOf(lane);
    return ahead >= INSIDE_MAX || !this.#capacity.canAnswer(ahead, budgetMs);
  }

  /** @returns the answer once it is durable, or a refusal; never rejects for anything that a peer sent */
  async accept(order: TapOrder): Promise<TapResult> {
    const [result] = await new Promise<TapResult[]>((resolve) => {
      this.#admit([order], resolve);
    });
    if (result === undefined) throw new RangeError('one order has one result');
    return result;
  }

  /**
   * Taps of a backlog that arrived together. They wait outside while enough of backlogs is inside, in the order in which they came.
   *
   * @param read gives them once they may come in, so that what waits outside need not be decoded
   * @returns a result for each, in order, once all of them are there; rejects with what `read` throws, and for nothing else
   */
  acceptBacklog(read: () => readonly BacklogOrder[]): Promise<TapResult[]> {
    return new Promise((resolve, reject) => {
      const admit = (): void => {
        try {
          const orders = read().map(({ bytes, sender, nowMs }): TapOrder => ({
            bytes,
            sender,
            nowMs,
            ...BACKLOG,
          }));
          if (orders.length === 0) resolve([]);
          else this.#admit(orders, resolve);
        } catch (fault) {
          reject(fault instanceof Error ? fault : new Error('a backlog could not be read'));
        }
      };
      if (this.#hasRoom()) admit();
      else this.#backlog.push(admit);
    });
  }

  #hasRoom(): boolean {
    return this.#inside - this.#liveInside < BACKLOG_INSIDE_MAX;
  }

  #admit(orders: readonly TapOrder[], resolve: (results: TapResult[]) => void): void {
    const group = new TapGroup(orders.length, resolve);
    const arrivedMs = this.#parts.monotonicMs();
    const taps: TapUnderWay[] = [];
    orders.forEach((order, index) => {
      const read = this.#read(order);
      if (!read.ok) {
        group.settle(index, read);
        return;
      }
      const ahead = this.#aheadOf(order.lane);
      this.#count(order, 1);
      this.#lately.note(this.#inside, arrivedMs);
      const { tap, prepared } = read;
      taps.push({
        tap,
        prepared,
        order,
        arrivedMs,
        ahead,
        group,
        index,
        facts: null,
        proof: null,
        certificateSm3: null,
        judgement: null,
        rounds: 0,
      });
    });
    this.#pushOn(this.#toJudge, taps);
  }

  /** Taps that go before one that comes now. */
  #aheadOf(lane: Lane): number {
    return lane === 'first' ? this.#liveInside : this.#inside;
  }

  #count({ lane }: TapOrder, taps: 1 | -1): void {
    this.#inside += taps;
    if (lane === 'first') this.#liveInside += taps;
  }

  /** A tap of a backlog that live ones have overtaken says nothing of how many a second are carried. */
  #tells({ lane }: TapOrder): boolean {
    return lane === 'first' || this.#liveInside === 0;
  }

  /** Everything that can be said of a record by itself. */
  #read(order: TapOrder): ReadTap {
    const { sender, bytes, budgetMs, lane } = order;
    if (this.isOverloadedFor(budgetMs, lane))
      return { ok: false, refusal: refuse('overloaded'), terminalId: sender };
    try {
      const authentic = authenticateRecord(bytes, sender, this.#parts.authority);
      if (!authentic.ok) return authentic;
      return { ok: true, tap: waitingTap(authentic.tap), prepared: prepareProof(this.#parts, authentic.tap) };
    } catch (fault) {
      this.#parts.onFault(fault);
      return { ok: false, refusal: refuse('gateway_unavailable'), terminalId: sender };
    }
  }

  async #readFacts(taps: TapUnderWay[]): Promise<void> {
    const inTime: TapUnderWay[] = [];
    const nowMs = this.#parts.monotonicMs();
    for (const underWay of taps) {
      if (isLate(underWay, nowMs)) this.#refuse([underWay], refuse('overloaded'));
      else inTime.push(underWay);
    }
    if (inTime.length === 0) return;
    try {
      const facts = await readTapFacts(this.#parts.database, inTime.map(keysOf));
      this.#judge(inTime, facts);
    } catch (fault) {
      this.#failAll(inTime, fault);
    }
  }

  /** Decides what needs no signature and sends it on together; the others follow one by one as their threads answer. */
  #judge(taps: readonly TapUnderWay[], facts: readonly TapFacts[]): void {
    const judged: TapUnderWay[] = [];
    taps.forEach((underWay, index) => {
      try {
        if (this.#judgeOne(underWay, facts[index])) judged.push(underWay);
      } catch (fault) {
        this.#failAll([underWay], fault);
      }
    });
    for (const [lane, ofLane] of byLane(judged)) this.#toCommit.pushGathered(ofLane, lane);
  }

  /** @returns true when there is something to make durable at once */
  #judgeOne(underWay: TapUnderWay, facts: TapFacts | undefined): boolean {
    if (facts === undefined) throw new RangeError('facts are read before a tap is judged');
    underWay.facts = facts;
    if (judgeDelivery(underWay.tap, facts, underWay.order.nowMs) !== null)
      return this.#conclude(underWay, facts, NO_PROOF_NEEDED);
    const proof =
      underWay.proof ?? proveCard(this.#parts, underWay, facts, () => this.#hasTimeToProve(underWay));
    if (!(proof instanceof Promise)) return this.#conclude(underWay, facts, proof);
    this.#judgeLater(underWay, facts, proof);
    return false;
  }

  /** Behind the proof there is still a commit to wait for. */
  #hasTimeToProve({ order, arrivedMs }: TapUnderWay): boolean {
    const { budgetMs } = order;
    return budgetMs === null || this.#parts.monotonicMs() - arrivedMs <= budgetMs * PROVEN_BY_SHARE;
  }

  #judgeLater(underWay: TapUnderWay, facts: TapFacts, proving: Promise<CardProof | null>): void {
    proving.then(
      (proof) => {
        if (proof === null) this.#refuse([underWay], refuse('overloaded'));
        else if (this.#conclude(underWay, facts, proof)) this.#pushOn(this.#toCommit, [underWay]);
      },
      (fault: unknown) => {
        this.#failAll([underWay], fault);
      },
    );
  }

  /** @returns true when there is something to make durable */
  #conclude(underWay: TapUnderWay, facts: TapFacts, proof: CardProof): boolean {
    if (proof !== NO_PROOF_NEEDED) underWay.proof = proof;
    const judgement = judgeTap(underWay.tap, facts, proof, underWay.order.nowMs);
    if (judgement.kind === 'refused') {
      this.#refuse([underWay], judgement.refusal);
      return false;
    }
    underWay.judgement = judgement;
    return true;
  }

  async #commit(taps: TapUnderWay[]): Promise<void> {
    const { batch, again } = distinctIdentities(taps);
    try {
      const { rows, repeats } = await rowsOf(batch, this.#parts.dataKeys);
      await acceptTaps(this.#parts.database, rows, repeats);
      const nowMs = this.#parts.monotonicMs();
      for (const { order, ahead, arrivedMs } of batch)
        if (this.#tells(order)) this.#capacity.answered(ahead, nowMs - arrivedMs);
      this.#settle(batch, resultOf);
    } catch (fault) {
      // Somebody else was first with one of the identities. What was written is nothing; the facts are different now.
      if (fault instanceof StoreFault && fault.code === 'conflict') again.push(...batch);
      else this.#failAll(batch, fault);
    }
    if (again.length > 0) this.#anotherRound(again);
  }

  #anotherRound(taps: readonly TapUnderWay[]): void {
    for (const underWay of taps) underWay.rounds += 1;
    this.#refuse(
      taps.filter(({ rounds }) => rounds > ROUNDS_MAX),
      refuse('gateway_unavailable'),
    );
    this.#pushOn(
      this.#toJudge,
      taps.filter(({ rounds }) => rounds <= ROUNDS_MAX),
    );
  }

  #gatherMs(): number {
    if (this.#parts.sm2Workers.waiting > SIGNATURES_WAIT_ABOVE)
      return this.#liveInside === 0 ? GATHER_BACKLOG_MS : GATHER_FOR_SIGNATURES_MS;
    return this.insideLately > COMPANY_ABOVE ? GATHER_MS : GATHER_ALONE_MS;
  }

  /** Each in the lane of its order: live taps go before a backlog in every stage. */
  #pushOn(stage: MicroBatch<TapUnderWay>, taps: readonly TapUnderWay[]): void {
    for (const [lane, ofLane] of byLane(taps)) stage.push(ofLane, lane);
  }

  /** The database is gone, or something is broken: either way the terminal keeps its record and sends it again. */
  #failAll(taps: readonly TapUnderWay[], fault: unknown): void {
    this.#parts.onFault(fault);
    this.#refuse(taps, refuse('gateway_unavailable'));
  }

  #refuse(taps: readonly TapUnderWay[], refusal: Refusal): void {
    this.#settle(taps, ({ tap }) => ({ ok: false, refusal, terminalId: tap.record.terminalId }));
  }

  #settle(taps: readonly TapUnderWay[], resultFor: (underWay: TapUnderWay) => TapResult): void {
    if (taps.length === 0) return;
    for (const { order } of taps) this.#count(order, -1);
    for (const underWay of taps) underWay.group.settle(underWay.index, resultFor(underWay));
    this.#admitBacklog();
  }

  /** One group at a turn of the loop, for reading a hundred records takes ten milliseconds. */
  #admitBacklog(): void {
    if (this.#isAdmitting || this.#backlog.length === 0 || !this.#hasRoom()) return;
    this.#isAdmitting = true;
    setImmediate(() => {
      this.#isAdmitting = false;
      this.#backlog.shift()?.();
      this.#admitBacklog();
    });
  }
}

type ReadTap =
  | { readonly ok: true; readonly tap: WaitingTap; readonly prepared: PreparedProof | null }
  | { readonly ok: false; readonly refusal: Refusal; readonly terminalId: TerminalId | null };

/** Live ones first, and no lane in which there are none. */
function byLane(taps: readonly TapUnderWay[]): (readonly [Lane, readonly TapUnderWay[]])[] {
  return LANES.map((lane) => [lane, taps.filter(({ order }) => order.lane === lane)] as const).filter(
    ([, ofLane]) => ofLane.length > 0,
  );
}

/** Work that nobody waits for any more is not begun: a tap is only given up before its proof, never after. */
function isLate({ order, arrivedMs }: TapUnderWay, nowMs: number): boolean {
  return order.budgetMs !== null && nowMs - arrivedMs > order.budgetMs;
}

function keysOf({ tap }: TapUnderWay): Parameters<typeof readTapFacts>[1][number] {
  const { panToken, psn, atc } = tap.card;
  const { terminalId, tapSequence, tappedAtMs } = tap.record;
  return { terminalId, tapSequence, tappedAtMs, panToken, psn, atc };
}
