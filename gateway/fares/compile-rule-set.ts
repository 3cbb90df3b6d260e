import { fen, type Fen, type Rounding } from '@tapgate/sdk/wire/money';
import { findCivilDay, type CivilDay } from '../calendar/civil-day.ts';
import { asksCalendar, dayPredicate, timeWindow, type Timeframe } from '../calendar/timeframe.ts';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { wallTime, zoneClock, type ZoneClock } from '../calendar/zone-clock.ts';
import { compileEligibility, type EligibilityTest } from '../concessions/eligibility.ts';
import type { JourneyState } from '../journeys/journey.ts';
import type { JourneyPolicy } from '../journeys/journey-policy.ts';
import type { SameStationRules } from '../journeys/same-station-exit.ts';
import type { TimeLimitRules } from '../journeys/time-limit.ts';
import type { Mode } from '../journeys/mode.ts';
import { compileDistanceTable, type DistanceTable } from './distance-table.ts';
import { compileJourneyRules } from './compile-journey-rules.ts';
import type { JourneyFacts } from './journey-facts.ts';
import {
  STAGES,
  type AccumulatorRule,
  type CapRule,
  type ConcessionRule,
  type Effect,
  type FunderTerms,
  type ListFareRule,
  type MediumDiscountRule,
  type RuleSet,
  type RuleText,
  type Stage,
  type SurchargeRule,
  type TransferRule,
} from './rule-set.ts';

/** Where a rule set does not hold together; `path` is the path in its file. */
export type RuleProblem = { readonly path: string; readonly reason: string };

/** A rule set made ready for pricing: references resolved, texts of dates and windows as numbers, rules by mode and priority. */
export type CompiledRuleSet = {
  readonly source: RuleSet;
  readonly id: string;
  readonly version: number;
  readonly fromMs: number;
  /** exclusive */
  readonly toMs: number;
  readonly clock: ZoneClock;
  readonly rounding: Rounding;
  readonly stages: readonly Stage[];
  readonly asksCalendar: boolean;
  readonly timeframes: ReadonlyMap<string, Timeframe>;
  readonly byMode: ReadonlyMap<Mode, ModeRules>;
  readonly journeyPolicy: JourneyPolicy;
  readonly sameStation: SameStationRules | null;
  readonly timeLimit: TimeLimitRules | null;
};

export type ModeRules = {
  readonly listFares: readonly CompiledListFare[];
  readonly categories: readonly CategoryConcessions[];
  readonly mediums: readonly CompiledDiscount<MediumDiscountRule>[];
  readonly accumulators: readonly Compiled<AccumulatorRule>[];
  readonly transfers: readonly CompiledDiscount<TransferRule>[];
  readonly surcharges: readonly Compiled<SurchargeRule>[];
  readonly caps: readonly Compiled<CapRule>[];
};

export type Scope = {
  readonly modes: ReadonlySet<Mode>;
  readonly lines: ReadonlySet<string> | null;
  readonly exceptLines: ReadonlySet<string> | null;
  readonly lineKinds: ReadonlySet<string> | null;
  readonly mediums: ReadonlySet<string> | null;
  readonly exceptMediums: ReadonlySet<string> | null;
  readonly rails: ReadonlySet<string> | null;
  readonly states: ReadonlySet<JourneyState> | null;
};

/** The days on which a rule holds, both inclusive, as civil days. */
type InForce = { readonly firstDay: number; readonly lastDay: number };

export type Compiled<R> = { readonly rule: R; readonly scope: Scope; readonly inForce: InForce };

export type CompiledDiscount<R> = Compiled<R> & {
  readonly inside: Timeframe | null;
  readonly outside: Timeframe | null;
  readonly effect: CompiledEffect;
};

export type CompiledEffect =
  | { readonly kind: 'free' | 'refuse' | 'none' }
  | { readonly kind: 'permille'; readonly permille: number }
  | { readonly kind: 'minus'; readonly fen: Fen }
  | { readonly kind: 'fixed'; readonly fen: Fen }
  | { readonly kind: 'table'; readonly table: DistanceTable };

