/** What a rule set says of leaving at the station of entry; spans rise, the last is open. */
export type SameStationRules = {
  /** null: whatever the rider pays with */
  readonly mediums: ReadonlySet<string> | null;
  readonly spans: readonly SameStationSpan[];
};

export type SameStationSpan = {
  /** inclusive; null = no end */
  readonly upToMs: number | null;
  readonly outcome: SameStationOutcome;
  /** entering again within this time of the exit gives the fare back and begins a new journey; null = no such right */
  readonly reentryWithinMs: number | null;
};

export const SAME_STATION_OUTCOMES = [
  'max_fare_not_counted',
  'minimum_fare_counts_to_cap',
  'two_incomplete_journeys',
] as const;
export type SameStationOutcome = (typeof SAME_STATION_OUTCOMES)[number];

export type SameStationVerdict = SameStationOutcome | 'max_fare_refunded_new_journey';

export type SameStationExit = {
  readonly medium: string | null;
  readonly entryAtMs: number;
  readonly exitAtMs: number;
  /** the card's next entry; null = none yet */
  readonly nextEntryAtMs: number | null;
};

/** Decides what an exit at the station of entry means; null where the rules say nothing of this medium. */
export function judgeSameStationExit(
  rules: SameStationRules,
  exit: SameStationExit,
): SameStationVerdict | null {
  if (rules.mediums !== null && (exit.medium === null || !rules.mediums.has(exit.medium))) return null;
  const insideMs = exit.exitAtMs - exit.entryAtMs;
  const span = rules.spans.find((s) => s.upToMs === null || insideMs <= s.upToMs);
  if (!span) return null;
  const again = exit.nextEntryAtMs === null ? null : exit.nextEntryAtMs - exit.exitAtMs;
  const inTime =
    span.reentryWithinMs !== null && again !== null && again >= 0 && again <= span.reentryWithinMs;
  return inTime ? 'max_fare_refunded_new_journey' : span.outcome;
}
