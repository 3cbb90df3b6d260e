/**
 * The identifiers both ends share. Each is a branded string or integer with one written form, checked where it enters
 * (a terminal's configuration, a tap record, an HTTP body) and trusted from there on.
 */

/** EMV 9F1C terminal identification: eight upper-case letters or digits, unique for ever within one operator city. */
export type TerminalId = string & { readonly __id: 'terminal' };

/** Per-terminal counter, 1..0xFFFFFFFF. With the terminal id it is the delivery identity of a tap; it never restarts. */
export type TapSequence = number & { readonly __id: 'tapSequence' };

/** Keyed hash of a PAN, 32 upper-case hex digits (16 bytes): the only name of a card between journal and presentment. */
export type PanToken = string & { readonly __id: 'panToken' };

/** A calendar date written YYYY-MM-DD. serviceDate, calendarDate and settlementDate are three different uses of it. */
export type IsoDate = string & { readonly __id: 'isoDate' };

const TERMINAL_ID = /^[0-9A-Z]{8}$/;
const PAN_TOKEN = /^[0-9A-F]{32}$/;
/** There is no year 0, whatever a Date makes of it. */
const ISO_DATE = /^(?!0000)(\d{4})-(\d{2})-(\d{2})$/;

export function isTerminalId(text: string): text is TerminalId {
  return TERMINAL_ID.test(text);
}

/** @throws RangeError; use it for configuration, and `isTerminalId` for anything that a peer sent. */
export function terminalId(text: string): TerminalId {
  if (!isTerminalId(text)) throw new RangeError('terminal id must be eight of 0-9 A-Z');
  return text;
}

export function isTapSequence(value: number): value is TapSequence {
  return Number.isInteger(value) && value >= 1 && value <= 0xffff_ffff;
}

/** @throws RangeError outside 1..0xFFFFFFFF */
export function tapSequence(value: number): TapSequence {
  if (!isTapSequence(value)) throw new RangeError('tap sequence must be 1..4294967295');
  return value;
}

export function isPanToken(text: string): text is PanToken {
  return PAN_TOKEN.test(text);
}

/** @throws RangeError when the text is not 32 upper-case hex digits */
export function panToken(text: string): PanToken {
  if (!isPanToken(text)) throw new RangeError('pan token must be 32 upper-case hex digits');
  return text;
}

/** True for a date that exists in the calendar: 2026-02-29 is refused. */
export function isIsoDate(text: string): text is IsoDate {
  const match = ISO_DATE.exec(text);
  if (!match) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return day >= 1 && day <= daysOfMonth(year, month);
}

const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Gregorian, from year 0 on as ISO 8601 counts; none where there is no such month. */
function daysOfMonth(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (DAYS_OF_MONTH[month - 1] ?? 0);
}

/** @throws RangeError for text that is not an existing YYYY-MM-DD date */
export function isoDate(text: string): IsoDate {
  if (!isIsoDate(text)) throw new RangeError('date must be an existing YYYY-MM-DD');
  return text;
}