export type CompiledConcession = CompiledDiscount<ConcessionRule> & { readonly funder: FunderTerms | null };

export type CompiledCategory = {
  readonly id: string;
  readonly text: RuleText;
  readonly eligibility: EligibilityTest;
  readonly evidence: 'not_needed' | readonly string[];
};

export type CategoryConcessions = {
  readonly category: CompiledCategory;
  readonly concessions: readonly CompiledConcession[];
};

export type CompiledListFare = Compiled<ListFareRule> & {
  readonly table: DistanceTable | null;
  readonly stations: ReadonlyMap<string, number> | null;
};

/** True when the rule's scope holds the journey; the mode is settled by ModeRules. */
export function isInScope(scope: Scope, facts: JourneyFacts): boolean {
  if (scope.lines !== null && !scope.lines.has(facts.lineId)) return false;
  if (scope.exceptLines?.has(facts.lineId) === true) return false;
  if (scope.lineKinds !== null && (facts.lineKind === null || !scope.lineKinds.has(facts.lineKind)))
    return false;
  if (scope.mediums !== null && (facts.medium === null || !scope.mediums.has(facts.medium))) return false;
  if (facts.medium !== null && scope.exceptMediums?.has(facts.medium) === true) return false;
  if (scope.rails !== null && !scope.rails.has(facts.rail)) return false;
  return scope.states === null || scope.states.has(facts.state);
}

export function isInForce(inForce: InForce, day: CivilDay): boolean {
  return day >= inForce.firstDay && day <= inForce.lastDay;
}

/** Journeys with something missing are priced only by rules that name their state: silence is not a fare. */
const STATES_WITH_A_FARE: readonly JourneyState[] = ['single', 'complete', 'over_long'];

/**
 * Compiles one rule set, or names everything in it that does not hold together: unknown references, double ids, holes in a
 * table or matrix, tiers that do not start at 0 or do not rise, ties, dates that the calendar does not cover.
 *
 * @param calendar the day types against which the rule set's own dates are checked
 */
export function compileRuleSet(
  source: RuleSet,
  calendar: DayTypeCalendar,
): { readonly ruleSet: CompiledRuleSet } | { readonly problems: readonly RuleProblem[] } {
  const problems: RuleProblem[] = [];
  const fault = (path: string, reason: string): void => {
    problems.push({ path, reason });
  };
  checkIds(source, fault);
  const timeframes = new Map<string, Timeframe>(
    source.timeframes.map((t) => [
      t.id,
      { id: t.id, event: t.event, day: dayPredicate(t.day), windows: t.windows.map(timeWindow) },
    ]),
  );
  const compiler = new RuleSetCompiler(source, timeframes, fault);
  const clock = zoneClock(source.zone);
  const rules = compiler.compileRules();
  checkSources(source, fault);
  const journeyRules = compileJourneyRules(source, timeframes, fault);
  checkCoverage(source, timeframes, clock, calendar, fault);
  if (problems.length > 0) return { problems };

  const byMode = new Map<Mode, ModeRules>();
  for (const mode of source.scope.modes) byMode.set(mode, compiler.rulesOfMode(rules, mode));
  return {
    ruleSet: {
      source,
      id: source.id,
      version: source.version,
      fromMs: Date.parse(source.effective.from),
      toMs: source.effective.to === null ? Number.POSITIVE_INFINITY : Date.parse(source.effective.to),
      clock,
      rounding: source.rounding.mode,
      stages: source.stages ?? STAGES,
      asksCalendar: [...timeframes.values()].some(asksCalendar),
      timeframes,
      byMode,
      ...journeyRules,
    },
  };
}

export type Fault = (path: string, reason: string) => void;

