import { timingSafeEqual } from 'node:crypto';
import { type TapSequence, type TerminalId } from '../wire/identifiers.ts';
import { RECORD_BYTES_MAX } from '../wire/limits.ts';
import { GATE_DECISIONS, RAILS, TAP_KINDS } from '../wire/rails.ts';
import { type Refusal, refuse } from '../wire/refusals.ts';
import { type CanonicalObject, CanonicalWriter, readCanonicalObjects } from './canonical-tlv.ts';
import { packAsked, unpackAsked } from './asked-gateway.ts';
import {
  asciiText,
  MAC_BYTES,
  MAC_TAG,
  readBigEndian,
  RECORD_LAYOUT,
  RECORD_TAG,
  type FieldLayout,
} from './tap-record-layout.ts';
import { walkTapRecord } from './tap-record-walk.ts';
import { type CardRecord, layoutVersionOf, type TapRecord } from './tap-record.ts';

export type ParsedTapRecord = {
  readonly ok: true;
  readonly record: TapRecord;
  /** the bytes that the terminal's MAC is made over: all of E1's value before the MAC object */
  readonly macInput: Uint8Array;
  readonly mac: Uint8Array;
};

export type UnreadableTapRecord = {
  readonly ok: false;
  readonly refusal: Refusal<'record_too_large' | 'record_malformed'>;
};

/**
 * Writes a tap record, MAC included. Each field is held to its layout on its way in, by the same rules as when it is read, so that
 * no terminal can make a record that a gateway would refuse; reading the bytes back cost a third of making them.
 *
 * @param mac HMAC-SM3 under the terminal's MAC key, 32 bytes
 * @throws RangeError for a record that has no canonical form; its message is the path of the field and never a value
 */
export function encodeTapRecord(record: TapRecord, mac: (macInput: Uint8Array) => Uint8Array): Uint8Array {
  const fields = new CanonicalWriter(capacityOf(record));
  writeRecordFields(record, fields);
  writeField(fields, MAC_TAG, mac(fields.written()));
  const contradiction = findContradiction(record, layoutVersionOf(record));
  if (contradiction !== null) throw unwritable('record_malformed', `E1.${contradiction}`);
  const bytes = fields.writtenAs(RECORD_TAG);
  if (bytes.length > RECORD_BYTES_MAX) throw unwritable('record_too_large', 'E1');
  return bytes;
}

function unwritable(code: UnreadableTapRecord['refusal']['code'], field: string): RangeError {
  return new RangeError(`not a tap record: ${code} ${field}`);
}

function writeField(fields: CanonicalWriter, tag: number, value: Uint8Array): void {
  fields.write(tag, value);
  requireFit(fields, tag, value.length);
}

function writeText(fields: CanonicalWriter, tag: number, text: string): void {
  fields.writeAscii(tag, text);
  requireFit(fields, tag, text.length);
}

function writeNumber(fields: CanonicalWriter, tag: number, value: number, byteCount: number): void {
  fields.writeNumber(tag, value, byteCount);
  requireFit(fields, tag, byteCount);
}

const LAYOUT_OF_TAG: (FieldLayout | undefined)[] = [];
for (const layout of RECORD_LAYOUT) LAYOUT_OF_TAG[layout.tag] = layout;

/** Holds the field that was written last, of so many bytes, to its layout. */
function requireFit(fields: CanonicalWriter, tag: number, length: number): void {
  const layout = LAYOUT_OF_TAG[tag];
  const fits =
    layout !== undefined &&
    length >= layout.minBytes &&
    length <= layout.maxBytes &&
    fields.lastIs(length, layout.accepts);
  if (!fits) throw unwritable('record_malformed', `E1.${fieldName(tag)}`);
}

/** Room for the fields of any record, those that are too long included: the layout names them when it reads them back. */
function capacityOf(record: TapRecord): number {
  const { terminalData, gpoResponse, cardRecords, dfName } = record;
  const texts = record.lineId.length + (record.stationId?.length ?? 0) + record.ruleSetVersion.length;
  const objects = terminalData.length + (gpoResponse?.length ?? 0) + dfName.length;
  let reads = 0;
  for (const read of cardRecords) reads += read.body.length + 8;
  return 256 + texts + (record.gateRefusal?.length ?? 0) + objects + reads;
}

