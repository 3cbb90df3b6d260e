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

/** A few thousand days are written over and over; each is written once. */
const writtenDays: string[] = [];
const LAST_KEPT_DAY = 60_000;

export function formatCivilDay(day: CivilDay): string {
  let text = writtenDays[day];
  if (text === undefined) {
    text = new Date(day * DAY_MS).toISOString().slice(0, 10);
    if (day >= 0 && day < LAST_KEPT_DAY) writtenDays[day] = text;
  }
  return text;
}

/** A date as the integer yyyymmdd, which orders as dates do. */
export type DateNumber = number & { readonly __unit: 'yyyymmdd' };

const numberedDays: DateNumber[] = [];

export function dateNumber(day: CivilDay): DateNumber {
  let found = numberedDays[day];
  if (found === undefined) {
    found = findDateNumber(formatCivilDay(day)) ?? (0 as DateNumber);
    if (day >= 0 && day < LAST_KEPT_DAY) numberedDays[day] = found;
  }
  return found;
}

/** YYYY-MM-DD as an integer; null when the text does not have that form. Whether the day exists is not asked. */
export function findDateNumber(text: string): DateNumber | null {
  if (text.length !== 10) return null;
  let value = 0;
  for (let i = 0; i < 10; i += 1) {
    const code = text.charCodeAt(i);
    if (i === 4 || i === 7) {
      if (code !== 45) return null;
    } else if (code < 48 || code > 57) return null;
    else value = value * 10 + code - 48;
  }
  return value as DateNumber;
}

/**
 * True when somebody born on `birth` has reached `years` on `day`. Reached on the birthday; who is born on 29 February reaches it
 * on 1 March of an ordinary year, because no 29 February comes before that.
 */
export function hasReachedAge(birth: DateNumber, years: number, day: DateNumber): boolean {
  return day >= birth + years * 10_000;
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

/** "YYYY-MM" of a day. */
export function calendarMonth(day: CivilDay): string {
  return formatCivilDay(day).slice(0, 7);
}
