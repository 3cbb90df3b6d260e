import { findCivilDay, WEEKDAYS, weekdayIndex, type CivilDay, type Weekday } from './civil-day.ts';
import {
  calendarWeekday,
  publicHoliday,
  statutoryWorkingDay,
  type CalendarUncovered,
  type DayTypeCalendar,
} from './day-types.ts';
import type { WallTime } from './zone-clock.ts';

/** Days and local times at which a rule holds. Windows are half-open and lie within one day. */
export type Timeframe = {
  readonly id: string;
  readonly event: 'entry' | 'exit';
  readonly day: DayPredicate;
  readonly windows: readonly TimeWindow[];
};

export type TimeWindow = { readonly fromMsOfDay: number; readonly toMsOfDay: number };

/** Every predicate that is not null must hold. */
export type DayPredicate = {
  readonly calendarWeekday: boolean | null;
  readonly statutoryWorkingDay: boolean | null;
  readonly publicHoliday: boolean | null;
  readonly weekdays: readonly Weekday[] | null;
  readonly dates: ReadonlySet<CivilDay> | null;
};

/** True when the answer can depend on a day type, which a calendar may not cover. */
export function asksCalendar(timeframe: Timeframe): boolean {
  return timeframe.day.statutoryWorkingDay !== null || timeframe.day.publicHoliday !== null;
}

/**
 * Decides whether a wall time lies inside. The calendar is asked last and only if the answer depends on it, so a ride at noon
 * of an unknown year is outside a morning window whatever kind of day it was.
 */
export function isInside(
  timeframe: Timeframe,
  at: WallTime,
  calendar: DayTypeCalendar,
): boolean | CalendarUncovered {
  const { day } = timeframe;
  if (!timeframe.windows.some((w) => at.msOfDay >= w.fromMsOfDay && at.msOfDay < w.toMsOfDay)) return false;
  if (day.calendarWeekday !== null && calendarWeekday(at.day) !== day.calendarWeekday) return false;
  if (day.weekdays !== null && !day.weekdays.includes(WEEKDAYS[weekdayIndex(at.day)] ?? 'sun')) return false;
  if (day.dates !== null && !day.dates.has(at.day)) return false;
  if (day.statutoryWorkingDay !== null) {
    const working = statutoryWorkingDay(calendar, at.day);
    if (working !== day.statutoryWorkingDay) return typeof working === 'boolean' ? false : working;
  }
  if (day.publicHoliday !== null) {
    const holiday = publicHoliday(calendar, at.day);
    if (holiday !== day.publicHoliday) return typeof holiday === 'boolean' ? false : holiday;
  }
  return true;
}

/** "07:00-09:00" as ms of day; 24:00 is the end of the day. The form is checked where the text is read. */
export function timeWindow(text: string): TimeWindow {
  const [from = '', to = ''] = text.split('-');
  return { fromMsOfDay: msOfDay(from), toMsOfDay: msOfDay(to) };
}

/** The day predicate of a rule file. */
export function dayPredicate(
  written:
    | {
        calendar_weekday?: boolean | undefined;
        statutory_working_day?: boolean | undefined;
        public_holiday?: boolean | undefined;
        weekdays?: readonly Weekday[] | undefined;
        dates?: readonly string[] | undefined;
      }
    | undefined,
): DayPredicate {
  const dates = written?.dates?.map(findCivilDay).filter((day) => day !== null);
  return {
    calendarWeekday: written?.calendar_weekday ?? null,
    statutoryWorkingDay: written?.statutory_working_day ?? null,
    publicHoliday: written?.public_holiday ?? null,
    weekdays: written?.weekdays ?? null,
    dates: dates ? new Set(dates) : null,
  };
}

function msOfDay(hhmm: string): number {
  return (Number(hhmm.slice(0, 2)) * 60 + Number(hhmm.slice(3))) * 60_000;
}