function writeRecordFields(record: TapRecord, fields: CanonicalWriter): void {
  writeNumber(fields, 0xc1, layoutVersionOf(record), 1);
  writeText(fields, 0xc2, record.terminalId);
  writeNumber(fields, 0xc3, record.tapSequence, 4);
  writeNumber(fields, 0xc4, record.tappedAtMs, 8);
  writeNumber(fields, 0xc5, codeOf(RAILS, record.rail), 1);
  writeNumber(fields, 0xc6, codeOf(TAP_KINDS, record.tapKind), 1);
  writeText(fields, 0xc7, record.lineId);
  writeText(fields, 0xc8, record.stationId ?? '');
  writeText(fields, 0xc9, record.ruleSetVersion);
  writeNumber(fields, 0xca, record.hotlistVersion, 4);
  writeNumber(fields, 0xcb, codeOf(GATE_DECISIONS, record.gateDecision), 1);
  writeText(fields, 0xcc, record.gateRefusal ?? '');
  writeField(fields, 0xcd, record.dfName);
  if (record.asked !== undefined) writeField(fields, 0xce, packAsked(record.asked));
  writeField(fields, 0xe3, record.terminalData);
  if (record.gpoResponse !== null) writeField(fields, 0xe4, record.gpoResponse);
  for (const read of record.cardRecords) writeCardRecord(fields, read);
}

/** A word's place in its list; FF, which no field accepts, for a word that is not in it. */
function codeOf<Word extends string>(words: readonly Word[], word: Word): number {
  const code = words.indexOf(word);
  return code < 0 ? 0xff : code;
}

function writeCardRecord(fields: CanonicalWriter, { sfi, recordNumber, body }: CardRecord): void {
  const length = 2 + body.length;
  fields.begin(CARD_RECORD_TAG, length);
  fields.appendByte(sfi);
  fields.appendByte(recordNumber);
  fields.append(body);
  requireFit(fields, CARD_RECORD_TAG, length);
}

const CARD_RECORD_TAG = 0xe5;

/**
 * Reads a tap record from the bytes that a terminal sent. Strictly canonical: what is accepted is exactly what
 * `encodeTapRecord` writes, so equal meaning is equal bytes. The parts of the record are views of `bytes`, not copies.
 *
 * @refuses record_too_large over RECORD_BYTES_MAX; record_malformed with the path of the first field, in the order of the
 *   layout, that is cut off, out of order, missing, repeated, of another length or of another form
 */
export function parseTapRecord(bytes: Uint8Array): ParsedTapRecord | UnreadableTapRecord {
  if (bytes.length > RECORD_BYTES_MAX) return { ok: false, refusal: refuse('record_too_large', 'E1') };
  const walked = walkTapRecord(bytes);
  if (walked === null) return judgeObjects(bytes);
  const { record, macInput, mac } = walked;
  return { ok: true, record, macInput, mac };
}

/** Object by object against the layout, for a record that has a fault: the first field that does not fit is the one named. */
export function judgeObjects(bytes: Uint8Array): ParsedTapRecord | UnreadableTapRecord {
  const [outer, ...trailing] = readCanonicalObjects(bytes, 0, bytes.length) ?? [];
  if (outer?.tag !== RECORD_TAG || trailing.length > 0) return malformed('E1');
  const children = readCanonicalObjects(outer.value, 0, outer.value.length);
  if (children === null) return malformed('E1');

  const fields = assignFields(children);
  if (typeof fields === 'string') return malformed(`E1.${fields}`);
  const record = buildRecord(fields);
  const contradiction = findContradiction(record, valueOf(fields, 0xc1)[0]);
  if (contradiction !== null) return malformed(`E1.${contradiction}`);

  const macObject = children[children.length - 1];
  if (macObject === undefined) return malformed('E1.DE');
  return { ok: true, record, macInput: outer.value.subarray(0, macObject.start), mac: macObject.value };
}

function malformed(field: string): UnreadableTapRecord {
  return { ok: false, refusal: refuse('record_malformed', field) };
}

type Fields = ReadonlyMap<number, readonly Uint8Array[]>;

