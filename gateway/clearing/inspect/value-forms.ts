/** Forms of values that several of our file formats share. */
export const isDigits = (text: string): boolean => /^\d+$/.test(text);
export const isHex = (text: string): boolean => /^[0-9A-F]*$/.test(text) && text.length % 2 === 0;

/** An existing date written YYYY-MM-DD. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** An existing instant in UTC with milliseconds, as toISOString writes it. */
export function isInstant(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(text)) return false;
  const date = new Date(text);
  return !Number.isNaN(date.getTime()) && date.toISOString() === text;
}

/** A month and day that exist in some year. */
export function isMonthDay(text: string): boolean {
  return /^\d{4}$/.test(text) && isDate(`2024-${text.slice(0, 2)}-${text.slice(2)}`);
}

export function isTimeOfDay(text: string): boolean {
  return /^([01]\d|2[0-3])[0-5]\d[0-5]\d$/.test(text);
}

/** Fen with a sign in front, never zero: `+100`, `-40`. */
export function isDifference(text: string): boolean {
  return /^[+-][1-9]\d{0,14}$/.test(text);
}

/** Fen that may be below zero, then with a minus. */
export function isSignedFen(text: string): boolean {
  return /^(0|-?[1-9]\d{0,14})$/.test(text);
}

/** Whole fen without sign or leading zeros. */
export function isFen(text: string): boolean {
  return /^(0|[1-9]\d{0,14})$/.test(text);
}