type AllRules = {
  readonly listFares: readonly CompiledListFare[];
  readonly concessions: readonly CompiledConcession[];
  readonly mediums: readonly CompiledDiscount<MediumDiscountRule>[];
  readonly accumulators: readonly Compiled<AccumulatorRule>[];
  readonly transfers: readonly CompiledDiscount<TransferRule>[];
  readonly surcharges: readonly Compiled<SurchargeRule>[];
  readonly caps: readonly Compiled<CapRule>[];
};

type AnyRule =
  | ListFareRule
  | ConcessionRule
  | MediumDiscountRule
  | AccumulatorRule
  | TransferRule
  | SurchargeRule
  | CapRule;

class RuleSetCompiler {
  readonly #source: RuleSet;
  readonly #timeframes: ReadonlyMap<string, Timeframe>;
  readonly #fault: Fault;
  readonly #categories: ReadonlyMap<string, CompiledCategory>;
  readonly #sourceIds: ReadonlySet<string>;

  constructor(source: RuleSet, timeframes: ReadonlyMap<string, Timeframe>, fault: Fault) {
    this.#source = source;
    this.#timeframes = timeframes;
    this.#fault = fault;
    this.#sourceIds = new Set(source.sources.map((s) => s.id));
    this.#categories = new Map(
      source.rider_categories.map((c) => [
        c.id,
        {
          id: c.id,
          text: c.text,
          eligibility: compileEligibility(Array.isArray(c.eligibility) ? c.eligibility : [c.eligibility]),
          evidence: c.evidence,
        },
      ]),
    );
  }

  compileRules(): AllRules {
    const s = this.#source;
    const rules: AllRules = {
      listFares: this.#each(s.list_fares, 'list_fares', (r, path) => this.#listFare(r, path)),
      concessions: this.#each(s.concessions, 'concessions', (r, path) => this.#concession(r, path)),
      mediums: this.#each(s.medium_discounts, 'medium_discounts', (r, path) => this.#discount(r, path)),
      accumulators: this.#each(s.accumulators, 'accumulators', (r, path) => this.#accumulator(r, path)),
      transfers: this.#each(s.transfers, 'transfers', (r, path) => this.#discount(r, path)),
      surcharges: this.#each(s.surcharges, 'surcharges', (r) => this.#base(r)),
      caps: this.#each(s.caps, 'caps', (r, path) => {
        if (r.window.kind === 'year_from_review') this.#fault(`${path}.window`, 'a cap has no review');
        return this.#base(r);
      }),
    };
    this.#findTies('list_fares', rules.listFares);
    this.#findTies('concessions', rules.concessions);
    this.#findTies('medium_discounts', rules.mediums);
    this.#findTies('accumulators', rules.accumulators);
    this.#findTies('transfers', rules.transfers);
    this.#findTies('surcharges', rules.surcharges);
    this.#findTies('caps', rules.caps);
    return rules;
  }

  rulesOfMode(rules: AllRules, mode: Mode): ModeRules {
    const of = <R extends AnyRule, C extends Compiled<R>>(list: readonly C[]): C[] =>
      list
        .filter((c) => c.rule.status === 'on' && c.scope.modes.has(mode))
        .sort((a, b) => b.rule.priority - a.rule.priority);
    const concessions = of<ConcessionRule, CompiledConcession>(rules.concessions);
    return {
      listFares: of<ListFareRule, CompiledListFare>(rules.listFares),
      categories: [...this.#categories.values()]
        .map((category) => ({
          category,
          concessions: concessions.filter((c) => c.rule.category === category.id),
        }))
        .filter((c) => c.concessions.length > 0),
      mediums: of<MediumDiscountRule, CompiledDiscount<MediumDiscountRule>>(rules.mediums),
      accumulators: of<AccumulatorRule, Compiled<AccumulatorRule>>(rules.accumulators),
      transfers: of<TransferRule, CompiledDiscount<TransferRule>>(rules.transfers),
      surcharges: of<SurchargeRule, Compiled<SurchargeRule>>(rules.surcharges),
      caps: of<CapRule, Compiled<CapRule>>(rules.caps),
    };
  }

  #each<R extends AnyRule, C>(rules: readonly R[], part: string, compile: (rule: R, path: string) => C): C[] {
    return rules.map((rule, index) => {
      const path = `${part}[${String(index)}]`;
      rule.source.forEach((id, i) => {
        if (!this.#sourceIds.has(id)) this.#fault(`${path}.source[${String(i)}]`, `unknown source ${id}`);
      });
      for (const mode of rule.modes) {
        if (!this.#source.scope.modes.includes(mode))
          this.#fault(`${path}.modes`, `${mode} is not in this set's scope`);
      }
      return compile(rule, path);
    });
  }

  #base<R extends AnyRule>(rule: R): Compiled<R> {
    return {
      rule,
      scope: compileScope(rule),
      inForce: {
        firstDay: dayOr(rule.in_force?.first_day, Number.NEGATIVE_INFINITY),
        lastDay: dayOr(rule.in_force?.last_day, Number.POSITIVE_INFINITY),
      },
    };
  }

  #listFare(rule: ListFareRule, path: string): CompiledListFare {
    const base = this.#base({ ...rule, states: rule.states ?? [...STATES_WITH_A_FARE] });
    const table =
      rule.kind === 'bands' ? this.#table(rule.bands, rule.beyond_table !== undefined, path) : null;
    let stations: Map<string, number> | null = null;
    if (rule.kind === 'matrix') {
      stations = new Map(rule.stations.map((station, index) => [station, index]));
      if (stations.size !== rule.stations.length)
        this.#fault(`${path}.stations`, 'a station is listed twice');
      if (rule.fen.length !== rule.stations.length)
        this.#fault(`${path}.fen`, 'hole: not one row per station');
      rule.fen.forEach((row, i) => {
        if (row.length !== rule.stations.length)
          this.#fault(`${path}.fen[${String(i)}]`, 'hole: not one fare per station');
      });
    }
    return { ...base, table, stations };
  }

  #concession(rule: ConcessionRule, path: string): CompiledConcession {
    this.#requireCategory(rule.category, `${path}.category`);
    const funder = this.#source.funders.find((f) => f.id === rule.funder) ?? null;
    if (rule.funder !== undefined && !funder) this.#fault(`${path}.funder`, `unknown funder ${rule.funder}`);
    if (rule.inside !== undefined && rule.outside !== undefined)
      this.#fault(path, 'names both inside and outside: write two rules');
    return { ...this.#discount(rule, path), funder };
  }

  #discount<R extends ConcessionRule | MediumDiscountRule | TransferRule>(
    rule: R,
    path: string,
  ): CompiledDiscount<R> {
    const inside = 'inside' in rule ? rule.inside : undefined;
    const outside = 'outside' in rule ? rule.outside : undefined;
    return {
      ...this.#base(rule),
      inside: this.#timeframe(inside, `${path}.inside`),
      outside: this.#timeframe(outside, `${path}.outside`),
      effect: this.#effect(rule.effect, `${path}.effect`),
    };
  }

  #accumulator(rule: AccumulatorRule, path: string): Compiled<AccumulatorRule> {
    rule.tiers.forEach((tier, index) => {
      const before = rule.tiers[index - 1];
      const at = `${path}.tiers[${String(index)}].from`;
      if (!before && tier.from !== 0) this.#fault(at, 'gap: the first tier starts at 0');
      if (before && tier.from === before.from) this.#fault(at, 'tie: two tiers start at the same total');
      if (before && tier.from < before.from) this.#fault(at, 'overlap: tiers do not rise');
    });
    if (rule.crossing === 'split' && rule.measure === 'rides')
      this.#fault(`${path}.crossing`, 'a count of rides cannot be split');
    if (rule.window.kind === 'year_from_review') this.#fault(`${path}.window`, 'only a quota has a review');
    return this.#base(rule);
  }

  #effect(written: Effect | 'refuse' | 'none', path: string): CompiledEffect {
    if (typeof written === 'string') return { kind: written };
    if ('permille' in written) return { kind: 'permille', permille: written.permille };
    if ('minus_fen' in written) return { kind: 'minus', fen: fen(written.minus_fen) };
    if ('fixed_fen' in written) return { kind: 'fixed', fen: fen(written.fixed_fen) };
    const table = this.#table(written.bands, written.beyond_table !== undefined, path);
    return table ? { kind: 'table', table } : { kind: 'none' };
  }

  #table(
    bands: Parameters<typeof compileDistanceTable>[0],
    mayEnd: boolean,
    path: string,
  ): DistanceTable | null {
    const compiled = compileDistanceTable(bands, mayEnd);
    if ('table' in compiled) return compiled.table;
    for (const p of compiled.problems) this.#fault(`${path}.bands[${String(p.index)}]`, p.reason);
    return null;
  }

  #timeframe(id: string | undefined, path: string): Timeframe | null {
    if (id === undefined) return null;
    const found = this.#timeframes.get(id);
    if (!found) this.#fault(path, `unknown timeframe ${id}`);
    return found ?? null;
  }

  #requireCategory(id: string, path: string): void {
    if (!this.#categories.has(id)) this.#fault(path, `unknown rider category ${id}`);
  }

  /** Two rules of one stage with one priority that can meet on a ride: nothing would say which of them counts. */
  #findTies(part: string, rules: readonly Compiled<AnyRule>[]): void {
    rules.forEach((a, i) => {
      rules.slice(i + 1).forEach((b, j) => {
        if (a.rule.status === 'off' || b.rule.status === 'off' || a.rule.priority !== b.rule.priority) return;
        if (!scopesMeet(a.scope, b.scope) || !periodsMeet(a.inForce, b.inForce)) return;
        if (neverTogether(a.rule, b.rule)) return;
        this.#fault(
          `${part}[${String(i + 1 + j)}].priority`,
          `tie: ${a.rule.id} and ${b.rule.id} have the same priority and can meet`,
        );
      });
    });
  }
}