/** Walks layout and objects side by side. @returns the tag of the first field that does not fit */
function assignFields(children: readonly CanonicalObject[]): Fields | string {
  const fields = new Map<number, readonly Uint8Array[]>();
  let next = 0;
  for (const layout of RECORD_LAYOUT) {
    const values: Uint8Array[] = [];
    for (let child = children[next]; child?.tag === layout.tag; child = children[next]) {
      if (!fits(layout, child.value) || (values.length > 0 && layout.occurs !== 'any number'))
        return fieldName(layout.tag);
      values.push(child.value);
      next++;
    }
    if (values.length === 0 && layout.occurs === 'once') return misfit(layout, children[next]);
    fields.set(layout.tag, values);
  }
  const surplus = children[next];
  return surplus === undefined ? fields : fieldName(surplus.tag);
}

/** A field that the layout does not know is named itself; otherwise it is the awaited one that is missing or displaced. */
function misfit(awaited: FieldLayout, found: CanonicalObject | undefined): string {
  const known = found === undefined || RECORD_LAYOUT.some((layout) => layout.tag === found.tag);
  return fieldName(known ? awaited.tag : found.tag);
}

function fits(layout: FieldLayout, value: Uint8Array): boolean {
  const { length } = value;
  return length >= layout.minBytes && length <= layout.maxBytes && layout.accepts(value, 0, length);
}

function fieldName(tag: number): string {
  const digits = tag.toString(16).toUpperCase();
  return digits.padStart(digits.length + (digits.length % 2), '0');
}

/** The layout has judged every field, so the casts to branded words below only give a judged value its name. */
function buildRecord(fields: Fields): TapRecord {
  const stationId = asciiText(valueOf(fields, 0xc8));
  const gateRefusal = asciiText(valueOf(fields, 0xcc));
  const [askedBytes] = fields.get(0xce) ?? [];
  const asked = askedBytes === undefined ? null : unpackAsked(askedBytes);
  return {
    terminalId: asciiText(valueOf(fields, 0xc2)) as TerminalId,
    tapSequence: readBigEndian(valueOf(fields, 0xc3)) as TapSequence,
    tappedAtMs: readBigEndian(valueOf(fields, 0xc4)),
    rail: wordAt(RAILS, valueOf(fields, 0xc5)),
    tapKind: wordAt(TAP_KINDS, valueOf(fields, 0xc6)),
    lineId: asciiText(valueOf(fields, 0xc7)),
    stationId: stationId === '' ? null : stationId,
    ruleSetVersion: asciiText(valueOf(fields, 0xc9)),
    hotlistVersion: readBigEndian(valueOf(fields, 0xca)),
    gateDecision: wordAt(GATE_DECISIONS, valueOf(fields, 0xcb)),
    gateRefusal: gateRefusal === '' ? null : gateRefusal,
    ...(asked === null ? {} : { asked }),
    dfName: valueOf(fields, 0xcd),
    terminalData: valueOf(fields, 0xe3),
    gpoResponse: fields.get(0xe4)?.[0] ?? null,
    cardRecords: (fields.get(0xe5) ?? []).map(readCardRecord),
  };
}

function readCardRecord(value: Uint8Array): CardRecord {
  const [sfi = 0, recordNumber = 0] = value;
  return { sfi, recordNumber, body: value.subarray(2) };
}

function valueOf(fields: Fields, tag: number): Uint8Array {
  const value = fields.get(tag)?.[0];
  if (value === undefined) throw new RangeError('a field that occurs once was not assigned');
  return value;
}

function wordAt<Word extends string>(list: readonly Word[], value: Uint8Array): Word {
  const word = list[value[0] ?? list.length];
  if (word === undefined) throw new RangeError('an index that the layout accepted is not in its list');
  return word;
}

/** @returns the tag of the field that says something else than another one */
function findContradiction(record: TapRecord, layoutVersion: number | undefined): string | null {
  if (layoutVersion !== layoutVersionOf(record)) return 'CE';
  if ((record.gateDecision === 'open') !== (record.gateRefusal === null)) return 'CC';
  if (record.gpoResponse === null && record.cardRecords.length > 0) return 'E5';
  return null;
}

/**
 * Whether the record was made by the terminal whose MAC key `mac` uses.
 *
 * @param mac HMAC-SM3 under that key, 32 bytes; the key itself may stay with a key provider
 */
export function verifyTapRecordMac(
  parsed: Pick<ParsedTapRecord, 'macInput' | 'mac'>,
  mac: (macInput: Uint8Array) => Uint8Array,
): boolean {
  const expected = mac(parsed.macInput);
  return expected.length === MAC_BYTES && timingSafeEqual(expected, parsed.mac);
}
