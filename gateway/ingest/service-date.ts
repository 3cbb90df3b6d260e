import { isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { DAY_MS, formatCivilDay, type CivilDay } from '../calendar/civil-day.ts';
import { wallTime, zoneClock } from '../calendar/zone-clock.ts';

/** The operator's day that a tap belongs to: before the start of the service day it is still the day before. */
export function serviceDateOf(
  operator: { readonly zone: string; readonly serviceDayStartMs: number },
  tappedAtMs: number,
): IsoDate {
  const { day } = wallTime(zoneClock(operator.zone), tappedAtMs - operator.serviceDayStartMs);
  return nameOf(day);
}

/** The day on the operator's wall at an instant: cards and certificates expire by it. */
export function calendarDateOf(zone: string, atMs: number): IsoDate {
  return nameOf(wallTime(zoneClock(zone), atMs).day);
}

/** Taps of one day are named by one string: formatting is remembered for the few days that are alive at a time. */
const names = new Map<CivilDay, IsoDate>();
const NAMES_MAX = 512;

function nameOf(day: CivilDay): IsoDate {
  const found = names.get(day);
  if (found !== undefined) return found;
  if (names.size >= NAMES_MAX) names.clear();
  const name = isoDate(formatCivilDay(day));
  names.set(day, name);
  return name;
}

/** "04:00" as ms after midnight. @throws RangeError for anything that is not HH:MM */
export function msOfDay(text: string): number {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (match === null) throw new RangeError('a time of day is HH:MM');
  return ((Number(match[1]) * 60 + Number(match[2])) * 60_000) % DAY_MS;
}
