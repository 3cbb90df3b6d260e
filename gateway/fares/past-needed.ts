import { DAY_MS } from '../calendar/civil-day.ts';
import { wallTime } from '../calendar/zone-clock.ts';
import type { HolderFacts } from '../concessions/holder-facts.ts';
import type { Mode } from '../journeys/mode.ts';
import { compileScope, type CompiledRuleSet, type Scope } from './compile-rule-set.ts';
import type { RuleBook } from './rule-book.ts';
import type { AccumulationWindow } from './rule-set.ts';
import { windowSpan } from './window-facts.ts';

/** The span of a card's rides that a ride at some instant depends on, or that depend on it; half-open. */
export type PastSpan = { readonly fromMs: number; readonly toMs: number };

/** What asks for the past in one place: windows that add up, quotas, and links between two rides. */
type Memory = {
  readonly windows: readonly {
    readonly set: CompiledRuleSet;
    readonly window: AccumulationWindow;
    readonly category: string | null;
  }[];
  /** longest reach of a transfer, ms; 0 = none */
  readonly transferMs: number;
};

/** Dwell inside a system and a chain of transfers: nobody rides longer. */
const CHAIN_MS = DAY_MS;

const memories = new WeakMap<RuleBook, Map<string, Memory>>();

/** Where and with what a ride is made, as far as the rules that look at other rides ask. */
export type RidePlace = { readonly jurisdiction: string; readonly mode: Mode; readonly medium: string };

/** False where no rule adds up or links rides: most places, and whoever rides there. */
export function asksForPast(ruleBook: RuleBook, place: RidePlace): boolean {
  const { windows, transferMs } = memoryOf(ruleBook, place);
  return windows.length > 0 || transferMs > 0;
}

/**
 * How far the card's other rides matter for one ride, by all rule sets in force of its jurisdiction: those before it are in its totals,
 * those after it have it in theirs. Null where no rule adds up or links rides of this mode and medium, which is most places: then
 * settling reads no history at all.
 */
export function findPastNeeded(
  ruleBook: RuleBook,
  ride: RidePlace & { readonly atMs: number },
  holder: HolderFacts,
): PastSpan | null {
  const { windows, transferMs } = memoryOf(ruleBook, ride);
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = Number.NEGATIVE_INFINITY;
  const widen = (from: number, to: number): void => {
    fromMs = Math.min(fromMs, from);
    toMs = Math.max(toMs, to);
  };
  for (const { set, window, category } of windows) {
    const enrolment = category === null ? undefined : holder.enrolments.find((e) => e.category === category);
    if (category !== null && enrolment === undefined) continue;
    const reviewed = enrolment ? wallTime(set.clock, enrolment.validFromMs).day : null;
    const span = windowSpan(window, set.clock, ride.atMs, reviewed);
    widen(span.fromMs, span.toMs);
  }
  if (transferMs > 0) widen(ride.atMs - transferMs - CHAIN_MS, ride.atMs + transferMs + CHAIN_MS);
  return fromMs < toMs ? { fromMs, toMs } : null;
}

function memoryOf(ruleBook: RuleBook, { jurisdiction, mode, medium }: RidePlace): Memory {
  const ofBook = memories.get(ruleBook) ?? new Map<string, Memory>();
  memories.set(ruleBook, ofBook);
  const key = `${jurisdiction}/${mode}/${medium}`;
  const found = ofBook.get(key);
  if (found !== undefined) return found;
  const sets = new Set(
    [...ruleBook.inForce.values()].flat().filter((s) => s.source.jurisdiction === jurisdiction),
  );
  const memory = readMemory([...sets], mode, medium);
  ofBook.set(key, memory);
  return memory;
}

function readMemory(sets: readonly CompiledRuleSet[], mode: Mode, medium: string): Memory {
  const windows: { set: CompiledRuleSet; window: AccumulationWindow; category: string | null }[] = [];
  let transferMs = 0;
  const touches = (...scopes: readonly Scope[]): boolean =>
    scopes.some((s) => s.modes.has(mode) && takes(s, medium)) && scopes.every((s) => takes(s, medium));
  for (const set of sets) {
    for (const rules of set.byMode.values()) {
      for (const { rule, scope } of [...rules.accumulators, ...rules.caps])
        if (touches(scope, compileScope(rule.counts)))
          windows.push({ set, window: rule.window, category: null });
      for (const { category, concessions } of rules.categories)
        for (const { rule, scope } of concessions)
          if (rule.quota && touches(scope))
            windows.push({ set, window: rule.quota.window, category: category.id });
      for (const { rule, scope } of rules.transfers)
        if (touches(scope, compileScope(rule.from)))
          transferMs = Math.max(
            transferMs,
            (rule.first_boarding_within_minutes ?? rule.max_minutes) * 60_000,
          );
    }
  }
  return { windows, transferMs };
}

function takes(scope: Scope, medium: string): boolean {
  return (scope.mediums?.has(medium) ?? true) && scope.exceptMediums?.has(medium) !== true;
}
