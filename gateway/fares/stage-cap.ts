import { fen, ZERO_FEN } from '@tapgate/sdk/wire/money';
import { isInForce, isInScope } from './compile-rule-set.ts';
import type { Pricing } from './pricing.ts';
import { windowKey, windowLabel } from './window-facts.ts';

/** Charges at most what is left under each cap of the ride; every cap that holds is applied, in the order of priority. */
export function applyCaps(pricing: Pricing): void {
  for (const { rule, scope, inForce } of pricing.rules.caps) {
    if (!isInForce(inForce, pricing.wall.day) || !isInScope(scope, pricing.input.journey)) continue;
    const label = windowLabel(rule.window, pricing.ruleSet.clock, pricing.atMs, null);
    const paidFen = pricing.input.history.totals.get(windowKey(rule.id, label))?.paidFen ?? ZERO_FEN;
    const capFen = fen(rule.cap_fen);
    if (pricing.amount + paidFen <= capFen) continue;
    pricing.apply('cap', rule, { window: label, paid_before: paidFen }, { op: 'cap', capFen, paidFen });
  }
}
