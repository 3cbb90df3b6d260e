/** Values by tag (upper-case hex), views of the bytes as they were read. */
export type DataObjects = Pick<ReadonlyMap<string, Uint8Array>, 'get' | 'has'>;

/** Twice what a card gives; beyond, a search through a list is no longer quick. */
const OBJECTS_MAX = 64;
/** A template is shorter than this (RECORD_BYTES_MAX is), and a card has so many at most; so a place stays below 2^29. */
const OFFSETS = 4_096;
const SOURCES_MAX = 32;

/**
 * The data objects of one exchange as offsets into its templates. A proof asks for a dozen of them and often for one of them
 * twice, so a view is made when it is asked for and kept; a list of two dozen is searched faster than a Map of it is made.
 */
export class ObjectTable implements DataObjects {
  /** tag bytes as one number: comparing numbers that lie side by side touches little memory, and this is read while all of it is cold */
  readonly #tags: number[] = [];
  /** source, start and end of each as one small integer, which costs no memory of its own */
  readonly #places: number[] = [];
  readonly #sources: Uint8Array[] = [];
  readonly #views: (Uint8Array | undefined)[] = [];

  get(tag: string): Uint8Array | undefined {
    const index = this.#indexOf(tagNumber(tag));
    if (index < 0) return undefined;
    return (this.#views[index] ??= this.#viewOf(this.#places[index] ?? 0));
  }

  has(tag: string): boolean {
    return this.#indexOf(tagNumber(tag)) >= 0;
  }

  /** The length of a value, without a view of it. */
  lengthOf(tag: string): number | undefined {
    const index = this.#indexOf(tagNumber(tag));
    // Asked of an array, -1 is the name of a property, and looked up as one.
    if (index < 0) return undefined;
    const place = this.#places[index] ?? 0;
    return (place % OFFSETS) - (Math.floor(place / OFFSETS) % OFFSETS);
  }

  #indexOf(tag: number): number {
    const tags = this.#tags;
    for (let index = 0; index < tags.length; index++) if (tags[index] === tag) return index;
    return -1;
  }

  #viewOf(place: number): Uint8Array | undefined {
    const source = this.#sources[Math.floor(place / (OFFSETS * OFFSETS))];
    return source?.subarray(Math.floor(place / OFFSETS) % OFFSETS, place % OFFSETS);
  }

  /**
   * Adds the objects that fill [from, to) of `bytes`, when all of them are primitive, in short tags, and new here.
   *
   * @returns false for anything else; the table is of no use then, and `emv/ber-tlv` says what is to be said
   */
  addAll(bytes: Uint8Array, from: number, to: number): boolean {
    const source = this.#sources.length;
    if (source >= SOURCES_MAX || bytes.length >= OFFSETS) return false;
    this.#sources.push(bytes);
    for (let at = from; at < to;) {
      const first = bytes[at] ?? 0;
      if (first === 0) {
        at += 1;
        continue;
      }
      if ((first & 0x20) !== 0) return false;
      const tagEnd = (first & 0x1f) === 0x1f ? at + 2 : at + 1;
      const second = tagEnd - at === 2 ? (bytes[at + 1] ?? 0x80) : 0;
      if ((second & 0x80) !== 0) return false;
      const tag = tagEnd - at === 2 ? first * 256 + second : first;
      const value = valueOf(bytes, tagEnd, to);
      if (value === null || this.#tags.length >= OBJECTS_MAX || this.#indexOf(tag) >= 0) return false;
      this.#tags.push(tag);
      this.#places.push((source * OFFSETS + value.start) * OFFSETS + value.end);
      at = value.end;
    }
    return true;
  }
}

/** The number of a tag as it is printed in upper-case hex; a number of no object for one that is longer than the table's. */
function tagNumber(tag: string): number {
  let number = 0;
  for (let at = 0; at < tag.length; at++) {
    const code = tag.charCodeAt(at);
    number = number * 16 + (code <= 0x39 ? code - 0x30 : code - 0x37);
  }
  return tag.length === (number > 0xff ? 4 : 2) ? number : 0;
}

/** The length of a value in any such objects. */
export function lengthIn(objects: DataObjects, tag: string): number | undefined {
  return objects instanceof ObjectTable ? objects.lengthOf(tag) : objects.get(tag)?.length;
}

/** Where the value begins and ends whose length stands at `at`; null where it is cut off or of a form that no card has. */
export function valueOf(
  bytes: Uint8Array,
  at: number,
  to: number,
): { readonly start: number; readonly end: number } | null {
  if (at >= to) return null;
  let length = bytes[at] ?? 0;
  let start = at + 1;
  if (length > 0x7f) {
    const lengthBytes = length - 0x80;
    if (lengthBytes < 1 || lengthBytes > 2 || start + lengthBytes > to) return null;
    length = 0;
    for (const lengthEnd = start + lengthBytes; start < lengthEnd; start++)
      length = length * 256 + (bytes[start] ?? 0);
  }
  return start + length > to ? null : { start, end: start + length };
}

/** Objects of both; where both have a tag, those of the first. */
export function firstOf(first: DataObjects, second: DataObjects): DataObjects {
  return new Overlaid(first, second);
}

class Overlaid implements DataObjects {
  readonly #first: DataObjects;
  readonly #second: DataObjects;

  constructor(first: DataObjects, second: DataObjects) {
    this.#first = first;
    this.#second = second;
  }

  get(tag: string): Uint8Array | undefined {
    return this.#first.get(tag) ?? this.#second.get(tag);
  }

  has(tag: string): boolean {
    return this.#first.has(tag) || this.#second.has(tag);
  }
}
