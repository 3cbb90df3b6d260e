import { isInForce, type CompiledRuleSet } from './compile-rule-set.ts';
import { wallTime } from '../calendar/zone-clock.ts';
import type { JourneyFacts } from './journey-facts.ts';
import { pricingInstant } from './rule-book.ts';
import { transferGap } from './stage-transfer.ts';
import type { PreviousRide } from './window-facts.ts';

/** Whether a boarding continues what the card did before, under rules that link rides into one journey. */
export type BoardingLink = 'same_journey' | 'reentry_free' | 'new_journey';

/** @returns null where the rule set has no rule that links rides */
export function linkBoarding(
  ruleSet: CompiledRuleSet,
  journey: JourneyFacts,
  previous: PreviousRide,
): BoardingLink | null {
  const atMs = pricingInstant(ruleSet, journey);
  const linking = (ruleSet.byMode.get(journey.mode)?.transfers ?? []).filter(
    (t) => t.rule.outcome !== undefined,
  );
  if (atMs === null || linking.length === 0) return null;
  const { day } = wallTime(ruleSet.clock, atMs);
  const found = linking.find((t) => isInForce(t.inForce, day) && transferGap(t, previous, journey) !== null);
  return found?.rule.outcome ?? 'new_journey';
}