/** A written scope made ready; an absent list does not restrict. */
export function compileScope(rule: {
  modes: readonly Mode[];
  lines?: readonly string[] | undefined;
  except_lines?: readonly string[] | undefined;
  line_kinds?: readonly string[] | undefined;
  mediums?: readonly string[] | undefined;
  except_mediums?: readonly string[] | undefined;
  rails?: readonly string[] | undefined;
  states?: readonly JourneyState[] | undefined;
}): Scope {
  const set = <T>(list: readonly T[] | undefined): ReadonlySet<T> | null => (list ? new Set(list) : null);
  return {
    modes: new Set(rule.modes),
    lines: set(rule.lines),
    exceptLines: set(rule.except_lines),
    lineKinds: set(rule.line_kinds),
    mediums: set(rule.mediums),
    exceptMediums: set(rule.except_mediums),
    rails: set(rule.rails),
    states: set(rule.states),
  };
}

function scopesMeet(a: Scope, b: Scope): boolean {
  const meet = (x: ReadonlySet<unknown> | null, y: ReadonlySet<unknown> | null): boolean =>
    x === null || y === null || [...x].some((value) => y.has(value));
  const excluded = (wanted: ReadonlySet<string> | null, except: ReadonlySet<string> | null): boolean =>
    wanted !== null && except !== null && [...wanted].every((value) => except.has(value));
  return (
    meet(a.modes, b.modes) &&
    meet(a.lines, b.lines) &&
    !excluded(a.lines, b.exceptLines) &&
    !excluded(b.lines, a.exceptLines) &&
    !excluded(a.mediums, b.exceptMediums) &&
    !excluded(b.mediums, a.exceptMediums) &&
    meet(a.lineKinds, b.lineKinds) &&
    meet(a.mediums, b.mediums) &&
    meet(a.rails, b.rails) &&
    meet(a.states, b.states)
  );
}

