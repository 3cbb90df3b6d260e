import { setImmediate, setTimeout } from 'node:timers/promises';

/** How long settling keeps the thread at a time: a tap that has just come waits no longer than this for its turn. */
const SLICE_MS = 3;

/** While taps wait for their answers settling takes one slice in four, so that it falls behind but never stands still. */
const REST_PER_SLICE = 3;

/** Taps of one settling transaction: enough to share its commit, few enough to be done in a fraction of a second. */
const BATCH_ALONE = 1_000;

/** Beside a gate: what goes to the database and comes from it in one piece keeps the thread for a few milliseconds only. */
const BATCH_BESIDE_TAPS = 256;

/**
 * How settling shares its thread and its database with the taps that wait for an answer: they come first, for somebody stands
 * before the gate, while nobody waits for a posting.
 */
export class SettlingPace {
  readonly #isBusy: () => boolean;
  /** taps to take into one transaction */
  readonly batch: number;
  #sliceStartedMs = performance.now();

  /** @param isBusy taps wait for an answer in this process; left out where settling has the process to itself */
  constructor(isBusy?: () => boolean) {
    this.#isBusy = isBusy ?? (() => false);
    this.batch = isBusy === undefined ? BATCH_ALONE : BATCH_BESIDE_TAPS;
  }

  /** Asked before each piece of work: the slice is used up. */
  isTurnOver(): boolean {
    return performance.now() - this.#sliceStartedMs >= SLICE_MS;
  }

  /** Lets others have the thread, and begins the next slice. */
  async takeTurn(): Promise<void> {
    const usedMs = performance.now() - this.#sliceStartedMs;
    if (this.#isBusy()) await setTimeout(Math.min(usedMs, SLICE_MS) * REST_PER_SLICE);
    else await setImmediate();
    this.#sliceStartedMs = performance.now();
  }
}
