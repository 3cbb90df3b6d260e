import type { TapJournal } from '../journal/tap-journal.ts';
import { forwardTaps, type ForwardReport } from './forward-taps.ts';
import type { TapUplink } from './tap-uplink.ts';

export type ForwardingLoopParts = {
  readonly journal: TapJournal;
  /** while in touch */
  readonly live: TapUplink;
  /** for what an outage has left behind */
  readonly bulk: TapUplink;
  readonly onReport: (report: ForwardReport) => void;
  /** something of ours is broken; the loop goes on, because what waits in the journal must not wait for ever */
  readonly onFault: (error: unknown) => void;
  readonly random?: () => number;
};

/** From so many waiting records on they go in bulk: a queue of riders is no outage. */
const BACKLOG_MIN = 16;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Forwards whatever the journal holds, whenever there is something: live while the gateway answers, in bulk after an outage, oldest
 * first. When it does not answer, the pauses grow to half a minute, each by chance between half and all of it, so that the gates of a
 * city do not come back in one moment.
 */
export class ForwardingLoop {
  readonly #parts: ForwardingLoopParts;
  #pauseMs = 0;
  #isStopping = false;
  #isAwake = false;
  #wake: (() => void) | null = null;
  readonly #running: Promise<void>;

  constructor(parts: ForwardingLoopParts) {
    this.#parts = parts;
    this.#running = this.#run();
  }

  /** There is a new record. A pause after a failure is waited for all the same. */
  notice(): void {
    this.#isAwake = true;
    if (this.#pauseMs === 0) this.#wake?.();
  }

  /** Returns when no request is under way. What was not acknowledged stays in the journal. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      this.#isAwake = false;
      this.#pauseMs = (await this.#forward()) ? 0 : this.#nextPause();
      await this.#sleep();
    }
  }

  /** @returns whether the journal was emptied */
  async #forward(): Promise<boolean> {
    const { journal, live, bulk, onReport, onFault } = this.#parts;
    if (journal.unacknowledgedCount() === 0) return true;
    try {
      const report = await forwardTaps(journal, (waiting) => (waiting >= BACKLOG_MIN ? bulk : live));
      onReport(report);
      return report.stoppedBy === null;
    } catch (error) {
      onFault(error);
      return false;
    }
  }

  #nextPause(): number {
    const longest = Math.min(Math.max(2 * this.#pauseMs, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    return longest * (0.5 + (this.#parts.random ?? Math.random)() / 2);
  }

  #sleep(): Promise<void> {
    if (this.#isStopping || (this.#pauseMs === 0 && this.#isAwake)) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#pauseMs === 0 ? null : setTimeout(() => this.#wake?.(), this.#pauseMs);
      this.#wake = () => {
        if (timer !== null) clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}
