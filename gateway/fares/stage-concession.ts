import { fen, subtractFen, ZERO_FEN, type Fen } from '@tapgate/sdk/wire/money';
import { civilDay, dateNumber, formatCivilDay, type DateNumber } from '../calendar/civil-day.ts';
import { dayTypeOf, type CalendarUncovered } from '../calendar/day-types.ts';
import { wallTime } from '../calendar/zone-clock.ts';
import { findEvidence, type EvidenceAnswer, type EvidenceLapse } from '../concessions/evidence.ts';
import {
  isInForce,
  isInScope,
  type CategoryConcessions,
  type CompiledCategory,
  type CompiledConcession,
} from './compile-rule-set.ts';
import type { Pricing } from './pricing.ts';
import type { RuleText } from './rule-set.ts';
import type { CategorySeen } from './seen-facts.ts';
import { applyOperation, type Operation, type TraceStep } from './trace.ts';
import { windowKey, windowLabel } from './window-facts.ts';

type Saw = TraceStep['saw'];
type Offer = { concession: CompiledConcession; operation: Operation; result: Fen; saw: Saw };
type Refusal = { concession: CompiledConcession; saw: Saw };

/**
 * Applies the best single status concession: of all whose category the holder qualifies for AND holds valid evidence of, whose
 * scope, days, hours, list fare range and quota hold, the one with the lowest fare; at the same fare the one of higher priority.
 * With an unknown list fare only concessions that set the fare by themselves can say anything.
 * Where exactly one of eligibility and evidence fails, the trace says which.
 *
 * @returns refused when a pass of the holder is not accepted at this time and no concession gives anything;
 *          calendar_uncovered when the hours of a concession that the holder has depend on an unknown day
 */
export function applyConcession(
  pricing: Pricing,
): CalendarUncovered | { readonly code: 'refused'; readonly ruleId: string } | undefined {
  let best: Offer | null = null;
  let refusal: Refusal | null = null;
  const today = dateNumber(pricing.wall.day);
  for (const entry of pricing.rules.categories) {
    const { category } = entry;
    const standing = standingOf(pricing, category, today);
    if (standing === null) continue;
    const { eligible, answers, evidence } = standing;
    if (!eligible || !evidence.held) {
      noteFailure(pricing, entry, eligible, answers, evidence);
      continue;
    }
    const offered = offersOf(pricing, entry, { ...answers, evidence: evidence.kind });
    if ('code' in offered) return offered;
    for (const offer of offered.offers) {
      if (
        best === null ||
        offer.result < best.result ||
        (offer.result === best.result && outranks(offer, best))
      )
        best = offer;
    }
    refusal ??= offered.refusal;
    if (offered.offers.length === 0 && !offered.refusal && offered.inForce) {
      pricing.note('concession', category, { ...answers, evidence: evidence.kind, hours: false }, OUTSIDE);
    }
  }
  if (best && (!pricing.listFareKnown || best.result < pricing.amount)) {
    const before = pricing.amount;
    pricing.apply(
      'concession',
      best.concession.rule,
      best.saw,
      best.operation,
      best.concession.rule.funder ?? null,
    );
    pricing.concession = best.concession;
    if (pricing.listFareKnown) pricing.concessionFen = subtractFen(before, pricing.amount);
    return undefined;
  }
  if (refusal) {
    pricing.note('concession', refusal.concession.rule, refusal.saw, REFUSED);
    return { code: 'refused', ruleId: refusal.concession.rule.id };
  }
  if (best && best.result === pricing.amount) {
    // A free pass on a ride that costs nothing is still the pass that was accepted.
    pricing.apply(
      'concession',
      best.concession.rule,
      best.saw,
      best.operation,
      best.concession.rule.funder ?? null,
    );
    pricing.concession = best.concession;
    pricing.concessionFen = ZERO_FEN;
  }
  return undefined;
}

/** Whether the holder qualifies for a category and holds evidence of it; null where neither is so, which leaves no trace. */
function standingOf(pricing: Pricing, category: CompiledCategory, today: DateNumber): CategorySeen | null {
  const { seen, holder } = pricing.input;
  if (seen) return seen.categories.get(category.id) ?? null;
  const eligible = category.eligibility.holds(holder.person, today);
  const evidence = findEvidence(holder.enrolments, category.id, category.evidence, pricing.atMs);
  if (!eligible && (!evidence.held || category.evidence === 'not_needed')) return null;
  return { eligible, answers: category.eligibility.answers(holder.person, today), evidence };
}

const OUTSIDE: RuleText = { zh: '不在优惠时段或范围内，按全价', en: 'outside its hours or range, full fare' };
const REFUSED: RuleText = { zh: '此时段不接受该证件', en: 'the pass is not accepted at this time' };