/** Rules that part the rides between them although their scopes meet: the same station or not, inside an hour or outside it. */
function neverTogether(a: AnyRule, b: AnyRule): boolean {
  if ('kind' in a && 'kind' in b) {
    return a.same_station !== undefined && b.same_station !== undefined && a.same_station !== b.same_station;
  }
  return (
    ('inside' in a && 'outside' in b && a.inside !== undefined && a.inside === b.outside) ||
    ('outside' in a && 'inside' in b && a.outside !== undefined && a.outside === b.inside)
  );
}

function periodsMeet(a: InForce, b: InForce): boolean {
  return a.firstDay <= b.lastDay && b.firstDay <= a.lastDay;
}

function checkIds(source: RuleSet, fault: Fault): void {
  const once = (part: string, ids: readonly string[]): void => {
    ids.forEach((id, index) => {
      if (ids.indexOf(id) !== index) fault(`${part}[${String(index)}].id`, `duplicate id ${id}`);
    });
  };
  const idsOf = (list: readonly { id: string }[]): string[] => list.map((r) => r.id);
  once('sources', idsOf(source.sources));
  once('timeframes', idsOf(source.timeframes));
  once('rider_categories', idsOf(source.rider_categories));
  once('funders', idsOf(source.funders));
  // A rule id names one rule of the set in every trace, so it is unique over all stages.
  const seen = new Set<string>();
  const parts = {
    list_fares: source.list_fares,
    concessions: source.concessions,
    medium_discounts: source.medium_discounts,
    accumulators: source.accumulators,
    transfers: source.transfers,
    surcharges: source.surcharges,
    caps: source.caps,
  };
  for (const [part, rules] of Object.entries(parts)) {
    rules.forEach((r, index) => {
      if (seen.has(r.id)) fault(`${part}[${String(index)}].id`, `duplicate id ${r.id}`);
      seen.add(r.id);
    });
  }
  if (source.stages) {
    if (new Set(source.stages).size !== source.stages.length) fault('stages', 'a stage is named twice');
    if (source.stages[0] !== 'list_fare') fault('stages', 'list_fare comes first');
    if (source.stages[source.stages.length - 1] !== 'rounding') fault('stages', 'rounding comes last');
    for (const stage of STAGES) if (!source.stages.includes(stage)) fault('stages', `${stage} is missing`);
  }
}

