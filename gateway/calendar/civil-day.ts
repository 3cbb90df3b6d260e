/**
 * Days and times of the wall, as integers: a day is its number since 1970-01-01, a time of day is milliseconds since local
 * midnight. Instants are ms since the Unix epoch.
 */
export type CivilDay = number & { readonly __unit: 'civilDay' };

export const DAY_MS = 86_400_000;

const ISO_DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

/** @returns null for text that is not an existing YYYY-MM-DD */
export function findCivilDay(text: string): CivilDay | null {
  const match = ISO_DAY.exec(text);
  if (!match) return null;
  const atMs = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  const day = (atMs / DAY_MS) as CivilDay;
  return formatCivilDay(day) === text ? day : null;
}

/** @throws RangeError for text that is not an existing YYYY-MM-DD */
export function civilDay(text: string): CivilDay {
  const day = findCivilDay(text);
  if (day === null) throw new RangeError('not an existing YYYY-MM-DD date');
  return day;
}

export function formatCivilDay(day: CivilDay): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

export function addDays(day: CivilDay, days: number): CivilDay {
  return (day + days) as CivilDay;
}

export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** 0 = Sunday .. 6 = Saturday. 1970-01-01 was a Thursday. */
export function weekdayIndex(day: CivilDay): number {
  return (((day + 4) % 7) + 7) % 7;
}

/** The day on which somebody born on `birth` reaches `years`; 29 February is reached on 1 March of an ordinary year. */
export function birthdayOf(birth: CivilDay, years: number): CivilDay {
  const date = new Date(birth * DAY_MS);
  return (Date.UTC(date.getUTCFullYear() + years, date.getUTCMonth(), date.getUTCDate()) /
    DAY_MS) as CivilDay;
}

/** "YYYY-MM" of a day. */
export function calendarMonth(day: CivilDay): string {
  return formatCivilDay(day).slice(0, 7);
}
