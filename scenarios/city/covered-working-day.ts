import { isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { addDays, DAY_MS, formatCivilDay, type CivilDay } from '@tapgate/gateway/calendar/civil-day';
import { statutoryWorkingDay, type DayTypeCalendar } from '@tapgate/gateway/calendar/day-types';

const CHINA_OFFSET_MS = 8 * 60 * 60 * 1000;
/** The longest run of days without a working day is a week or so; years uncovered at the end are skipped day by day. */
const DAYS_BACK_MAX = 36_500;

/**
 * The last statutory working day up to today that the calendar covers: a demonstration stays repeatable when its calendar has
 * ended, and never prices a day that nobody has classified.
 *
 * @throws RangeError when there is none within a century
 */
export function coveredWorkingDay(calendar: DayTypeCalendar, nowMs: number): IsoDate {
  let day = Math.floor((nowMs + CHINA_OFFSET_MS) / DAY_MS) as CivilDay;
  for (let back = 0; back < DAYS_BACK_MAX; back += 1) {
    if (statutoryWorkingDay(calendar, day) === true) return isoDate(formatCivilDay(day));
    day = addDays(day, -1);
  }
  throw new RangeError('the calendar covers no working day');
}
