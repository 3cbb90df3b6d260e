import type { CalendarUncovered } from '../calendar/day-types.ts';
import { isInForce, isInScope } from './compile-rule-set.ts';
import type { Pricing } from './pricing.ts';

/**
 * Applies the discount of the medium that the rider paid with: the rule of highest priority that holds. A rider whose
 * concession lowered the fare gets none, unless the rule says so (FARES.md 5).
 */
export function applyMedium(pricing: Pricing): CalendarUncovered | undefined {
  const lowered = pricing.concessionFen > 0;
  for (const discount of pricing.rules.mediums) {
    const { rule } = discount;
    if (lowered && !rule.with_concession) continue;
    if (!isInForce(discount.inForce, pricing.wall.day) || !isInScope(discount.scope, pricing.input.journey))
      continue;
    const inHours = pricing.isInHours(discount);
    if (typeof inHours !== 'boolean') return inHours;
    if (!inHours) continue;
    const operation = pricing.operationOf(discount.effect);
    if (!operation) continue;
    pricing.apply('medium', rule, { medium: pricing.input.journey.medium }, operation);
    return undefined;
  }
  return undefined;
}
