import type { DayTypeCalendar } from '../calendar/day-types.ts';
import type { CategoryTerms } from '../concessions/decide-enrolment.ts';
import type { Mode } from '../journeys/mode.ts';
import { compileRuleSet, type CompiledRuleSet } from './compile-rule-set.ts';
import type { JourneyFacts } from './journey-facts.ts';
import type { RuleSet } from './rule-set.ts';

/** All rule sets that a gateway knows, found by jurisdiction and mode. */
export type RuleBook = {
  readonly inForce: ReadonlyMap<string, readonly CompiledRuleSet[]>;
  /** every version ever loaded, also off and superseded ones: what a stored fare is replayed with */
  readonly byRef: ReadonlyMap<string, CompiledRuleSet>;
};

/** The version that priced a fare; kept with it. */
export type RuleSetRef = { readonly ruleSetId: string; readonly ruleSetVersion: number };

export type BookProblem = { readonly file: string; readonly path: string; readonly reason: string };

/** A rule set and the name of the file that it came from, for messages. */
export type NamedRuleSet = { readonly file: string; readonly ruleSet: RuleSet };

/**
 * Compiles rule sets and checks what must hold between them: one file per version, `supersedes` names a version that is here,
 * no two sets in force for one jurisdiction, mode, operator, line and instant, and no gap between the periods of one id. All or
 * nothing: with a problem there is no book.
 */
export function compileRuleBook(
  named: readonly NamedRuleSet[],
  calendar: DayTypeCalendar,
): { readonly ruleBook: RuleBook } | { readonly problems: readonly BookProblem[] } {
  const problems: BookProblem[] = [];
  const byRef = new Map<string, CompiledRuleSet>();
  const files = new Map<CompiledRuleSet, string>();
  for (const { file, ruleSet } of named) {
    const compiled = compileRuleSet(ruleSet, calendar);
    if ('problems' in compiled) {
      problems.push(...compiled.problems.map((p) => ({ file, ...p })));
      continue;
    }
    const ref = refKey(ruleSet.id, ruleSet.version);
    if (byRef.has(ref))
      problems.push({ file, path: 'version', reason: `${ref} is already taken: a version is written once` });
    byRef.set(ref, compiled.ruleSet);
    files.set(compiled.ruleSet, file);
  }
  const fileOf = (set: CompiledRuleSet): string => files.get(set) ?? '';
  const applied = [...byRef.values()].filter((set) => set.source.status === 'in_force');
  const superseded = new Set<string>();
  for (const set of byRef.values()) {
    const { supersedes } = set.source;
    if (!supersedes) continue;
    const ref = refKey(supersedes.id, supersedes.version);
    const earlier = byRef.get(ref);
    if (!earlier || earlier === set)
      problems.push({ file: fileOf(set), path: 'supersedes', reason: `${ref} is not loaded` });
    else if (earlier.source.jurisdiction !== set.source.jurisdiction)
      problems.push({ file: fileOf(set), path: 'supersedes', reason: `${ref} is of another jurisdiction` });
    else if (set.source.status === 'in_force') superseded.add(ref);
  }
  const current = applied.filter((set) => !superseded.has(refKey(set.id, set.version)));
  findOverlaps(current, fileOf, problems);
  findGaps(current, fileOf, problems);
  if (problems.length > 0) return { problems };

  const inForce = new Map<string, CompiledRuleSet[]>();
  for (const set of current) {
    for (const mode of set.source.scope.modes) {
      const key = placeKey(set.source.jurisdiction, mode);
      const list = inForce.get(key);
      if (list) list.push(set);
      else inForce.set(key, [set]);
    }
  }
  return { ruleBook: { inForce, byRef } };
}

/** The rule set in force for a journey at its pricing event, or null: then the journey is held, never free. */
export function findRuleSet(ruleBook: RuleBook, facts: JourneyFacts): CompiledRuleSet | null {
  for (const set of ruleBook.inForce.get(placeKey(facts.jurisdiction, facts.mode)) ?? []) {
    const { operators, lines } = set.source.scope;
    if (operators && !operators.includes(facts.operatorId)) continue;
    if (lines && !lines.includes(facts.lineId)) continue;
    const atMs = pricingInstant(set, facts);
    if (atMs !== null && atMs >= set.fromMs && atMs < set.toMs) return set;
  }
  return null;
}

