import { setImmediate, setTimeout } from 'node:timers/promises';

/** How long settling keeps the thread at a time: a tap that has just come waits no longer than this for its turn. */
const SLICE_MS = 3;

/** More taps than this that wait at once are a rush, and not those that are on their way through anyway. */
const RUSH_ABOVE = 32;

/** Beside a few taps settling takes one slice in three, so that an answer does not wait for it twice. */
const REST_BESIDE_FEW = 2;

/** In a rush it takes one slice in 32: the queue is durable, and whoever waits at a gate is not. */
const REST_IN_RUSH = 31;

/** A rush that goes on is no rush: settling takes one slice in three then, so that it falls behind but never stands still. */
const REST_WHEN_BEHIND = 2;
const BEHIND_AFTER_MS = 30_000;

/** About what settling a tap costs, here and in the database together, ms of a core (bench:micro -- settle): what a rest is told by. */
const COST_PER_TAP_MS = 0.2;

/** A rest is looked at again so often at least: the rush may be over. */
const LOOK_AGAIN_MS = 50;

/** Taps of one settling transaction: enough to share its commit, few enough to be done in a fraction of a second. */
const BATCH_ALONE = 1_000;

/**
 * In a rush: what goes to the database and comes from it in one piece keeps the thread for a few milliseconds only, and the whole is
 * over before a second collection finds it alive and moves it to where collecting is dear.
 */
const BATCH_IN_RUSH = 64;

/**
 * Beside a few taps: five milliseconds in one piece, with a collection before or behind them, are what the slowest answers waited for. So small ones
 * share a commit among fewer, which settling that has fallen behind cannot afford.
 */
const BATCH_BESIDE_FEW = 20;

/** In a gateway where nobody waits at the moment. */
const BATCH_WHEN_QUIET = 512;

/**
 * How settling shares its thread and its database with the taps that wait for an answer: they come first, for somebody stands
 * before the gate, while nobody waits for a posting. In a rush without end it falls behind without end, by the share that BEHIND_AFTER_MS leaves it.
 */
export class SettlingPace {
  readonly #waiting: () => number;
  readonly #isAlone: boolean;
  readonly #monotonicMs: () => number;
  #sliceStartedMs: number;
  #caughtUpMs: number;
  #isCaughtUp = false;

  /**
   * @param waiting taps of this process that wait for an answer; left out where settling has the process to itself
   * @param monotonicMs the clock of turns, ms
   */
  constructor(waiting?: () => number, monotonicMs: () => number = () => performance.now()) {
    this.#waiting = waiting ?? (() => 0);
    this.#isAlone = waiting === undefined;
    this.#monotonicMs = monotonicMs;
    this.#sliceStartedMs = monotonicMs();
    this.#caughtUpMs = monotonicMs();
  }

  /** Taps to take into one transaction, as things stand. */
  get batch(): number {
    if (this.#isAlone) return BATCH_ALONE;
    const waiting = this.#waiting();
    if (waiting === 0) return BATCH_WHEN_QUIET;
    return waiting <= RUSH_ABOVE && !this.#isBehind ? BATCH_BESIDE_FEW : BATCH_IN_RUSH;
  }

  /** Asked before each piece of work: the slice is used up. */
  isTurnOver(): boolean {
    return this.#monotonicMs() - this.#sliceStartedMs >= SLICE_MS;
  }

  /** A transaction found so many taps where it asked for `batch`: fewer, and the queue is empty behind it. */
  took(taps: number, batch: number): void {
    this.#isCaughtUp = taps < batch;
    if (this.#isCaughtUp) this.#caughtUpMs = this.#monotonicMs();
  }

  /** Nothing was left behind the last transaction: what has come since may gather, so that more taps share the next. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  /** Slices that others have for each one of settling, as things stand. */
  get restPerSlice(): number {
    const waiting = this.#waiting();
    if (waiting === 0) return 0;
    if (waiting <= RUSH_ABOVE) return REST_BESIDE_FEW;
    return this.#isBehind ? REST_WHEN_BEHIND : REST_IN_RUSH;
  }

  get #isBehind(): boolean {
    return this.#monotonicMs() - this.#caughtUpMs >= BEHIND_AFTER_MS;
  }

  /** Lets whoever is ready have the thread in the middle of a transaction, which is not to last longer than it must. */
  async stepAside(): Promise<void> {
    await setImmediate();
    this.#sliceStartedMs = this.#monotonicMs();
  }

  /** Rests after a transaction for so many taps; no longer than taps wait. */
  async restAfter(taps: number): Promise<void> {
    const endedMs = this.#monotonicMs();
    const leftMs = (): number => taps * COST_PER_TAP_MS * this.restPerSlice - (this.#monotonicMs() - endedMs);
    for (let left = leftMs(); left > 0; left = leftMs()) await setTimeout(Math.min(left, LOOK_AGAIN_MS));
  }

  /** Lets others have the thread, and begins the next slice. */
  async takeTurn(): Promise<void> {
    const usedMs = Math.min(this.#monotonicMs() - this.#sliceStartedMs, SLICE_MS);
    const rest = this.restPerSlice;
    if (rest > 0) await setTimeout(usedMs * rest);
    else await setImmediate();
    this.#sliceStartedMs = this.#monotonicMs();
  }
}
