/**
 * The one spelling of BER-TLV that a tap record is written in: a single-byte tag for the record's own objects (or up to three
 * bytes for EMV data objects), the shortest length form, no padding between objects. What has another spelling is not a tap
 * record, so that one meaning has one byte string and its hash is its identity.
 *
 * The card's own objects are looser (zero bytes between them are legal) and are read by `emv/ber-tlv`.
 */
export type CanonicalObject = {
  /** tag bytes as one number: 0xC1, 0x9F02 */
  readonly tag: number;
  /** offset of the first tag byte */
  readonly start: number;
  readonly value: Uint8Array;
  /** offset after the last value byte */
  readonly end: number;
};

const TAG_BYTES_MAX = 3;

/**
 * Reads the objects that fill `bytes` from `start` to `end` exactly.
 *
 * @returns null when a tag or length is cut off, not in its shortest form, indefinite, or overruns `end`
 */
export function readCanonicalObjects(
  bytes: Uint8Array,
  start: number,
  end: number,
): CanonicalObject[] | null {
  const objects: CanonicalObject[] = [];
  let offset = start;
  while (offset < end) {
    const object = readCanonicalObject(bytes, offset, end);
    if (object === null) return null;
    objects.push(object);
    offset = object.end;
  }
  return objects;
}

function readCanonicalObject(bytes: Uint8Array, start: number, end: number): CanonicalObject | null {
  const header = readCanonicalHeader(bytes, start, end);
  if (header === null) return null;
  return { tag: header.tag, start, value: bytes.subarray(header.valueStart, header.end), end: header.end };
}

/** Where an object begins and ends, without a view of it. @returns null as readCanonicalObjects */
export function readCanonicalHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly tag: number; readonly valueStart: number; readonly end: number } | null {
  const tag = readTag(bytes, start, end);
  if (tag === null) return null;
  const length = readLength(bytes, tag.end, end);
  if (length === null || length.end + length.value > end) return null;
  return { tag: tag.value, valueStart: length.end, end: length.end + length.value };
}

type Numeral = { readonly value: number; readonly end: number };

/**
 * ISO 8825-1: low five bits all set announce further tag bytes, the first of which is no leading zero (80 or 00). That EMV
 * writes 9F02, whose number 2 would fit one byte, is the rule of its tags and not a second spelling.
 */
function readTag(bytes: Uint8Array, start: number, limit: number): Numeral | null {
  const first = byteAt(bytes, start, limit);
  if (first === null || first === 0) return null;
  if ((first & 0x1f) !== 0x1f) return { value: first, end: start + 1 };
  let value = first;
  for (let offset = start + 1; offset < start + TAG_BYTES_MAX; offset++) {
    const next = byteAt(bytes, offset, limit);
    if (next === null || (offset === start + 1 && (next & 0x7f) === 0)) return null;
    value = value * 256 + next;
    if ((next & 0x80) === 0) return { value, end: offset + 1 };
  }
  return null;
}

function readLength(bytes: Uint8Array, start: number, limit: number): Numeral | null {
  const first = byteAt(bytes, start, limit);
  if (first === null) return null;
  if (first < 0x80) return { value: first, end: start + 1 };
  const second = byteAt(bytes, start + 1, limit);
  if (first === 0x81) return second !== null && second >= 0x80 ? { value: second, end: start + 2 } : null;
  const third = byteAt(bytes, start + 2, limit);
  if (first !== 0x82 || second === null || third === null) return null;
  const value = second * 256 + third;
  return value > 0xff ? { value, end: start + 3 } : null;
}

function byteAt(bytes: Uint8Array, offset: number, limit: number): number | null {
  return offset < limit ? (bytes[offset] ?? null) : null;
}

/**
 * Writes objects one after the other into one piece of memory, each in its shortest form.
 *
 * @throws RangeError from `write` for a value over 65,535 bytes, a tag over three bytes, or when the capacity is used up
 */
export class CanonicalWriter {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  write(tag: number, value: Uint8Array): void {
    const length = value.length;
    this.#number(tag, tagByteCount(tag));
    if (length < 0x80) this.#number(length, 1);
    else {
      const count = length <= 0xff ? 1 : 2;
      if (length > 0xffff) throw new RangeError('value over 65,535 bytes');
      this.#number(0x80 + count, 1);
      this.#number(length, count);
    }
    this.#bytes.set(value, this.#at);
    this.#at += length;
  }

  /** A view of what was written so far. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  #number(value: number, count: number): void {
    if (this.#at + count > this.#bytes.length) throw new RangeError('the capacity is used up');
    for (let shift = (count - 1) * 8; shift >= 0; shift -= 8)
      this.#bytes[this.#at++] = (value >> shift) & 0xff;
  }
}

/** One object in its shortest form. @throws RangeError as CanonicalWriter */
export function writeCanonicalObject(tag: number, value: Uint8Array): Uint8Array {
  const writer = new CanonicalWriter(HEADER_BYTES_MAX + value.length);
  writer.write(tag, value);
  return writer.written();
}

const HEADER_BYTES_MAX = 6;

function tagByteCount(tag: number): number {
  if (!Number.isInteger(tag) || tag <= 0 || tag > 0xffffff) throw new RangeError('tag of one to three bytes');
  if (tag <= 0xff) return 1;
  return tag <= 0xffff ? 2 : 3;
}
