import type { Timeframe } from '../calendar/timeframe.ts';
import { UNRESTRICTED_POLICY, type JourneyPolicy } from '../journeys/journey-policy.ts';
import type { SameStationRules } from '../journeys/same-station-exit.ts';
import type { TimeLimitRules } from '../journeys/time-limit.ts';
import type { Fault } from './compile-rule-set.ts';
import type { JourneyRules, RuleSet } from './rule-set.ts';

export type CompiledJourneyRules = {
  readonly journeyPolicy: JourneyPolicy;
  readonly sameStation: SameStationRules | null;
  readonly timeLimit: TimeLimitRules | null;
};

/** Compiles what a rule set says of the shape of journeys, and names spans and columns that do not hold together. */
export function compileJourneyRules(
  source: RuleSet,
  timeframes: ReadonlyMap<string, Timeframe>,
  fault: Fault,
): CompiledJourneyRules {
  const rules = source.journey ?? {};
  const sameStation = sameStationOf(rules, fault);
  return {
    journeyPolicy: { ...policyOf(rules), sameStation },
    sameStation,
    timeLimit: timeLimitOf(rules, timeframes, fault),
  };
}

function policyOf(rules: JourneyRules): JourneyPolicy {
  return {
    ...UNRESTRICTED_POLICY,
    maxInsideMs: rules.max_inside_minutes === undefined ? null : rules.max_inside_minutes * 60_000,
    overLong: rules.over_long ?? UNRESTRICTED_POLICY.overLong,
    passBackMs: (rules.pass_back_seconds ?? 0) * 1000,
    interchanges: (rules.interchanges ?? []).map((i) => ({
      exitStationId: i.exit,
      entryStationId: i.entry,
      withinMs: i.within_minutes * 60_000,
    })),
  };
}

function sameStationOf(rules: JourneyRules, fault: Fault): SameStationRules | null {
  const written = rules.same_station;
  if (!written) return null;
  written.spans.forEach((span, index) => {
    const path = `journey.same_station.spans[${String(index)}]`;
    const last = index === written.spans.length - 1;
    const before = written.spans[index - 1]?.up_to_seconds ?? 0;
    if (last !== (span.up_to_seconds === undefined)) fault(path, 'exactly the last span is open');
    if (span.up_to_seconds !== undefined && span.up_to_seconds <= before)
      fault(path, 'overlap: spans do not rise');
  });
  return {
    mediums: written.mediums ? new Set(written.mediums) : null,
    spans: written.spans.map((span) => ({
      upToMs: span.up_to_seconds === undefined ? null : span.up_to_seconds * 1000,
      outcome: span.outcome,
      reentryWithinMs: span.reentry_within_seconds === undefined ? null : span.reentry_within_seconds * 1000,
    })),
  };
}

function timeLimitOf(
  rules: JourneyRules,
  timeframes: ReadonlyMap<string, Timeframe>,
  fault: Fault,
): TimeLimitRules | null {
  const written = rules.time_limit;
  if (!written) return null;
  const width = written.columns.length;
  const columns = written.columns.map((ids, i) =>
    ids.flatMap((id) => {
      const found = timeframes.get(id);
      if (!found) fault(`journey.time_limit.columns[${String(i)}]`, `unknown timeframe ${id}`);
      return found ? [found] : [];
    }),
  );
  written.zone_sets.forEach((set, i) => {
    if (set.minutes.length !== width)
      fault(`journey.time_limit.zone_sets[${String(i)}].minutes`, 'hole: not one value per column');
  });
  if (written.otherwise.permille.length !== width)
    fault('journey.time_limit.otherwise.permille', 'hole: not one value per column');
  return {
    columns,
    zoneSets: written.zone_sets.map((set) => ({ zones: new Set(set.zones), minutes: set.minutes })),
    otherwise: {
      baseMinutes: written.otherwise.base_minutes,
      perZoneMinutes: written.otherwise.per_zone_minutes,
      permille: written.otherwise.permille,
      roundUpToMinutes: written.otherwise.round_up_to_minutes,
    },
  };
}
