import { fen, ZERO_FEN } from '@tapgate/sdk/wire/money';
import type { EvidenceAnswer, EvidenceLapse } from '../concessions/evidence.ts';
import type { Seen } from '../concessions/eligibility.ts';
import type { CompiledRuleSet } from './compile-rule-set.ts';
import type { TraceStep } from './trace.ts';
import { windowKey, type WindowTotal } from './window-facts.ts';

/**
 * What a fare rested on when it was found, read from its stored trace: the answers about the holder, the rides that were left and
 * the sums of its windows. A replay asks nobody again: the register may have learnt more since, and the person has grown older.
 */
export type SeenFacts = {
  /** by rider category; one that is absent neither qualified nor held evidence, or another one gave the lower fare */
  readonly categories: ReadonlyMap<string, CategorySeen>;
  /** rides left of a concession's quota, by its rule */
  readonly quotaLeft: ReadonlyMap<string, number>;
  readonly totals: ReadonlyMap<string, WindowTotal>;
};

export type CategorySeen = {
  readonly eligible: boolean;
  readonly answers: Seen;
  readonly evidence: EvidenceAnswer;
};

/** Keys of a concession step that are no answers about the person. */
const NOT_ANSWERS = new Set([
  'evidence',
  'eligible',
  'hours',
  'quota_left',
  'event',
  'date',
  'day_type',
  'ms_of_day',
  'inside',
  'outside',
]);

const LAPSES: ReadonlySet<string> = new Set<EvidenceLapse>([
  'not_enrolled',
  'other_kind',
  'not_yet_valid',
  'expired',
  'review_lapsed',
  'revoked',
]);

/** Reads the facts back out of a trace that was made under this rule set. */
export function seenFactsOf(trace: readonly TraceStep[], ruleSet: CompiledRuleSet): SeenFacts {
  const categories = new Map<string, CategorySeen>();
  const quotaLeft = new Map<string, number>();
  const totals = new Map<string, WindowTotal>();
  const categoryOfRule = new Map(ruleSet.source.concessions.map((rule) => [rule.id, rule.category]));
  for (const step of trace) {
    const { saw } = step;
    if (step.stage === 'concession') {
      // A note about a whole category names the category; every other step names the concession.
      const ofCategory = 'eligible' in saw || 'hours' in saw;
      const category = ofCategory ? step.ruleId : categoryOfRule.get(step.ruleId);
      if (category === undefined) continue;
      categories.set(category, categorySeen(saw));
      if (typeof saw['quota_left'] === 'number') quotaLeft.set(step.ruleId, saw['quota_left']);
    } else if (step.stage === 'accumulator' && typeof saw['before'] === 'number') {
      const before = saw['before'];
      const rides = saw['measure'] === 'rides' ? before : 0;
      const paidFen = saw['measure'] === 'rides' ? ZERO_FEN : fen(before);
      totals.set(windowKey(step.ruleId, String(saw['window'])), { rides, paidFen });
    } else if (step.stage === 'cap' && typeof saw['paid_before'] === 'number') {
      const paidFen = fen(saw['paid_before']);
      totals.set(windowKey(step.ruleId, String(saw['window'])), { rides: 0, paidFen });
    }
  }
  return { categories, quotaLeft, totals };
}

function categorySeen(saw: TraceStep['saw']): CategorySeen {
  const answers: Record<string, boolean> = {};
  for (const [key, value] of Object.entries(saw)) {
    if (typeof value === 'boolean' && !NOT_ANSWERS.has(key)) answers[key] = value;
  }
  return { eligible: saw['eligible'] !== false, answers, evidence: evidenceSeen(String(saw['evidence'])) };
}

function evidenceSeen(word: string): EvidenceAnswer {
  return isLapse(word) ? { held: false, lapse: word } : { held: true, kind: word, enrolmentId: null };
}

function isLapse(word: string): word is EvidenceLapse {
  return LAPSES.has(word);
}