/** Sources outside the rules: funders' agreements and what is said of the shape of journeys. */
function checkSources(source: RuleSet, fault: Fault): void {
  const known = new Set(source.sources.map((s) => s.id));
  const check = (ids: readonly string[] | undefined, path: string): void => {
    ids?.forEach((id, i) => {
      if (!known.has(id)) fault(`${path}.source[${String(i)}]`, `unknown source ${id}`);
    });
  };
  source.funders.forEach((f, i) => {
    check(f.source, `funders[${String(i)}]`);
  });
  check(source.journey?.same_station?.source, 'journey.same_station');
  check(source.journey?.time_limit?.source, 'journey.time_limit');
}

function checkCoverage(
  source: RuleSet,
  timeframes: ReadonlyMap<string, Timeframe>,
  clock: ZoneClock,
  calendar: DayTypeCalendar,
  fault: Fault,
): void {
  const covered = (day: CivilDay): boolean => day >= calendar.firstDay && day <= calendar.lastDay;
  source.timeframes.forEach((t, i) => {
    t.day?.dates?.forEach((text, j) => {
      const day = findCivilDay(text);
      if (day !== null && !covered(day))
        fault(
          `timeframes[${String(i)}].day.dates[${String(j)}]`,
          `${text} is outside the calendar's coverage`,
        );
    });
  });
  // World rule sets bring a day type per ride; only a set of the calendar's own country can be checked against it.
  if (source.currency !== 'CNY' || ![...timeframes.values()].some(asksCalendar)) return;
  const first = wallTime(clock, Date.parse(source.effective.from)).day;
  if (!covered(first))
    fault('effective.from', 'is outside the coverage of the calendar that its day predicates ask');
}

function dayOr(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : (findCivilDay(text) ?? otherwise);
}
