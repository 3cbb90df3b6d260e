import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { addDays, civilDay, formatCivilDay } from '../calendar/civil-day.ts';
import { statutoryWorkingDay, type DayTypeCalendar } from '../calendar/day-types.ts';

/** Longer than any run of rest days in law: a search that goes further means a broken calendar. */
const SEARCH_DAYS_MAX = 15;

/**
 * The next banking day strictly after a date, days worked in exchange for a holiday included (clearing.md section 3: cards of a Friday
 * settle on Monday, and on a Sunday that is worked in lieu). Null where the calendar's year is not published yet: guessing would
 * promise money on a holiday.
 */
export function nextBankingDay(calendar: DayTypeCalendar, after: IsoDate): IsoDate | null {
  for (let ahead = 1; ahead <= SEARCH_DAYS_MAX; ahead += 1) {
    const day = addDays(civilDay(after), ahead);
    const works = statutoryWorkingDay(calendar, day);
    if (typeof works !== 'boolean') return null;
    if (works) return formatCivilDay(day) as IsoDate;
  }
  return null;
}
