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
 * A tag as a number by which tags ascend as they do when printed (5F2A before 95 before 9F02): its bytes from the left. No tag is
 * the beginning of another, so that this order is that of the texts.
 */
export function tagRank(tag: number): number {
  if (tag <= 0xff) return tag * 0x10000;
  return tag <= 0xffff ? tag * 0x100 : tag;
}

/**
 * Writes objects one after the other into one piece of memory, each in its shortest form.
 *
 * @throws RangeError for a value over 65,535 bytes, a tag over three bytes, or when the capacity is used up
 */
export class CanonicalWriter {
  readonly #bytes: Uint8Array;
  /** Room for the header of an object around all of them is left in front, so that it costs no copy. */
  #at = HEADER_BYTES_MAX;

  /** @param capacity in bytes, of all objects with their headers */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(HEADER_BYTES_MAX + capacity);
  }

  write(tag: number, value: Uint8Array): void {
    this.begin(tag, value.length);
    this.append(value);
  }

  /** Tag and length of an object whose value is appended in parts. */
  begin(tag: number, length: number): void {
    const headerBytes = headerByteCount(tag, length);
    if (this.#at + headerBytes + length > this.#bytes.length) throw new RangeError('the capacity is used up');
    writeHeader(this.#bytes, this.#at, tag, length);
    this.#at += headerBytes;
  }

  append(part: Uint8Array): void {
    this.#bytes.set(part, this.#at);
    this.#at += part.length;
  }

  /** A view of the last so many bytes that were written. */
  last(count: number): Uint8Array {
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** A view of the objects written so far. */
  written(): Uint8Array {
    return this.#bytes.subarray(HEADER_BYTES_MAX, this.#at);
  }

  /** A view of one object whose value is all that was written; nothing can be written before it afterwards. */
  writtenAs(tag: number): Uint8Array {
    const length = this.#at - HEADER_BYTES_MAX;
    const start = HEADER_BYTES_MAX - headerByteCount(tag, length);
    writeHeader(this.#bytes, start, tag, length);
    return this.#bytes.subarray(start, this.#at);
  }
}

/** Three bytes of tag, three of length. */
const HEADER_BYTES_MAX = 6;

function headerByteCount(tag: number, length: number): number {
  if (length > 0xffff) throw new RangeError('value over 65,535 bytes');
  return tagByteCount(tag) + (length < 0x80 ? 1 : length <= 0xff ? 2 : 3);
}

function writeHeader(bytes: Uint8Array, start: number, tag: number, length: number): void {
  let at = start;
  for (let shift = (tagByteCount(tag) - 1) * 8; shift >= 0; shift -= 8) bytes[at++] = (tag >> shift) & 0xff;
  if (length > 0xff) {
    bytes[at++] = 0x82;
    bytes[at++] = length >> 8;
  } else if (length >= 0x80) bytes[at++] = 0x81;
  bytes[at] = length & 0xff;
}

function tagByteCount(tag: number): number {
  if (!Number.isInteger(tag) || tag <= 0 || tag > 0xffffff) throw new RangeError('tag of one to three bytes');
  if (tag <= 0xff) return 1;
  return tag <= 0xffff ? 2 : 3;
}
