/** Answers of this long ago tell nothing of now, ms. */
const WINDOW_MS = 1_000;
const SLOTS = 10;
const SLOT_MS = WINDOW_MS / SLOTS;

/**
 * How fast taps are answered, measured over the last second: what an early refusal rests on. A gateway that is idle has no
 * measurement and refuses nobody.
 */
export class ServiceRate {
  readonly #answers = new Float64Array(SLOTS);
  #slot = 0;

  record(atMs: number): void {
    this.#advance(atMs);
    const index = this.#slot % SLOTS;
    this.#answers[index] = (this.#answers[index] ?? 0) + 1;
  }

  /** How long the last of so many taps inside will wait for its answer, ms. 0 while nothing was measured. */
  expectedWaitMs(inside: number, atMs: number): number {
    this.#advance(atMs);
    let answered = 0;
    for (const count of this.#answers) answered += count;
    return answered === 0 ? 0 : (inside * WINDOW_MS) / answered;
  }

  #advance(atMs: number): void {
    const now = Math.floor(atMs / SLOT_MS);
    for (let slot = Math.max(this.#slot + 1, now - SLOTS + 1); slot <= now; slot++)
      this.#answers[slot % SLOTS] = 0;
    this.#slot = Math.max(this.#slot, now);
  }
}
