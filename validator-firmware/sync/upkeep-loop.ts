import { TapGateError } from '@tapgate/sdk/error';
import type { SyncReport } from './sync-lists.ts';

export type UpkeepRound = {
  readonly synced: SyncReport;
  /** why the gateway did not take the report; null when it did */
  readonly reportStoppedBy: string | null;
};

export type UpkeepLoopParts = {
  readonly sync: () => Promise<SyncReport>;
  /** @throws TapGateError */
  readonly report: () => Promise<void>;
  readonly onRound: (round: UpkeepRound) => void;
  /** something of ours is broken; the next round tries again */
  readonly onFault: (error: unknown) => void;
  /** from one round to the next while the gateway answers, ms; each by chance a quarter more or less */
  readonly everyMs?: number;
  readonly random?: () => number;
};

const EVERY_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;

/**
 * Keeps a gate good for years: asks for its lists and says how it is, again and again. While nobody answers the pauses grow from a second to
 * the ordinary one, by chance between half and all of it.
 */
export class UpkeepLoop {
  readonly #parts: UpkeepLoopParts;
  readonly #everyMs: number;
  #failures = 0;
  #isStopping = false;
  #wake: (() => void) | null = null;
  readonly #running: Promise<void>;

  constructor(parts: UpkeepLoopParts) {
    this.#parts = parts;
    this.#everyMs = parts.everyMs ?? EVERY_MS;
    this.#running = this.#run();
  }

  /** There is reason to ask the gateway now. */
  hurry(): void {
    this.#wake?.();
  }

  /** Returns when no round is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      this.#failures = (await this.#round()) ? 0 : this.#failures + 1;
      await this.#pause();
    }
  }

  /** @returns whether the gateway was in touch */
  async #round(): Promise<boolean> {
    const { sync, onRound, onFault } = this.#parts;
    try {
      const synced = await sync();
      // Who could not ask for lists cannot report either.
      const reportStoppedBy = synced.stoppedBy ?? (await this.#report());
      onRound({ synced, reportStoppedBy });
      return reportStoppedBy === null;
    } catch (error) {
      onFault(error);
      return false;
    }
  }

  async #report(): Promise<string | null> {
    try {
      await this.#parts.report();
      return null;
    } catch (error) {
      if (error instanceof TapGateError) return error.code;
      throw error;
    }
  }

  #pause(): Promise<void> {
    if (this.#isStopping) return Promise.resolve();
    const chance = (this.#parts.random ?? Math.random)();
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#failures - 1, 20), this.#everyMs);
    const pauseMs = this.#failures === 0 ? this.#everyMs * (0.75 + chance / 2) : longest * (0.5 + chance / 2);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(end, pauseMs);
      this.#wake = end;
    });
  }
}
