import { TwoLanes, type Lane } from '../ingest/two-lanes.ts';

export type MicroBatchSettings = {
  /** items of one run at most */
  readonly sizeMax: number;
  /** so many items are worth a run of their own, at once and even beside another */
  readonly sizeEnough: number;
  /** how long the oldest of fewer items waits for company, ms, the time that it waits for another run included; asked anew each time */
  readonly gatherMs: () => number;
  /** runs at the same time at most */
  readonly inFlightMax: number;
};

/**
 * Gathers items for a moment and runs them together. Fewer than are worth a run wait a little for company, or as long as
 * another run is under way, whichever is longer: so batches grow with load, and an idle gateway answers at once. Who is in the first lane is in the next run,
 * however long a backlog waits. The queue itself has no bound;
 * whoever puts items in bounds how many are inside (tap-intake.ts).
 */
export class MicroBatch<Item> {
  readonly #settings: MicroBatchSettings;
  readonly #run: (items: Item[]) => Promise<void>;
  readonly #waiting = new TwoLanes<Item>();
  #inFlight = 0;
  #timer: NodeJS.Timeout | null = null;
  /** one of those that wait has been gathered before */
  #hasGathered = false;
  /** when the oldest of those that wait came, or those that it came with were taken; ms */
  #waitingSinceMs = 0;

  /** @param run must settle every item itself and never reject */
  constructor(settings: MicroBatchSettings, run: (items: Item[]) => Promise<void>) {
    this.#settings = settings;
    this.#run = run;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  push(items: readonly Item[], lane: Lane = 'first'): void {
    this.#put(items, lane);
    this.#consider(false);
  }

  /** For items that have been gathered before, and wait for a run that is under way and for nobody else. */
  pushGathered(items: readonly Item[], lane: Lane = 'first'): void {
    this.#put(items, lane);
    this.#hasGathered = true;
    this.#consider(false);
    if (this.#inFlight === 0) this.#start();
  }

  #put(items: readonly Item[], lane: Lane): void {
    if (this.#waiting.size === 0) this.#waitingSinceMs = performance.now();
    for (const item of items) this.#waiting.push(item, lane);
  }

  /** @param isRunOver a run has just ended; otherwise whoever comes in the same turn of the loop is still waited for */
  #consider(isRunOver: boolean): void {
    const { sizeEnough, gatherMs, inFlightMax } = this.#settings;
    while (this.#waiting.size >= sizeEnough && this.#inFlight < inFlightMax) this.#start();
    if (this.#waiting.size >= sizeEnough) return;
    if (this.#waiting.size === 0 || this.#inFlight > 0 || this.#timer !== null) return;
    const leftMs = gatherMs() - (performance.now() - this.#waitingSinceMs);
    if (isRunOver && (leftMs <= 0 || this.#hasGathered)) this.#start();
    else
      this.#timer = setTimeout(
        () => {
          this.#start();
        },
        Math.max(leftMs, 0),
      );
  }

  #start(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting.size === 0 || this.#inFlight >= this.#settings.inFlightMax) return;
    const items: Item[] = [];
    while (items.length < this.#settings.sizeMax) {
      const item = this.#waiting.take();
      if (item === undefined) break;
      items.push(item);
    }
    if (this.#waiting.size === 0) this.#hasGathered = false;
    this.#waitingSinceMs = performance.now();
    this.#inFlight += 1;
    void this.#run(items).finally(() => {
      this.#inFlight -= 1;
      this.#consider(true);
    });
  }
}
