import { isInForce, isInScope, type CompiledDiscount } from './compile-rule-set.ts';
import type { JourneyFacts } from './journey-facts.ts';
import type { Pricing } from './pricing.ts';
import type { TransferRule } from './rule-set.ts';
import type { PreviousRide } from './window-facts.ts';

/**
 * Applies the transfer of highest priority whose modes, clock, gap, uses and stacking hold between the ride just before and
 * this one. Each rule names the events that start and stop its clock (fares note 1.3: there are three different ones).
 */
export function applyTransfer(pricing: Pricing): void {
  const { previous } = pricing.input.history;
  if (!previous) return;
  const lowered = pricing.concessionFen > 0;
  for (const transfer of pricing.rules.transfers) {
    const { rule } = transfer;
    if (rule.concession !== 'any' && (rule.concession === 'with') !== lowered) continue;
    if (!isInForce(transfer.inForce, pricing.wall.day)) continue;
    const gapMs = transferGap(transfer, previous, pricing.input.journey);
    if (gapMs === null) continue;
    const operation = pricing.operationOf(transfer.effect);
    const saw = {
      from: previous.mode,
      gap_seconds: Math.floor(gapMs / 1000),
      transfers_before: previous.transfersInChain,
    };
    pricing.apply('transfer', rule, saw, operation ?? { op: 'keep' });
    pricing.transferRuleId = rule.id;
    return;
  }
}

/** The gap of a transfer in ms when the rule's conditions between two rides hold, else null. */
export function transferGap(
  { rule, scope }: CompiledDiscount<TransferRule>,
  previous: PreviousRide,
  journey: JourneyFacts,
): number | null {
  if (!rule.from.modes.includes(previous.mode) || !isInScope(scope, journey)) return null;
  if (rule.from.lines && !rule.from.lines.includes(previous.lineId)) return null;
  if (rule.from.mediums && (previous.medium === null || !rule.from.mediums.includes(previous.medium)))
    return null;
  if (rule.same_line !== undefined && rule.same_line !== (previous.lineId === journey.lineId)) return null;
  if (rule.same_station !== undefined) {
    const same = previous.exitStationId !== null && previous.exitStationId === journey.entryStationId;
    if (rule.same_station !== same) return null;
  }
  if (rule.max_uses !== undefined && previous.transfersInChain >= rule.max_uses) return null;
  const startMs = rule.clock.start === 'entry' ? previous.entryAtMs : previous.exitAtMs;
  const endMs = rule.clock.end === 'entry' ? journey.entryAtMs : journey.exitAtMs;
  if (startMs === null || endMs === null) return null;
  const gapMs = endMs - startMs;
  const maxMs = rule.max_minutes * 60_000;
  if (gapMs < rule.min_minutes * 60_000 || gapMs > maxMs || (gapMs === maxMs && !rule.max_inclusive))
    return null;
  const chainMs = rule.first_boarding_within_minutes;
  if (chainMs !== undefined) {
    if (journey.entryAtMs === null || journey.entryAtMs - previous.firstBoardingAtMs > chainMs * 60_000)
      return null;
  }
  return gapMs;
}
