import { formatCivilDay, weekdayIndex, type CivilDay } from './civil-day.ts';

/** What kind of day it is in law (fares note 2.5). Exactly one of the four holds for every covered day. */
export const DAY_TYPES = ['weekday', 'weekend', 'public_holiday_rest', 'adjusted_working_day'] as const;
export type DayType = (typeof DAY_TYPES)[number];

/**
 * A country's day types over the years whose notices are known. `exceptions` holds only the days on which the ordinary week
 * does not decide.
 */
export type DayTypeCalendar = {
  readonly id: string;
  readonly version: number;
  /** inclusive */
  readonly firstDay: CivilDay;
  /** inclusive */
  readonly lastDay: CivilDay;
  readonly exceptions: ReadonlyMap<CivilDay, 'rest' | 'work'>;
};

export type CalendarUncovered = {
  readonly code: 'calendar_uncovered';
  readonly calendarId: string;
  readonly date: string;
};

/**
 * Classifies a day, or says that the calendar does not know it. A year whose notice is not published is unknown, not ordinary:
 * guessing would price a holiday as a working day (fares note 6, "Trap").
 */
export function dayTypeOf(calendar: DayTypeCalendar, day: CivilDay): DayType | CalendarUncovered {
  if (day < calendar.firstDay || day > calendar.lastDay) {
    return { code: 'calendar_uncovered', calendarId: calendar.id, date: formatCivilDay(day) };
  }
  switch (calendar.exceptions.get(day)) {
    case 'rest':
      return 'public_holiday_rest';
    case 'work':
      return calendarWeekday(day) ? 'weekday' : 'adjusted_working_day';
    case undefined:
      return calendarWeekday(day) ? 'weekday' : 'weekend';
  }
}

/** Monday to Friday, whatever the holiday. Needs no notice, so it is known for ever. */
export function calendarWeekday(day: CivilDay): boolean {
  const index = weekdayIndex(day);
  return index >= 1 && index <= 5;
}

/** An ordinary working day, or a Saturday or Sunday worked in exchange. */
export function statutoryWorkingDay(calendar: DayTypeCalendar, day: CivilDay): boolean | CalendarUncovered {
  const type = dayTypeOf(calendar, day);
  return typeof type === 'string' ? type === 'weekday' || type === 'adjusted_working_day' : type;
}

/** A public holiday or a rest day in lieu, on whatever day of the week. */
export function publicHoliday(calendar: DayTypeCalendar, day: CivilDay): boolean | CalendarUncovered {
  const type = dayTypeOf(calendar, day);
  return typeof type === 'string' ? type === 'public_holiday_rest' : type;
}
