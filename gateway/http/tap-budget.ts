const BUDGET_MAX_MS = 60_000;

/**
 * The header `Tap-Budget-Ms`: how long the answer is of any use to the gate.
 *
 * @returns null without the header, undefined when it is not a whole number of ms from 1 to a minute
 */
export function readTapBudget(text: string | readonly string[] | undefined): number | null | undefined {
  if (text === undefined) return null;
  const budgetMs = typeof text === 'string' && /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return budgetMs >= 1 && budgetMs <= BUDGET_MAX_MS ? budgetMs : undefined;
}
