/** Fewer taps than this inside tell nothing of how many there could be, and are let in whatever was measured. */
const SATURATED_FROM = 16;

/** While taps are refused, those that were let in behind so few count too: they are the only ones there are to learn from. */
const TELLING_WHILE_REFUSING = SATURATED_FROM / 2;

/** The newest answer's share in the estimate: a batch of answers makes up half of it. */
const NEWEST_SHARE = 1 / 64;

/** Taps that may come at once before anything was measured: what the slowest machine answers within a usual budget. */
const BURST = 64;

/** An estimate is never exact, and a request has waited a little before it is looked at: so much of a budget is planned with. */
const PLANNED_SHARE = 0.45;

/**
 * How many taps a second this process carries, told by each tap that was answered: it stood behind so many others, and it took so
 * long. What is let in then settles where an answer takes the planned share of a budget, whatever part of that does not depend on
 * how many wait. A quiet hour tells nothing, so what was measured last stands until the next busy moment. Only taps that were
 * decided count; a refusal costs next to nothing and would make an overloaded gateway look fast.
 *
 * Not counted by the clock: taps are answered in batches, after which the gateway is nearly empty, and a measure of moments at
 * which many wait would see the work and miss the answers.
 */
export class Capacity {
  #perS: number | null = null;
  #isRefusing = false;

  /**
   * A tap was decided and is durable.
   *
   * @param ahead taps that were inside when it came
   */
  answered(ahead: number, elapsedMs: number): void {
    if (ahead < (this.#isRefusing ? TELLING_WHILE_REFUSING : SATURATED_FROM)) return;
    const perS = ((ahead + 1) * 1_000) / Math.max(elapsedMs, 1);
    this.#perS = this.#perS === null ? perS : this.#perS + (perS - this.#perS) * NEWEST_SHARE;
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
    this.#isRefusing = !fits;
    return fits;
  }
}
