/** Answers are counted in slots of this length, ms. */
const SLOT_MS = 100;

/** A slot counts when at least so many taps were inside from its beginning to its end: then the gateway had all it could do. */
const SATURATED_FROM = 16;

/** The newest slot's share in the estimate: it follows a change within half a second and forgives one bad slot. */
const NEWEST_SHARE = 0.25;

/** Refusing while there is room means that the estimate is too low: it grows by this factor a slot until there is none. */
const RECOVERY = 1.25;

/** Taps that may come at once before anything was measured: what the slowest machine answers within a usual budget. */
const BURST = 64;

/** An estimate is never exact, and a request has waited a little before it is looked at: so much of a budget is planned with. */
const PLANNED_SHARE = 0.5;

/**
 * How many taps a second this process carries, measured where it shows: while taps are always waiting. A quiet hour tells nothing
 * of it, so what was measured last stands until the next busy moment. Only taps that were decided count; a refusal costs next
 * to nothing and would make an overloaded gateway look fast.
 */
export class Capacity {
  #perS: number | null = null;
  #slotStartedMs = 0;
  #decided = 0;
  #fewestInside = 0;
  #refused = false;

  /** Before a tap is let in and after it was answered. */
  observe(inside: number, atMs: number): void {
    this.#fewestInside = Math.min(this.#fewestInside, inside);
    const elapsedMs = atMs - this.#slotStartedMs;
    if (elapsedMs < SLOT_MS) return;
    if (this.#fewestInside >= SATURATED_FROM) {
      const perS = (this.#decided * 1_000) / elapsedMs;
      this.#perS = this.#perS === null ? perS : this.#perS + (perS - this.#perS) * NEWEST_SHARE;
    } else if (this.#refused && this.#perS !== null) this.#perS *= RECOVERY;
    this.#refused = false;
    this.#slotStartedMs = atMs;
    this.#decided = 0;
    this.#fewestInside = inside;
  }

  /** So many taps were decided and are durable. */
  count(taps: number): void {
    this.#decided += taps;
  }

  /**
   * Whether a tap that came now, behind so many others, is answered within its budget.
   *
   * @param budgetMs null: whenever it may be
   */
  canAnswer(inside: number, budgetMs: number | null): boolean {
    if (budgetMs === null || inside < SATURATED_FROM) return true;
    const fits =
      this.#perS === null ? inside < BURST : ((inside + 1) * 1_000) / this.#perS <= budgetMs * PLANNED_SHARE;
    if (!fits) this.#refused = true;
    return fits;
  }
}
