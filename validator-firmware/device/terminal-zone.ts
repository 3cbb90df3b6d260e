import { isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';

/** Minutes by which local time is ahead of UTC in an IANA zone at an instant. @throws RangeError for no zone */
export function utcOffsetMinutesOf(zone: string, atMs: number): number {
  const parts = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(
    atMs,
  );
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  // `GMT`, `GMT+08:00`
  const [, sign, hours = '0', minutes = '0'] = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(name) ?? [];
  const offset = Number(hours) * 60 + Number(minutes);
  return sign === '-' ? -offset : offset;
}

/** The calendar date of an instant in an IANA zone. */
export function localDateOf(zone: string, atMs: number): IsoDate {
  return isoDate(new Date(atMs + utcOffsetMinutesOf(zone, atMs) * 60_000).toISOString().slice(0, 10));
}
