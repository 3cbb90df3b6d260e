import type { CalendarUncovered, DayTypeCalendar } from '../calendar/day-types.ts';
import { isInside, type Timeframe } from '../calendar/timeframe.ts';
import type { WallTime } from '../calendar/zone-clock.ts';

/** Longest journey time by the set of zones covered, in columns that the entry tap picks (fares note 1.5). */
export type TimeLimitRules = {
  /** the first column of which a timeframe holds the entry tap */
  readonly columns: readonly (readonly Timeframe[])[];
  readonly zoneSets: readonly { readonly zones: ReadonlySet<number>; readonly minutes: readonly number[] }[];
  /** for any other set: base + per zone, times the column's permille, rounded up */
  readonly otherwise: {
    readonly baseMinutes: number;
    readonly perZoneMinutes: number;
    readonly permille: readonly number[];
    readonly roundUpToMinutes: number;
  };
};

/** The limit in minutes for an entry at a wall time, or null where no column holds it. */
export function findTimeLimit(
  rules: TimeLimitRules,
  zones: readonly number[],
  entry: WallTime,
  calendar: DayTypeCalendar,
): number | null | CalendarUncovered {
  let column: number | null = null;
  for (const [index, timeframes] of rules.columns.entries()) {
    for (const timeframe of timeframes) {
      const inside = isInside(timeframe, entry, calendar);
      if (typeof inside !== 'boolean') return inside;
      if (inside) column ??= index;
    }
    if (column !== null) break;
  }
  if (column === null) return null;
  const covered = new Set(zones);
  const listed = rules.zoneSets.find(
    (s) => s.zones.size === covered.size && [...covered].every((z) => s.zones.has(z)),
  );
  if (listed) return listed.minutes[column] ?? null;
  const { baseMinutes, perZoneMinutes, permille, roundUpToMinutes } = rules.otherwise;
  const exact = (baseMinutes + perZoneMinutes * covered.size) * (permille[column] ?? 1000);
  return Math.ceil(exact / (1000 * roundUpToMinutes)) * roundUpToMinutes;
}
