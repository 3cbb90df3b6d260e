import type { RefusalCode } from '@tapgate/sdk/wire/refusals';
import type { RefusalCount } from '../store/refusal-counts.ts';

/**
 * Refusals counted in memory and written together: a peer that sends rubbish as fast as it can costs one upsert a second, not
 * one a request. At most KEYS_MAX different counts wait; what comes beyond is counted without its terminal.
 */
export class RefusalTally {
  readonly #write: (counts: readonly RefusalCount[]) => Promise<void>;
  #waiting = new Map<string, Counted>();
  #writing: Promise<void> = Promise.resolve();
  /** the day of UTC that was counted for last */
  #day = { number: Number.NaN, calendarDate: '' };

  constructor(write: (counts: readonly RefusalCount[]) => Promise<void>) {
    this.#write = write;
  }

  count(code: RefusalCode, terminalId: string, nowMs: number): void {
    const known = this.#waiting.size < KEYS_MAX ? terminalId : '';
    this.#add({ calendarDate: this.#dateOf(nowMs), code, terminalId: known, count: 1 });
  }

  /** Made once a day: under overload two of three requests are counted here. */
  #dateOf(nowMs: number): string {
    const day = Math.floor(nowMs / DAY_MS);
    if (day !== this.#day.number)
      this.#day = { number: day, calendarDate: new Date(nowMs).toISOString().slice(0, 10) };
    return this.#day.calendarDate;
  }

  /** Writes what waits. What cannot be written waits on: a refusal is counted late rather than never. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const counts = [...this.#waiting.values()];
      if (counts.length === 0) return;
      this.#waiting = new Map();
      try {
        await this.#write(counts);
      } catch {
        for (const count of counts) this.#add(count);
      }
    });
    return this.#writing;
  }

  #add(more: RefusalCount): void {
    const key = `${more.calendarDate}|${more.code}|${more.terminalId}`;
    const before = this.#waiting.get(key);
    if (before === undefined) this.#waiting.set(key, { ...more });
    else before.count += more.count;
  }
}

type Counted = Omit<RefusalCount, 'count'> & { count: number };

const DAY_MS = 86_400_000;
const KEYS_MAX = 10_000;
