import { RECORD_BYTES_MAX } from '../wire/limits.ts';
import { GATE_DECISIONS, RAILS, TAP_KINDS } from '../wire/rails.ts';
import { unpackAsked } from './asked-gateway.ts';
import { canonicalEnd, tagRankAt } from './canonical-tlv.ts';

/** The tag of the whole record and of its MAC; the drawing of all of them stands in `tap-record.ts`. */
export const RECORD_TAG = 0xe1;
export const MAC_TAG = 0xde;
export const MAC_BYTES = 32;

export type FieldLayout = {
  readonly tag: number;
  readonly occurs: 'once' | 'optional' | 'any number';
  readonly minBytes: number;
  readonly maxBytes: number;
  /** whether bytes [from, to), of a permitted length, have the form of this field */
  readonly accepts: FieldForm;
};

/** Judged where they lie: a view of a field costs more than a look at it. */
export type FieldForm = (bytes: Uint8Array, from: number, to: number) => boolean;

const SHORT_RESPONSE_BYTES_MAX = 256;
export const DATE_MS_MAX = 8.64e15;

/** In the order in which they stand. A field's form is judged here and nowhere else. */
export const RECORD_LAYOUT: readonly FieldLayout[] = [
  once(0xc1, 1, 1, (bytes, at) => bytes[at] === 1 || bytes[at] === 2),
  once(0xc2, 8, 8, isTerminalIdText),
  once(0xc3, 4, 4, (bytes, from, to) => numberBetween(bytes, from, to) >= 1),
  once(0xc4, 8, 8, (bytes, from, to) => numberBetween(bytes, from, to) <= DATE_MS_MAX),
  once(0xc5, 1, 1, isIndexOf(RAILS)),
  once(0xc6, 1, 1, isIndexOf(TAP_KINDS)),
  once(0xc7, 1, 16, isName),
  once(0xc8, 0, 16, isName),
  once(0xc9, 1, 64, isName),
  once(0xca, 4, 4, () => true),
  once(0xcb, 1, 1, isIndexOf(GATE_DECISIONS)),
  once(0xcc, 0, 40, isRefusalWord),
  once(0xcd, 5, 16, () => true),
  {
    tag: 0xce,
    occurs: 'optional',
    minBytes: 9,
    maxBytes: 9,
    accepts: (bytes, from, to) => unpackAsked(bytes.subarray(from, to)) !== null,
  },
  once(0xe3, 0, RECORD_BYTES_MAX, areAscendingDataObjects),
  { tag: 0xe4, occurs: 'optional', minBytes: 1, maxBytes: SHORT_RESPONSE_BYTES_MAX, accepts: () => true },
  {
    tag: 0xe5,
    occurs: 'any number',
    minBytes: 3,
    maxBytes: 2 + SHORT_RESPONSE_BYTES_MAX,
    accepts: isCardRecord,
  },
  once(MAC_TAG, MAC_BYTES, MAC_BYTES, () => true),
];

function once(tag: number, minBytes: number, maxBytes: number, accepts: FieldLayout['accepts']): FieldLayout {
  return { tag, occurs: 'once', minBytes, maxBytes, accepts };
}

function isIndexOf(list: readonly string[]): FieldForm {
  return (bytes, at) => (bytes[at] ?? 0xff) < list.length;
}

/** Eight of 0-9 and A-Z (wire/identifiers.ts); the layout has seen to the eight. */
export function isTerminalIdText(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    if (!isDigit && !(byte >= 0x41 && byte <= 0x5a)) return false;
  }
  return true;
}

/** Printing ASCII without the space: a name that can stand in a URL, a log line and a CSV cell. */
export function isName(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x21 || byte > 0x7e) return false;
  }
  return true;
}

/** A refusal's code as a word. A terminal of another release may know codes that this one does not. */
function isRefusalWord(bytes: Uint8Array, from: number, to: number): boolean {
  return from === to || isRefusalText(asciiText(bytes.subarray(from, to)));
}

export function isRefusalText(text: string): boolean {
  return /^[a-z][a-z0-9_]*$/.test(text);
}

/** Objects in their shortest form that fill [from, to), each tag once, in the order of the tags as they are printed. */
export function areAscendingDataObjects(bytes: Uint8Array, from: number, to: number): boolean {
  let last = 0;
  for (let at = from; at < to;) {
    const end = canonicalEnd(bytes, at, to);
    if (end === 0) return false;
    const rank = tagRankAt(bytes, at);
    if (rank <= last) return false;
    last = rank;
    at = end;
  }
  return true;
}

/** ISO 7816-4: SFI 1..30 and record number 1..254 (FF is for future use). */
export function isCardRecord(bytes: Uint8Array, from: number): boolean {
  const sfi = bytes[from] ?? 0;
  const recordNumber = bytes[from + 1] ?? 0;
  return sfi >= 1 && sfi <= 30 && recordNumber >= 1 && recordNumber <= 254;
}

/** Text of bytes that are judged or known to be ASCII; any other byte becomes a character that no rule accepts. */
export function asciiText(value: Uint8Array): string {
  return String.fromCharCode(...value);
}

export function readBigEndian(value: Uint8Array): number {
  return numberBetween(value, 0, value.length);
}

function numberBetween(bytes: Uint8Array, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) number = number * 256 + (bytes[at] ?? 0);
  return number;
}
