import { fen } from '@tapgate/sdk/wire/money';
import { isInForce, isInScope } from './compile-rule-set.ts';
import type { Pricing } from './pricing.ts';

/** Adds what staying too long costs; without an exit tap nothing is known of the time inside, and nothing is added. */
export function applySurcharge(pricing: Pricing): void {
  const { entryAtMs, exitAtMs } = pricing.input.journey;
  if (entryAtMs === null || exitAtMs === null) return;
  const insideMs = exitAtMs - entryAtMs;
  for (const { rule, scope, inForce } of pricing.rules.surcharges) {
    if (insideMs <= rule.inside_over_minutes * 60_000) continue;
    if (!isInForce(inForce, pricing.wall.day) || !isInScope(scope, pricing.input.journey)) continue;
    const amount = rule.effect === 'list_fare_again' ? pricing.listFareFen : fen(rule.effect.add_fen);
    pricing.apply(
      'surcharge',
      rule,
      { inside_seconds: Math.floor(insideMs / 1000) },
      { op: 'add', fen: amount },
    );
    return;
  }
}
