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
  const tagEnd = tagEndOf(bytes, start, end);
  if (tagEnd === NONE) return null;
  const valueEnd = valueEndOf(bytes, tagEnd, end);
  if (valueEnd === NONE) return null;
  let tag = 0;
  for (let at = start; at < tagEnd; at++) tag = tag * 256 + (bytes[at] ?? 0);
  return { tag, valueStart: tagEnd + lengthBytesOf(bytes[tagEnd] ?? 0), end: valueEnd };
}

/** No object ends before its first byte. */
const NONE = 0;

/** Where the object at `start` ends, for a walk that needs nothing else of it; 0 as `readCanonicalHeader` gives null. */
export function canonicalEnd(bytes: Uint8Array, start: number, end: number): number {
  const tagEnd = tagEndOf(bytes, start, end);
  return tagEnd === NONE ? NONE : valueEndOf(bytes, tagEnd, end);
}

/**
 * ISO 8825-1: low five bits all set announce further tag bytes, the first of which is no leading zero (80 or 00). That EMV
 * writes 9F02, whose number 2 would fit one byte, is the rule of its tags and not a second spelling.
 */
function tagEndOf(bytes: Uint8Array, start: number, limit: number): number {
  const first = start < limit ? (bytes[start] ?? 0) : 0;
  if (first === 0) return NONE;
  if ((first & 0x1f) !== 0x1f) return start + 1;
  for (let at = start + 1; at < start + TAG_BYTES_MAX && at < limit; at++) {
    const next = bytes[at] ?? 0;
    if (at === start + 1 && (next & 0x7f) === 0) return NONE;
    if ((next & 0x80) === 0) return at + 1;
  }
  return NONE;
}

/** Where the value ends whose length stands at `at`, in its shortest form. */
function valueEndOf(bytes: Uint8Array, at: number, limit: number): number {
  if (at >= limit) return NONE;
  const first = bytes[at] ?? 0;
  const start = at + lengthBytesOf(first);
  if (start > limit) return NONE;
  let length = first;
  if (first === 0x81) {
    length = bytes[at + 1] ?? 0;
    if (length < 0x80) return NONE;
  } else if (first === 0x82) {
    length = (bytes[at + 1] ?? 0) * 256 + (bytes[at + 2] ?? 0);
    if (length < 0x100) return NONE;
  } else if (first > 0x7f) return NONE;
  return start + length > limit ? NONE : start + length;
}

function lengthBytesOf(first: number): number {
  return first === 0x81 ? 2 : first === 0x82 ? 3 : 1;
}

/**
 * A tag as a number by which tags ascend as they do when printed (5F2A before 95 before 9F02): its bytes from the left. No tag is
 * the beginning of another, so that this order is that of the texts.
 */
export function tagRank(tag: number): number {
  if (tag <= 0xff) return tag * 0x10000;
  return tag <= 0xffff ? tag * 0x100 : tag;
}

/** The same of the object that stands at `start` and was found to have an end. */
export function tagRankAt(bytes: Uint8Array, start: number): number {
  const first = bytes[start] ?? 0;
  if ((first & 0x1f) !== 0x1f) return first * 0x10000;
  const second = bytes[start + 1] ?? 0;
  const third = (second & 0x80) === 0 ? 0 : (bytes[start + 2] ?? 0);
  return first * 0x10000 + second * 0x100 + third;
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

  /** An object whose value is that text, one character a byte. @throws RangeError for a character outside ASCII, which a byte would fold */
  writeAscii(tag: number, text: string): void {
    this.begin(tag, text.length);
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) throw new RangeError('a text of a tap record is ASCII');
      this.#bytes[this.#at++] = code;
    }
  }

  /** An object whose value is that number, big-endian. @throws RangeError for a number that is no integer of that many bytes */
  writeNumber(tag: number, value: number, byteCount: number): void {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** byteCount)
      throw new RangeError(`an unsigned integer of ${byteCount} bytes`);
    this.begin(tag, byteCount);
    this.#at += byteCount;
    for (let at = this.#at - 1, rest = value; rest > 0; at--) {
      this.#bytes[at] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }

  /** Tag and length of an object whose value is appended in parts. */
  begin(tag: number, length: number): void {
    const headerBytes = headerByteCount(tag, length);
    if (this.#at + headerBytes + length > this.#bytes.length) throw new RangeError('the capacity is used up');
    writeHeader(this.#bytes, this.#at, tag, length);
    this.#at += headerBytes;
  }

  appendByte(byte: number): void {
    this.#bytes[this.#at++] = byte;
  }

  append(part: Uint8Array): void {
    this.#bytes.set(part, this.#at);
    this.#at += part.length;
  }

  /** Whether the last so many bytes that were written are what `accepts` takes, judged where they lie. */
  lastIs(count: number, accepts: (bytes: Uint8Array, from: number, to: number) => boolean): boolean {
    return accepts(this.#bytes, this.#at - count, this.#at);
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