/** One version by its reference, whatever has superseded it since. */
export function findPinned(ruleBook: RuleBook, ref: RuleSetRef): CompiledRuleSet | null {
  return ruleBook.byRef.get(refKey(ref.ruleSetId, ref.ruleSetVersion)) ?? null;
}

/** The instant that picks version, day and age: the tap that the set names, or the only one there is. */
export function pricingInstant(set: CompiledRuleSet, facts: JourneyFacts): number | null {
  return set.source.pricing_event === 'exit'
    ? (facts.exitAtMs ?? facts.entryAtMs)
    : (facts.entryAtMs ?? facts.exitAtMs);
}

const keys = new Map<string, Map<Mode, string>>();

function placeKey(jurisdiction: string, mode: Mode): string {
  let ofJurisdiction = keys.get(jurisdiction);
  if (!ofJurisdiction) {
    ofJurisdiction = new Map<Mode, string>();
    keys.set(jurisdiction, ofJurisdiction);
  }
  let key = ofJurisdiction.get(mode);
  if (key === undefined) ofJurisdiction.set(mode, (key = `${jurisdiction}/${mode}`));
  return key;
}

function refKey(id: string, version: number): string {
  return `${id}@${String(version)}`;
}

function findOverlaps(
  sets: readonly CompiledRuleSet[],
  fileOf: (set: CompiledRuleSet) => string,
  problems: BookProblem[],
): void {
  sets.forEach((a, i) => {
    for (const b of sets.slice(i + 1)) {
      if (a.source.jurisdiction !== b.source.jurisdiction || !placesMeet(a, b)) continue;
      if (a.fromMs >= b.toMs || b.fromMs >= a.toMs) continue;
      const other = `${refKey(a.id, a.version)} (${fileOf(a)})`;
      problems.push({ file: fileOf(b), path: 'effective', reason: `overlap with ${other}` });
    }
  });
}

function placesMeet(a: CompiledRuleSet, b: CompiledRuleSet): boolean {
  const meet = (x: readonly string[] | undefined, y: readonly string[] | undefined): boolean =>
    !x || !y || x.some((value) => y.includes(value));
  return (
    meet(a.source.scope.modes, b.source.scope.modes) &&
    meet(a.source.scope.operators, b.source.scope.operators) &&
    meet(a.source.scope.lines, b.source.scope.lines)
  );
}

/** Between two periods of one id there is always a set in force; a tariff may start and end, but not be missing in between. */
function findGaps(
  sets: readonly CompiledRuleSet[],
  fileOf: (set: CompiledRuleSet) => string,
  problems: BookProblem[],
): void {
  const byId = new Map<string, CompiledRuleSet[]>();
  for (const set of sets) byId.set(set.id, [...(byId.get(set.id) ?? []), set]);
  for (const versions of byId.values()) {
    versions.sort((a, b) => a.fromMs - b.fromMs);
    versions.forEach((set, index) => {
      const before = versions[index - 1];
      if (before && before.toMs < set.fromMs) {
        const reason = `gap: ${refKey(before.id, before.version)} ends before this version starts`;
        problems.push({ file: fileOf(set), path: 'effective.from', reason });
      }
    });
  }
}

/** Everybody who pays shortfalls under any rule set of these jurisdictions, by name. */
export function fundersOf(ruleBook: RuleBook, jurisdictions: ReadonlySet<string>): readonly string[] {
  const sets = [...ruleBook.byRef.values()].filter((set) => jurisdictions.has(set.source.jurisdiction));
  return [...new Set(sets.flatMap((set) => set.source.funders.map((funder) => funder.id)))].sort();
}

/** Every writing of a rider category in the rule sets of these jurisdictions, versions that are off left out. */
export function categoriesOf(
  ruleBook: RuleBook,
  jurisdictions: ReadonlySet<string>,
  categoryId: string,
): CategoryTerms[] {
  return [...ruleBook.byRef.values()]
    .filter(({ source }) => jurisdictions.has(source.jurisdiction) && source.status !== 'off')
    .flatMap(({ source }) => source.rider_categories)
    .filter((category) => category.id === categoryId)
    .map(({ eligibility, evidence }) => ({
      alternatives: Array.isArray(eligibility) ? eligibility : [eligibility],
      evidence,
    }));
}
