import type { Fen } from '@tapgate/sdk/wire/money';
import { isInForce, isInScope } from './compile-rule-set.ts';
import type { Pricing } from './pricing.ts';
import type { AccumulatorRule } from './rule-set.ts';
import type { Operation, SplitPart } from './trace.ts';
import { windowKey, windowLabel } from './window-facts.ts';

/**
 * Applies the tier that the card has reached in the accumulator's window. The total is what was charged (or ridden) before
 * this ride; `whole_ride_before` never splits the crossing ride, `split` gives the part above a threshold the next tier's rate.
 */
export function applyAccumulator(pricing: Pricing): void {
  const lowered = pricing.concessionFen > 0;
  for (const { rule, scope, inForce } of pricing.rules.accumulators) {
    if (lowered && !rule.with_concession) continue;
    if (!isInForce(inForce, pricing.wall.day) || !isInScope(scope, pricing.input.journey)) continue;
    const label = windowLabel(rule.window, pricing.ruleSet.clock, pricing.atMs, null);
    const total = pricing.input.history.totals.get(windowKey(rule.id, label));
    const reached = rule.measure === 'rides' ? (total?.rides ?? 0) : (total?.paidFen ?? 0);
    const operation = operationOf(rule, reached, pricing.amount, pricing);
    const saw = { window: label, measure: rule.measure, before: reached };
    if (operation) pricing.apply('accumulator', rule, saw, operation);
    else pricing.note('accumulator', rule, saw, { zh: '未达优惠档', en: 'no tier reached' });
    return;
  }
}

function operationOf(
  rule: AccumulatorRule,
  reached: number,
  amount: Fen,
  pricing: Pricing,
): Operation | null {
  const { rounding } = pricing.ruleSet;
  const index = tierIndex(rule, reached);
  const permille = rule.tiers[index]?.permille ?? 1000;
  if (rule.crossing === 'whole_ride_before')
    return permille === 1000 ? null : { op: 'permille', permille, rounding };
  const parts = splitParts(rule, reached, amount, index);
  return parts.every((part) => part.permille === 1000) ? null : { op: 'split', parts, rounding };
}

function tierIndex(rule: AccumulatorRule, reached: number): number {
  let index = 0;
  rule.tiers.forEach((tier, i) => {
    if (reached >= tier.from) index = i;
  });
  return index;
}

const MICRO = 1_000_000;

/** Cuts an amount where what is paid for it reaches the next tier's start; a free tier takes all that is left. */
function splitParts(rule: AccumulatorRule, reached: number, amount: Fen, first: number): SplitPart[] {
  const parts: SplitPart[] = [];
  let left = amount * MICRO;
  let paid = reached * MICRO;
  for (let index = first; left > 0; index += 1) {
    const permille = rule.tiers[index]?.permille ?? 1000;
    const next = rule.tiers[index + 1]?.from;
    const room =
      next === undefined || permille === 0 ? left : Math.ceil(((next * MICRO - paid) * 1000) / permille);
    const micro = Math.min(left, room);
    parts.push({ micro, permille });
    left -= micro;
    paid += Math.round((micro * permille) / 1000);
  }
  return parts;
}
