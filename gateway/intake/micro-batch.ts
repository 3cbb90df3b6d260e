export type MicroBatchSettings = {
  /** items of one run at most */
  readonly sizeMax: number;
  /** so many items are worth a run of their own, at once and even beside another */
  readonly sizeEnough: number;
  /** how long fewer items wait for company, ms; asked anew each time */
  readonly gatherMs: () => number;
  /** runs at the same time at most */
  readonly inFlightMax: number;
};

/**
 * Gathers items for a moment and runs them together. Fewer than are worth a run wait a little for company, and as long as
 * another run is under way: so batches grow with load, and an idle gateway answers at once. The queue itself has no bound;
 * whoever puts items in bounds how many are inside (tap-intake.ts).
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

  push(items: readonly Item[]): void {
    for (const item of items) this.#waiting.push(item);
    this.#consider();
  }

  #consider(): void {
    const { sizeEnough, gatherMs, inFlightMax } = this.#settings;
    while (this.#waiting.length >= sizeEnough && this.#inFlight < inFlightMax) this.#start();
    if (this.#waiting.length >= sizeEnough) return;
    if (this.#waiting.length > 0 && this.#inFlight === 0)
      this.#timer ??= setTimeout(() => {
        this.#start();
      }, gatherMs());
  }

  #start(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting.length === 0 || this.#inFlight >= this.#settings.inFlightMax) return;
    const items = this.#waiting.splice(0, this.#settings.sizeMax);
    this.#inFlight += 1;
    void this.#run(items).finally(() => {
      this.#inFlight -= 1;
      this.#consider();
    });
  }
}
