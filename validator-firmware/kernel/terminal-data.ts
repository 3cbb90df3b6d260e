import { bcdFromDigits, bcdFromNumber } from '@tapgate/sdk/emv/bcd';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { CanonicalWriter } from '@tapgate/sdk/tap-record/canonical-tlv';
import { isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { TerminalProfile } from './terminal-profile.ts';

/** What is new in every tap. */
export type TapParameters = {
  /** 9F02: the probe amount or the fare, as the profile says */
  readonly amountFen: Fen;
  /** the terminal's local date, 9A */
  readonly localDate: IsoDate;
  /** the terminal's local time HHMMSS, 9F21 */
  readonly localTime: string;
  /** 9F37: four bytes that no card can foresee, fresh for every GPO */
  readonly unpredictableNumber: Uint8Array;
};

/** Date and time of the terminal's own place at an instant. @param utcOffsetMinutes 480 in China */
export function localClockAt(
  nowMs: number,
  utcOffsetMinutes: number,
): Pick<TapParameters, 'localDate' | 'localTime'> {
  const localMs = Math.floor(nowMs + utcOffsetMinutes * 60_000);
  const day = Math.floor(localMs / DAY_MS);
  const second = Math.floor((localMs - day * DAY_MS) / 1000);
  if (lastDay.day !== day)
    lastDay = { day, date: isoDate(new Date(day * DAY_MS).toISOString().slice(0, 10)) };
  const hours = twoDigits(Math.floor(second / 3600));
  const minutes = twoDigits(Math.floor(second / 60) % 60);
  return { localDate: lastDay.date, localTime: hours + minutes + twoDigits(second % 60) };
}

const DAY_MS = 86_400_000;

/** A terminal asks for the same day all day long, and making a date out of a number costs more than the rest of its clock. */
let lastDay: { readonly day: number; readonly date: IsoDate } = { day: 0, date: isoDate('1970-01-01') };

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** Values by tag, as a card may ask for them in a data object list. */
export type TerminalData = ReadonlyMap<string, Uint8Array>;

const NOT_YET = new Uint8Array(0);
/** What differs from tap to tap; the rest is told to every card alike. */
const TAGS_OF_TAP = ['9F66', '9F02', '9A', '9F21', '9F37'] as const;

/**
 * The terminal's data objects of one tap, in ascending order of their tag bytes.
 *
 * @param ttq 9F66 with the bits of this tap
 * @spec pboc-contactless.md 2.4. The TVR at GPO time is zeros: the one in the cryptogram is this one, not the final one.
 * @throws RangeError for an unpredictable number that is not 4 bytes
 */
export function terminalDataOf(profile: TerminalProfile, tap: TapParameters, ttq: Uint8Array): TerminalData {
  if (tap.unpredictableNumber.length !== 4) throw new RangeError('an unpredictable number has 4 bytes');
  const objects = new Map(templateOf(profile));
  objects.set('9F66', ttq);
  objects.set('9F02', bcdFromNumber(tap.amountFen, 6));
  objects.set(
    '9A',
    bcdFromDigits(tap.localDate.slice(2, 4) + tap.localDate.slice(5, 7) + tap.localDate.slice(8), 3),
  );
  objects.set('9F21', bcdFromDigits(tap.localTime, 3));
  objects.set('9F37', tap.unpredictableNumber);
  return objects;
}

const TEMPLATES = new WeakMap<TerminalProfile, TerminalData>();

/** A profile's objects, read from its hex once, with a place for those of the tap; a map keeps the order of its places. */
function templateOf(profile: TerminalProfile): TerminalData {
  const known = TEMPLATES.get(profile);
  if (known !== undefined) return known;
  const fixed: (readonly [string, Uint8Array])[] = [
    ['9F03', bcdFromNumber(0, 6)],
    ['95', new Uint8Array(5)],
    ['DF69', Uint8Array.of(profile.smSupported ? 1 : 0)],
    ...Object.entries(profile.terminalObjects).map(([tag, value]) => [tag, bytesFromHex(value)] as const),
  ];
  const places = TAGS_OF_TAP.map((tag) => [tag, NOT_YET] as const);
  const template = new Map(inTagOrder([...fixed, ...places]));
  TEMPLATES.set(profile, template);
  return template;
}

/** The one order that a tap record knows: ascending by the tag bytes as printed. */
function inTagOrder(
  objects: readonly (readonly [string, Uint8Array])[],
): readonly (readonly [string, Uint8Array])[] {
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The objects as a tap record holds them. */
export function encodeTerminalData(data: TerminalData): Uint8Array {
  let capacity = 0;
  for (const value of data.values()) capacity += OBJECT_HEADER_BYTES_MAX + value.length;
  const writer = new CanonicalWriter(capacity);
  // What terminalDataOf makes is in order already; by contact objects are added at the end.
  const objects = isInTagOrder(data) ? data : inTagOrder([...data]);
  for (const [tag, value] of objects) writer.write(tagNumber(tag), value);
  return writer.written();
}

function isInTagOrder(data: TerminalData): boolean {
  let before = '';
  for (const tag of data.keys()) {
    if (tag < before) return false;
    before = tag;
  }
  return true;
}

/** The few tags of a terminal's profiles, as numbers; a tag is read once. */
const TAG_NUMBERS = new Map<string, number>();

function tagNumber(tag: string): number {
  let number = TAG_NUMBERS.get(tag);
  if (number === undefined) TAG_NUMBERS.set(tag, (number = Number.parseInt(tag, 16)));
  return number;
}

const OBJECT_HEADER_BYTES_MAX = 6;
