import { divideFen, fen, ZERO_FEN, type Fen, type Rounding } from '@tapgate/sdk/wire/money';
import { isInside, type Timeframe } from '../calendar/timeframe.ts';
import type { CalendarUncovered } from '../calendar/day-types.ts';
import { wallTime, type WallTime } from '../calendar/zone-clock.ts';
import { writeAmount } from './amount-text.ts';
import { fareForDistance } from './distance-table.ts';
import type { CompiledConcession, CompiledEffect, CompiledRuleSet, ModeRules } from './compile-rule-set.ts';
import type { PricingInput, Reduction } from './price-journey.ts';
import type { FunderTerms, RuleText, Stage } from './rule-set.ts';
import { applyOperation, type Operation, type TraceStep } from './trace.ts';

type Saw = TraceStep['saw'];

const NO_RULES: ModeRules = {
  listFares: [],
  categories: [],
  mediums: [],
  accumulators: [],
  transfers: [],
  surcharges: [],
  caps: [],
};

/**
 * One pricing on its way through the stages: the amount so far and the trace of it. It lives inside one call of
 * priceJourney; nothing of it is shared.
 */
export class Pricing {
  readonly input: PricingInput;
  readonly ruleSet: CompiledRuleSet;
  readonly rules: ModeRules;
  /** the pricing event */
  readonly atMs: number;
  readonly wall: WallTime;
  readonly trace: TraceStep[] = [];
  readonly reductions: Reduction[] = [];
  amount: Fen = ZERO_FEN;
  listFareFen: Fen = ZERO_FEN;
  listFareKnown = true;
  concession: CompiledConcession | null = null;
  /** what the concession took off */
  concessionFen: Fen = ZERO_FEN;
  transferRuleId: string | null = null;

  constructor(input: PricingInput, ruleSet: CompiledRuleSet, atMs: number) {
    this.input = input;
    this.ruleSet = ruleSet;
    this.rules = ruleSet.byMode.get(input.journey.mode) ?? NO_RULES;
    this.atMs = atMs;
    this.wall = wallTime(ruleSet.clock, atMs);
  }

  /** Changes the amount by an operation and writes the step. */
  apply(
    stage: Stage,
    rule: { id: string; text: RuleText },
    saw: Saw,
    operation: Operation,
    funder: string | null = null,
  ): void {
    const fenIn = this.amount;
    const fenOut = applyOperation(fenIn, operation);
    this.amount = fenOut;
    if (stage !== 'list_fare' && fenIn !== fenOut)
      this.reductions.push({ stage, ruleId: rule.id, fen: fenIn - fenOut, funder });
    const { currency } = this.ruleSet.source;
    const before = writeAmount(currency, fenIn);
    const after = writeAmount(currency, fenOut);
    const first = stage === 'list_fare';
    this.trace.push({
      stage,
      ruleId: rule.id,
      version: this.ruleSet.version,
      applied: true,
      saw,
      operation,
      fenIn,
      fenOut,
      zh: first ? `${rule.text.zh}：${after.zh}` : `${rule.text.zh}：${before.zh} → ${after.zh}`,
      en: first ? `${rule.text.en}: ${after.en}` : `${rule.text.en}: ${before.en} -> ${after.en}`,
    });
  }

  /** Writes that a rule was looked at and changed nothing. */
  note(stage: Stage, rule: { id: string; text: RuleText }, saw: Saw, why: RuleText): void {
    this.trace.push({
      stage,
      ruleId: rule.id,
      version: this.ruleSet.version,
      applied: false,
      saw,
      operation: { op: 'keep' },
      fenIn: this.amount,
      fenOut: this.amount,
      zh: `${rule.text.zh}：${why.zh}`,
      en: `${rule.text.en}: ${why.en}`,
    });
  }

  /**
   * True when the event that the timeframe names lies inside it. An event that is not known stands in for the other: a missing
   * tap-in is judged by the exit.
   */
  isInside(timeframe: Timeframe): boolean | CalendarUncovered {
    const { entryAtMs, exitAtMs } = this.input.journey;
    const atMs = timeframe.event === 'entry' ? (entryAtMs ?? exitAtMs) : (exitAtMs ?? entryAtMs);
    const wall = atMs === null || atMs === this.atMs ? this.wall : wallTime(this.ruleSet.clock, atMs);
    return isInside(timeframe, wall, this.input.calendar);
  }

  /** True when a rule's `inside` and `outside` both hold. */
  isInHours(rule: { inside: Timeframe | null; outside: Timeframe | null }): boolean | CalendarUncovered {
    if (rule.inside) {
      const inside = this.isInside(rule.inside);
      if (inside !== true) return inside;
    }
    if (rule.outside) {
      const inside = this.isInside(rule.outside);
      return typeof inside === 'boolean' ? !inside : inside;
    }
    return true;
  }

  /** The operation of an effect on this journey; null where it has none (a table that does not reach, `none`). */
  operationOf(effect: CompiledEffect): Operation | null {
    switch (effect.kind) {
      case 'free':
        return { op: 'set', fen: ZERO_FEN };
      case 'permille':
        return { op: 'permille', permille: effect.permille, rounding: this.ruleSet.rounding };
      case 'minus':
        return { op: 'minus', fen: effect.fen };
      case 'fixed':
        return { op: 'at_most', fen: effect.fen };
      case 'table': {
        const { distanceMetres } = this.input.journey;
        const found = distanceMetres === null ? null : fareForDistance(effect.table, distanceMetres);
        return found && distanceMetres !== null ? { op: 'band', metres: distanceMetres, ...found } : null;
      }
      case 'refuse':
      case 'none':
        return null;
    }
  }
}

/**
 * What the operator may claim for one ride. A sum per ride is claimed only where something was given; what the agreement pays is
 * kept apart from the shortfall (fares note 2.4).
 */
export function claimedFen(funder: FunderTerms | null, shortfall: Fen, rounding: Rounding): Fen {
  if (!funder || shortfall === 0) return ZERO_FEN;
  if ('per_ride_fen' in funder.claim) return fen(funder.claim.per_ride_fen);
  return divideFen(fen(shortfall * funder.claim.shortfall_permille), 1000, rounding);
}
