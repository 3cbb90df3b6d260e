import { isTerminalId } from '../wire/identifiers.ts';
import { RECORD_BYTES_MAX } from '../wire/limits.ts';
import { GATE_DECISIONS, RAILS, TAP_KINDS } from '../wire/rails.ts';
import { unpackAsked } from './asked-gateway.ts';
import { readCanonicalHeader, tagRank } from './canonical-tlv.ts';

/** The tag of the whole record and of its MAC; the drawing of all of them stands in `tap-record.ts`. */
export const RECORD_TAG = 0xe1;
export const MAC_TAG = 0xde;
export const MAC_BYTES = 32;

export type FieldLayout = {
  readonly tag: number;
  readonly occurs: 'once' | 'optional' | 'any number';
  readonly minBytes: number;
  readonly maxBytes: number;
  /** whether a value of a permitted length has the form of this field */
  readonly accepts: (value: Uint8Array) => boolean;
};

const SHORT_RESPONSE_BYTES_MAX = 256;
export const DATE_MS_MAX = 8.64e15;

/** In the order in which they stand. A field's form is judged here and nowhere else. */
export const RECORD_LAYOUT: readonly FieldLayout[] = [
  once(0xc1, 1, 1, (value) => value[0] === 1 || value[0] === 2),
  once(0xc2, 8, 8, (value) => isTerminalId(asciiText(value))),
  once(0xc3, 4, 4, (value) => readBigEndian(value) >= 1),
  once(0xc4, 8, 8, (value) => readBigEndian(value) <= DATE_MS_MAX),
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
    accepts: (value) => unpackAsked(value) !== null,
  },
  once(0xe3, 0, RECORD_BYTES_MAX, isAscendingDataObjects),
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

function isIndexOf(list: readonly string[]): (value: Uint8Array) => boolean {
  return (value) => (value[0] ?? 0xff) < list.length;
}

/** Printing ASCII without the space: a name that can stand in a URL, a log line and a CSV cell. */
function isName(value: Uint8Array): boolean {
  for (const byte of value) if (byte < 0x21 || byte > 0x7e) return false;
  return true;
}

/** A refusal's code as a word. A terminal of another release may know codes that this one does not. */
function isRefusalWord(value: Uint8Array): boolean {
  return value.length === 0 || isRefusalText(asciiText(value));
}

export function isRefusalText(text: string): boolean {
  return /^[a-z][a-z0-9_]*$/.test(text);
}

function isAscendingDataObjects(value: Uint8Array): boolean {
  return areAscendingDataObjects(value, 0, value.length);
}

/** Objects in their shortest form that fill [from, to), each tag once, in the order of the tags as they are printed. */
export function areAscendingDataObjects(bytes: Uint8Array, from: number, to: number): boolean {
  let last = 0;
  for (let at = from; at < to;) {
    const header = readCanonicalHeader(bytes, at, to);
    if (header === null) return false;
    const rank = tagRank(header.tag);
    if (rank <= last) return false;
    last = rank;
    at = header.end;
  }
  return true;
}

/** ISO 7816-4: SFI 1..30 and record number 1..254 (FF is for future use). */
function isCardRecord(value: Uint8Array): boolean {
  const [sfi = 0, recordNumber = 0] = value;
  return sfi >= 1 && sfi <= 30 && recordNumber >= 1 && recordNumber <= 254;
}

/** Text of bytes that are judged or known to be ASCII; any other byte becomes a character that no rule accepts. */
export function asciiText(value: Uint8Array): string {
  return String.fromCharCode(...value);
}

export function readBigEndian(value: Uint8Array): number {
  return value.reduce((sum, byte) => sum * 256 + byte, 0);
}
