import type { IsoDate } from '../wire/identifiers.ts';
import { bcdDigits } from './bcd.ts';

/**
 * Dates as cards and certificates write them. Two-digit years 00 to 49 are 2000 to 2049, 50 to 99 are 1950 to 1999, EMV's
 * general rule. Judged by arithmetic rather than through Date, which took most of the time of reading a certificate.
 */
const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Null when there is no such month. 1950 to 2049 holds no century that is no leap year but 2000, which is one. */
function daysInMonth(year: number, month: number): number | null {
  return month === 2 && year % 4 === 0 ? 29 : (DAYS_OF_MONTH[month - 1] ?? null);
}

function fullYear(twoDigits: string): string {
  return (Number(twoDigits) < 50 ? '20' : '19') + twoDigits;
}

/** Dates by their bytes as one number: those of one day's cards are few, and of all that a card can name there are 36,525. */
const CARD_DATES = new Map<number, IsoDate>();

/** A date YYMMDD of three BCD bytes (5F24, 5F25, 9A); null when it is no date of the calendar. */
export function parseCardDate(bytes: Uint8Array): IsoDate | null {
  if (bytes.length !== 3) return null;
  const name = ((bytes[0] ?? 0) << 16) | ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0);
  const known = CARD_DATES.get(name);
  if (known !== undefined) return known;
  const date = readCardDate(bytes);
  if (date !== null) CARD_DATES.set(name, date);
  return date;
}

function readCardDate(bytes: Uint8Array): IsoDate | null {
  const digits = bcdDigits(bytes);
  if (digits === null) return null;
  const year = fullYear(digits.slice(0, 2));
  const month = digits.slice(2, 4);
  const day = digits.slice(4, 6);
  const days = daysInMonth(Number(year), Number(month));
  return days !== null && day !== '00' && Number(day) <= days ? (`${year}-${month}-${day}` as IsoDate) : null;
}

/**
 * The last day on which a certificate with this MMYY, two BCD bytes, is valid: the end of that month
 * (pboc-contactless.md 4.3). Null when the month does not exist.
 */
export function lastDayOfMonthMmyy(bytes: Uint8Array): IsoDate | null {
  const digits = bytes.length === 2 ? bcdDigits(bytes) : null;
  if (digits === null) return null;
  return lastDayOfMonth(fullYear(digits.slice(2, 4)), digits.slice(0, 2));
}

/** The same for YYMM digits, as track 2 writes an expiry. */
export function lastDayOfMonthYymm(digits: string): IsoDate | null {
  return /^\d{4}$/.test(digits) ? lastDayOfMonth(fullYear(digits.slice(0, 2)), digits.slice(2, 4)) : null;
}

function lastDayOfMonth(year: string, month: string): IsoDate | null {
  const days = daysInMonth(Number(year), Number(month));
  return days === null ? null : (`${year}-${month}-${days}` as IsoDate);
}