function offersOf(
  pricing: Pricing,
  { category, concessions }: CategoryConcessions,
  saw: Saw,
): CalendarUncovered | { offers: Offer[]; refusal: Refusal | null; inForce: boolean } {
  const offers: Offer[] = [];
  let refusal: Refusal | null = null;
  let inForce = false;
  for (const concession of concessions) {
    const { rule } = concession;
    if (
      !isInForce(concession.inForce, pricing.wall.day) ||
      !isInScope(concession.scope, pricing.input.journey)
    )
      continue;
    inForce = true;
    if (!pricing.listFareKnown && (rule.list_fare_over_fen ?? rule.list_fare_up_to_fen) !== undefined)
      continue;
    if (rule.list_fare_over_fen !== undefined && pricing.listFareFen <= rule.list_fare_over_fen) continue;
    if (rule.list_fare_up_to_fen !== undefined && pricing.listFareFen > rule.list_fare_up_to_fen) continue;
    const inHours = pricing.isInHours(concession);
    if (typeof inHours !== 'boolean') return inHours;
    if (!inHours) continue;
    const quotaLeft = quotaLeftOf(pricing, concession, category.id);
    if (quotaLeft !== null && quotaLeft <= 0) {
      pricing.note(
        'concession',
        rule,
        { ...saw, quota_left: 0 },
        { zh: '次数已用完', en: 'its rides are used up' },
      );
      continue;
    }
    const seen = sawOf(pricing, concession, saw, quotaLeft);
    if (concession.effect.kind === 'refuse') {
      refusal ??= { concession, saw: seen };
      continue;
    }
    const operation = pricing.operationOf(concession.effect);
    if (!operation || !(pricing.listFareKnown || needsNoListFare(operation))) continue;
    offers.push({ concession, operation, result: applyOperation(pricing.amount, operation), saw: seen });
  }
  return { offers, refusal, inForce };
}

/** A concession that sets the fare says what the rider pays although nobody knows the full fare. */
function needsNoListFare(operation: Operation): boolean {
  return operation.op === 'set' || operation.op === 'band';
}

function outranks(offer: Offer, best: Offer): boolean {
  return offer.concession.rule.priority > best.concession.rule.priority;
}

/** What the trace keeps: the answers about the person, and for a rule with hours the local time and the kind of day. */
function sawOf(pricing: Pricing, concession: CompiledConcession, saw: Saw, quotaLeft: number | null): Saw {
  const timeframe = concession.inside ?? concession.outside;
  if (!timeframe && quotaLeft === null) return saw;
  const seen: Record<string, string | number | boolean | null> = { ...saw };
  if (quotaLeft !== null) seen['quota_left'] = quotaLeft;
  if (timeframe) {
    const type = dayTypeOf(pricing.input.calendar, pricing.wall.day);
    seen['event'] = timeframe.event;
    seen['date'] = formatCivilDay(pricing.wall.day);
    seen['day_type'] = typeof type === 'string' ? type : 'not asked';
    seen['ms_of_day'] = pricing.wall.msOfDay;
    seen[concession.inside ? 'inside' : 'outside'] = timeframe.id;
  }
  return seen;
}

const LAPSE_TEXT: Record<EvidenceLapse, RuleText> = {
  not_enrolled: noEvidence('未登记', 'not enrolled'),
  other_kind: noEvidence('凭证种类不符', 'another kind of evidence'),
  not_yet_valid: noEvidence('凭证尚未生效', 'evidence not yet valid'),
  expired: noEvidence('凭证已过期', 'evidence expired'),
  review_lapsed: noEvidence('未按期年审', 'review lapsed'),
  revoked: noEvidence('凭证已注销', 'evidence revoked'),
};

function noEvidence(zh: string, en: string): RuleText {
  return { zh: `符合条件，但没有有效凭证（${zh}）`, en: `qualifies, but holds no valid evidence (${en})` };
}

const NOT_QUALIFIED: RuleText = { zh: '持有凭证，但不符合条件', en: 'holds evidence, but does not qualify' };

function noteFailure(
  pricing: Pricing,
  { category, concessions }: CategoryConcessions,
  met: boolean,
  seen: Saw,
  evidence: EvidenceAnswer,
): void {
  const { journey } = pricing.input;
  if (!concessions.some((c) => isInForce(c.inForce, pricing.wall.day) && isInScope(c.scope, journey))) return;
  if (met && !evidence.held) {
    const saw = { ...seen, eligible: true, evidence: evidence.lapse };
    pricing.note('concession', category, saw, LAPSE_TEXT[evidence.lapse]);
  } else if (evidence.held) {
    pricing.note(
      'concession',
      category,
      { ...seen, eligible: false, evidence: evidence.kind },
      NOT_QUALIFIED,
    );
  }
}

/** Uses left in the quota's window; null = no quota. A year from review begins on the day the holder's evidence does. */
function quotaLeftOf(pricing: Pricing, concession: CompiledConcession, category: string): number | null {
  const { quota } = concession.rule;
  if (!quota) return null;
  const { ruleSet, input, atMs } = pricing;
  if (input.seen) return input.seen.quotaLeft.get(concession.rule.id) ?? null;
  const enrolment = input.holder.enrolments.find((e) => e.category === category);
  const reviewed = enrolment ? wallTime(ruleSet.clock, enrolment.validFromMs).day : civilDay('1970-01-01');
  const key = windowKey(concession.rule.id, windowLabel(quota.window, ruleSet.clock, atMs, reviewed));
  return fen(quota.uses) - (input.history.totals.get(key)?.rides ?? 0);
}
