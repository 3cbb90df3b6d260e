export type MicroBatchSettings = {
  /** items of one run at most */
  readonly sizeMax: number;
  /** how long the first item waits for company when nothing else is under way, ms */
  readonly gatherMs: number;
  /** runs at the same time at most */
  readonly inFlightMax: number;
};

/**
 * Gathers items for a moment and runs them together. While as many runs are under way as may be, items wait and the next run
 * takes all of them up to its size: so batches grow with load and an idle gateway answers at once. The queue itself has no
 * bound; whoever puts items in bounds how many are inside (tap-intake.ts).
 */
export class MicroBatch<Item> {
  readonly #settings: MicroBatchSettings;
  readonly #run: (items: Item[]) => Promise<void>;
  #waiting: Item[] = [];
  #inFlight = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param run must settle every item itself and never reject */
  constructor(settings: MicroBatchSettings, run: (items: Item[]) => Promise<void>) {
    this.#settings = settings;
    this.#run = run;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  push(item: Item): void {
    this.#waiting.push(item);
    if (this.#inFlight >= this.#settings.inFlightMax) return;
    if (this.#waiting.length >= this.#settings.sizeMax) this.#start();
    else
      this.#timer ??= setTimeout(() => {
        this.#start();
      }, this.#settings.gatherMs);
  }

  #start(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting.length === 0 || this.#inFlight >= this.#settings.inFlightMax) return;
    const items = this.#waiting.splice(0, this.#settings.sizeMax);
    this.#inFlight += 1;
    void this.#run(items).finally(() => {
      this.#inFlight -= 1;
      this.#start();
    });
  }
}
