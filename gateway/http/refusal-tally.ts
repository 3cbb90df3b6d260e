import type { RefusalCode } from '@tapgate/sdk/wire/refusals';
import type { RefusalCount } from '../store/refusal-counts.ts';

/**
 * Refusals counted in memory and written together: a peer that sends rubbish as fast as it can costs one upsert a second, not
 * one a request. At most KEYS_MAX different counts wait; what comes beyond is counted without its terminal.
 */
export class RefusalTally {
  readonly #write: (counts: readonly RefusalCount[]) => Promise<void>;
  #waiting = new Map<string, RefusalCount>();
  #writing: Promise<void> = Promise.resolve();

  constructor(write: (counts: readonly RefusalCount[]) => Promise<void>) {
    this.#write = write;
  }

  count(code: RefusalCode, terminalId: string, nowMs: number): void {
    const known = this.#waiting.size < KEYS_MAX ? terminalId : '';
    const calendarDate = new Date(nowMs).toISOString().slice(0, 10);
    this.#add({ calendarDate, code, terminalId: known, count: 1 });
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
    const count = (this.#waiting.get(key)?.count ?? 0) + more.count;
    this.#waiting.set(key, { ...more, count });
  }
}

const KEYS_MAX = 10_000;
