import { DAY_MS, type CivilDay } from './civil-day.ts';

/** Reads the wall clock of one IANA zone. Its offsets come from the runtime's own zone data, found once for 1990-2060. */
export type ZoneClock = {
  readonly zone: string;
  /** ms to add to an instant to get the wall's reading as if it were UTC */
  readonly offsetMsAt: (atMs: number) => number;
};

export type WallTime = {
  readonly day: CivilDay;
  /** 0 .. 86 399 999 */
  readonly msOfDay: number;
};

const FIRST_MS = Date.UTC(1990, 0, 1);
const LAST_MS = Date.UTC(2060, 0, 1);
const PROBE_MS = 7 * DAY_MS;
const clocks = new Map<string, ZoneClock>();

/**
 * @throws RangeError for a name that is no IANA zone
 * The clock of a zone is a constant, so it is computed once: asking Intl for every tap costs more than pricing it.
 */
export function zoneClock(zone: string): ZoneClock {
  const found = clocks.get(zone);
  if (found) return found;
  const offsetOf = intlOffset(zone);
  const startsMs: number[] = [FIRST_MS];
  const offsets: number[] = [offsetOf(FIRST_MS)];
  for (let probeMs = FIRST_MS; probeMs < LAST_MS; probeMs += PROBE_MS) {
    const before = offsetOf(probeMs);
    if (before === offsetOf(probeMs + PROBE_MS)) continue;
    let low = probeMs;
    let high = probeMs + PROBE_MS;
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000;
      if (offsetOf(middle) === before) low = middle;
      else high = middle;
    }
    startsMs.push(high);
    offsets.push(offsetOf(high));
  }
  const periodOfWeek = periodsOfWeeks(startsMs);
  const offsetMsAt = (atMs: number): number => {
    const week = Math.floor((atMs - FIRST_MS) / PROBE_MS);
    let period = week < 0 ? 0 : (periodOfWeek[week] ?? startsMs.length - 1);
    // Offsets change at most once in a week.
    if (atMs >= (startsMs[period + 1] ?? Number.POSITIVE_INFINITY)) period += 1;
    return offsets[period] ?? 0;
  };
  const clock: ZoneClock = { zone, offsetMsAt };
  clocks.set(zone, clock);
  return clock;
}

export function wallTime(clock: ZoneClock, atMs: number): WallTime {
  const wallMs = atMs + clock.offsetMsAt(atMs);
  const day = Math.floor(wallMs / DAY_MS);
  return { day: day as CivilDay, msOfDay: wallMs - day * DAY_MS };
}

/** The instant of a wall time; in the hour that a clock change skips, the instant just after the change. */
export function instantOf(clock: ZoneClock, day: CivilDay, msOfDay: number): number {
  const wallMs = day * DAY_MS + msOfDay;
  const guessMs = wallMs - clock.offsetMsAt(wallMs);
  return wallMs - clock.offsetMsAt(guessMs);
}

/** The period that each probed week begins in, so that an instant is two look-ups away from its offset. */
function periodsOfWeeks(startsMs: readonly number[]): Uint8Array {
  const periods = new Uint8Array(Math.ceil((LAST_MS - FIRST_MS) / PROBE_MS));
  let period = 0;
  periods.forEach((_none, week) => {
    const weekMs = FIRST_MS + week * PROBE_MS;
    while (weekMs >= (startsMs[period + 1] ?? Number.POSITIVE_INFINITY)) period += 1;
    periods[week] = period;
  });
  return periods;
}

function intlOffset(zone: string): (atMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (atMs) => {
    const part: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(atMs)) part[type] = Number(value);
    const wallMs = Date.UTC(
      part['year'] ?? 0,
      (part['month'] ?? 1) - 1,
      part['day'],
      part['hour'],
      part['minute'],
      part['second'],
    );
    return wallMs - Math.floor(atMs / 1000) * 1000;
  };
}
