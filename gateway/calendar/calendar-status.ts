import { formatCivilDay, type CivilDay } from './civil-day.ts';
import type { DayTypeCalendar } from './day-types.ts';

/** From this many days before its end a calendar asks for its next year: the notice comes out in late October or November. */
export const WARN_DAYS_BEFORE_END = 60;

export type CalendarStatus = {
  readonly state: 'covered' | 'ending' | 'ended' | 'not_begun';
  readonly firstDate: string;
  readonly lastDate: string;
  /** today included; 0 once it has ended */
  readonly daysLeft: number;
};

/** How long the calendar still answers. On its last day one day is left. */
export function calendarStatus(calendar: DayTypeCalendar, today: CivilDay): CalendarStatus {
  const daysLeft = Math.max(0, calendar.lastDay - today + 1);
  const state =
    today < calendar.firstDay
      ? 'not_begun'
      : daysLeft === 0
        ? 'ended'
        : daysLeft <= WARN_DAYS_BEFORE_END
          ? 'ending'
          : 'covered';
  return {
    state,
    firstDate: formatCivilDay(calendar.firstDay),
    lastDate: formatCivilDay(calendar.lastDay),
    daysLeft,
  };
}
