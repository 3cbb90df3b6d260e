import type { Fen } from '@tapgate/sdk/wire/money';
import { DAY_MS, formatCivilDay, weekdayIndex, type CivilDay } from '../calendar/civil-day.ts';
import { instantOf, wallTime, type ZoneClock } from '../calendar/zone-clock.ts';
import type { Mode } from '../journeys/mode.ts';
import type { AccumulationWindow } from './rule-set.ts';

/** What happened before this ride on the same card, as far as rules ask for it. */
export type WindowFacts = {
  /** totals by `windowKey`; a key that is absent is zero */
  readonly totals: ReadonlyMap<string, WindowTotal>;
  /** the ride just before, whatever it was; null = none */
  readonly previous: PreviousRide | null;
};

export type WindowTotal = {
  /** rides that the rule counts */
  readonly rides: number;
  /** what was really charged for them */
  readonly paidFen: Fen;
};

export type PreviousRide = {
  readonly mode: Mode;
  readonly lineId: string;
  readonly medium: string | null;
  readonly entryAtMs: number;
  /** null where the mode has no exit tap */
  readonly exitAtMs: number | null;
  readonly exitStationId: string | null;
  /** transfers in the chain up to and including that ride: 0 = it was a first ride, or paid as one */
  readonly transfersInChain: number;
  /** first boarding of that chain */
  readonly firstBoardingAtMs: number;
};

export const NO_HISTORY: WindowFacts = { totals: new Map(), previous: null };

/** One window of one rule in which a ride falls, half-open in instants: what a store sums before it asks for the price. */
export type WindowSpan = { readonly label: string; readonly fromMs: number; readonly toMs: number };

/** The key under which WindowFacts hold the total of a rule's window. */
export function windowKey(ruleId: string, label: string): string {
  return `${ruleId}@${label}`;
}

/** Minutes after midnight at which the window's day begins, as ms. */
export function startsAtMs(window: AccumulationWindow): number {
  if (window.starts_at === undefined) return 0;
  return (Number(window.starts_at.slice(0, 2)) * 60 + Number(window.starts_at.slice(3))) * 60_000;
}

/** Only the name of the window, which is all that pricing needs. */
export function windowLabel(
  window: AccumulationWindow,
  clock: ZoneClock,
  atMs: number,
  reviewedDay: CivilDay | null,
): string {
  const wall = wallTime(clock, atMs);
  const day = (wall.msOfDay < startsAtMs(window) ? wall.day - 1 : wall.day) as CivilDay;
  switch (window.kind) {
    case 'day':
      return formatCivilDay(day);
    case 'iso_week':
      return `week of ${formatCivilDay(mondayOf(day))}`;
    case 'calendar_month':
      return formatCivilDay(day).slice(0, 7);
    case 'year_from_review':
      return `year from ${reviewedDay === null ? 'no review' : formatCivilDay(reviewedDay)}`;
  }
}

/** The window in which an instant falls. */
export function windowSpan(
  window: AccumulationWindow,
  clock: ZoneClock,
  atMs: number,
  reviewedDay: CivilDay | null,
): WindowSpan {
  const wall = wallTime(clock, atMs);
  const start = startsAtMs(window);
  const day = (wall.msOfDay < start ? wall.day - 1 : wall.day) as CivilDay;
  const label = windowLabel(window, clock, atMs, reviewedDay);
  const between = (first: number, after: number): WindowSpan => ({
    label,
    fromMs: instantOf(clock, first as CivilDay, start),
    toMs: instantOf(clock, after as CivilDay, start),
  });
  switch (window.kind) {
    case 'day':
      return between(day, day + 1);
    case 'iso_week':
      return between(mondayOf(day), mondayOf(day) + 7);
    case 'calendar_month': {
      const date = new Date(day * DAY_MS);
      const first = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) / DAY_MS;
      const after = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / DAY_MS;
      return between(first, after);
    }
    case 'year_from_review': {
      const first = reviewedDay ?? day;
      const date = new Date(first * DAY_MS);
      return between(
        first,
        Date.UTC(date.getUTCFullYear() + 1, date.getUTCMonth(), date.getUTCDate()) / DAY_MS,
      );
    }
  }
}

function mondayOf(day: CivilDay): CivilDay {
  return (day - ((weekdayIndex(day) + 6) % 7)) as CivilDay;
}
