export { encodeTlv, encodeTlvTree, type TlvDraft } from './tlv-encoding.ts';

/**
 * BER-TLV as EMV uses it: tag (class, constructed bit, number), definite length, value (ISO/IEC 8825-1; pboc-contactless.md
 * 2.6 and 3).
 *
 *   tag      1 byte, or 2 to 4 when the low five bits of the first are all ones and each next byte but the last has bit 8
 *   length   00-7F, or 81-84 and that many bytes big-endian; 80 (indefinite) is refused
 *   value    length bytes; for a constructed tag (bit 6 of the first byte) again objects
 *
 * Bytes 00 where a tag should stand are padding and are passed over. Values are views of the input, never copies, so that
 * nothing is allocated by a length that a card states; objects and depth are bounded besides.
 */
export type TlvNode = {
  /** upper-case hex, e.g. 9F38 */
  readonly tag: string;
  /** a view of the input */
  readonly value: Uint8Array;
  /** of a constructed object that is not opaque */
  readonly children?: readonly TlvNode[] | undefined;
  /** where its tag stands in the input, in bytes */
  readonly offset: number;
};

/** In the order in which a reader meets them at one object. */
export const TLV_REFUSAL_CODES = [
  'input_too_long',
  'too_deep',
  'too_many_objects',
  'tag_truncated',
  'tag_too_long',
  'tag_not_minimal',
  'duplicate_object',
  'length_missing',
  'indefinite_length',
  'length_too_long',
  'length_truncated',
  'value_truncated',
] as const;
export type TlvRefusalCode = (typeof TLV_REFUSAL_CODES)[number];

export type TlvRefusal = {
  readonly code: TlvRefusalCode;
  /** of the byte where the expectation failed; the end of the input when a byte is missing */
  readonly offset: number;
  /** constant words and counts of bytes, never a value */
  readonly expected: string;
  /** tags from the outermost template to the object in question */
  readonly path: readonly string[];
};

export type TlvResult =
  | { readonly ok: true; readonly nodes: readonly TlvNode[] }
  | { readonly ok: false; readonly refusal: TlvRefusal };

export type TlvOptions = {
  /**
   * `lenient` reads whatever BER allows, as a tool or a log viewer wants. `strict` (the default) is what a kernel accepts: it
   * also refuses the same primitive tag twice in one template, and a tag number that begins with zeros.
   */
  readonly mode?: 'strict' | 'lenient';
  /** templates inside templates; a card needs 5 */
  readonly maxDepth?: number;
  /** objects in all; a card response of 256 bytes cannot hold more than 128 */
  readonly maxObjects?: number;
  /** constructed tags whose value is taken as it is, without children */
  readonly opaqueTags?: ReadonlySet<string>;
};

const MAX_DEPTH = 16;
const MAX_OBJECTS = 512;
/** A record or a response of a card is below 300 bytes; a tap record below 4 KiB. */
const MAX_INPUT_BYTES = 1 << 20;
const MAX_TAG_BYTES = 4;

/**
 * Parses the objects that follow each other in `bytes`.
 *
 * @refuses the codes of TLV_REFUSAL_CODES, the first one met from left to right
 */
export function parseTlv(bytes: Uint8Array, options: TlvOptions = {}): TlvResult {
  const reader = new TlvReader(bytes, options);
  if (bytes.length > MAX_INPUT_BYTES)
    return reader.refused('input_too_long', MAX_INPUT_BYTES, 'at most 1048576 bytes');
  const nodes = reader.readObjects(0, bytes.length, 1);
  return nodes === null ? { ok: false, refusal: reader.refusal() } : { ok: true, nodes };
}

/**
 * A view is made when a value is asked for, and kept: most objects of a record are never looked at, and making the views was
 * more than half of the time of parsing.
 */
class ParsedObject implements TlvNode {
  readonly tag: string;
  readonly offset: number;
  readonly children: readonly TlvNode[] | undefined;
  readonly #input: Uint8Array;
  readonly #start: number;
  readonly #length: number;
  #value: Uint8Array | undefined;

  constructor(
    input: Uint8Array,
    tag: string,
    offset: number,
    start: number,
    length: number,
    children: readonly TlvNode[] | undefined,
  ) {
    this.tag = tag;
    this.offset = offset;
    this.children = children;
    this.#input = input;
    this.#start = start;
    this.#length = length;
  }

  get value(): Uint8Array {
    this.#value ??= new Uint8Array(this.#input.buffer, this.#input.byteOffset + this.#start, this.#length);
    return this.#value;
  }
}

class TlvReader {
  readonly #bytes: Uint8Array;
  readonly #strict: boolean;
  readonly #maxDepth: number;
  readonly #opaqueTags: ReadonlySet<string> | undefined;
  #objectsLeft: number;
  #path: string[] = [];
  #refusal: TlvRefusal | null = null;

  constructor(bytes: Uint8Array, options: TlvOptions) {
    this.#bytes = bytes;
    this.#strict = options.mode !== 'lenient';
    this.#maxDepth = options.maxDepth ?? MAX_DEPTH;
    this.#objectsLeft = options.maxObjects ?? MAX_OBJECTS;
    this.#opaqueTags = options.opaqueTags;
  }

  refusal(): TlvRefusal {
    if (this.#refusal === null) throw new Error('nothing was refused');
    return this.#refusal;
  }

  refused(code: TlvRefusalCode, offset: number, expected: string): TlvResult {
    this.#refuse(code, offset, expected);
    return { ok: false, refusal: this.refusal() };
  }

  /** The objects of bytes[from, to), or null after a refusal. */
  readObjects(from: number, to: number, depth: number): TlvNode[] | null {
    const bytes = this.#bytes;
    const nodes: TlvNode[] = [];
    if (depth > this.#maxDepth) return this.#refuse('too_deep', from, 'fewer templates inside each other');
    let seen = 0;
    let seenLong = 0;
    let at = from;
    while (at < to) {
      const first = bytes[at] ?? 0;
      if (first === 0) {
        at++;
        continue;
      }
      if (this.#objectsLeft-- <= 0) return this.#refuse('too_many_objects', at, 'fewer objects');

      const offset = at;
      const tagEnd = (first & 0x1f) === 0x1f ? this.#tagEnd(at, to) : at + 1;
      if (tagEnd < 0) return null;
      const tag = tagText(bytes, at, tagEnd);
      const constructed = (first & 0x20) !== 0;
      if (this.#strict && !constructed) {
        // One bit per low five bits of the tag says at once that most tags are new here; only on a hit are they compared.
        const bit = 1 << ((bytes[tagEnd - 1] ?? 0) & 0x1f);
        const long = tagEnd - at > 1;
        if (((long ? seenLong : seen) & bit) !== 0 && holdsTag(nodes, tag)) {
          return this.#refuseAt(tag, 'duplicate_object', at, 'each primitive object once in its template');
        }
        if (long) seenLong |= bit;
        else seen |= bit;
      }

      at = tagEnd;
      if (at >= to) return this.#refuseAt(tag, 'length_missing', at, 'a length byte');
      let length = bytes[at++] ?? 0;
      if (length > 0x7f) {
        const lengthBytes = length - 0x80;
        if (lengthBytes === 0) return this.#refuseAt(tag, 'indefinite_length', at - 1, 'a definite length');
        if (lengthBytes > 4)
          return this.#refuseAt(tag, 'length_too_long', at - 1, 'a length of 1 to 4 bytes after 81 to 84');
        if (at + lengthBytes > to) {
          return this.#refuseAt(
            tag,
            'length_truncated',
            to,
            `${lengthBytes} length bytes, ${to - at} remain`,
          );
        }
        length = 0;
        for (const end = at + lengthBytes; at < end; at++) length = length * 256 + (bytes[at] ?? 0);
      }
      const end = at + length;
      if (end > to)
        return this.#refuseAt(tag, 'value_truncated', to, `${length} value bytes, ${to - at} remain`);

      if (constructed && this.#opaqueTags?.has(tag) !== true) {
        this.#path.push(tag);
        const children = this.readObjects(at, end, depth + 1);
        if (children === null) return null;
        this.#path.pop();
        nodes.push(new ParsedObject(bytes, tag, offset, at, length, children));
      } else {
        nodes.push(new ParsedObject(bytes, tag, offset, at, length, undefined));
      }
      at = end;
    }
    return nodes;
  }

  /** End of a tag of several bytes, or -1 after a refusal. */
  #tagEnd(from: number, to: number): number {
    for (let at = from + 1; at < to; at++) {
      const byte = this.#bytes[at] ?? 0;
      if (at - from >= MAX_TAG_BYTES) {
        this.#refuse('tag_too_long', at, `a tag of at most ${MAX_TAG_BYTES} bytes`);
        return -1;
      }
      if (this.#strict && at === from + 1 && byte === 0x80) {
        this.#refuse('tag_not_minimal', at, 'the shortest form of the tag number');
        return -1;
      }
      if ((byte & 0x80) === 0) return at + 1;
    }
    this.#refuse('tag_truncated', to, 'one more tag byte');
    return -1;
  }

  #refuseAt(tag: string, code: TlvRefusalCode, offset: number, expected: string): null {
    this.#path.push(tag);
    return this.#refuse(code, offset, expected);
  }

  #refuse(code: TlvRefusalCode, offset: number, expected: string): null {
    this.#refusal = { code, offset, expected, path: this.#path };
    return null;
  }
}

function holdsTag(nodes: readonly TlvNode[], tag: string): boolean {
  for (const node of nodes) if (node.tag === tag) return true;
  return false;
}

const ONE_BYTE_TAGS: readonly string[] = Array.from({ length: 256 }, (_, byte) => interned(byteText(byte)));
/** Texts of two-byte tags met so far; at most 65,536 of them. */
const TWO_BYTE_TAGS: string[] = [];

/** The engine's one copy of a text: a property key. Comparing two such texts is comparing two addresses (2.6 us a record). */
function interned(text: string): string {
  return Object.keys({ [text]: 0 })[0] ?? text;
}

function byteText(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}

/** The tag that stands in bytes[from, to), as it is printed; the same text for the same tag, so that comparing is cheap. */
export function tagText(bytes: Uint8Array, from: number, to: number): string {
  const first = bytes[from] ?? 0;
  if (to - from === 1) return ONE_BYTE_TAGS[first] ?? '';
  if (to - from === 2) {
    const number = first * 256 + (bytes[from + 1] ?? 0);
    return (TWO_BYTE_TAGS[number] ??= interned(byteText(first) + byteText(number & 0xff)));
  }
  let text = '';
  for (let at = from; at < to; at++) text += ONE_BYTE_TAGS[bytes[at] ?? 0] ?? '';
  return text;
}

/** The first object on a path of tags: findTlv(nodes, '6F', 'A5', '9F38'). */
export function findTlv(nodes: readonly TlvNode[], ...path: readonly string[]): TlvNode | undefined {
  let level: readonly TlvNode[] = nodes;
  let found: TlvNode | undefined;
  for (const tag of path) {
    found = level.find((node) => node.tag === tag);
    if (found === undefined) return undefined;
    level = found.children ?? [];
  }
  return found;
}

/** Every object of that tag at any depth, in the order of the bytes. */
export function findAll(nodes: readonly TlvNode[], tag: string): TlvNode[] {
  const found: TlvNode[] = [];
  for (const node of nodes) {
    if (node.tag === tag) found.push(node);
    if (node.children !== undefined) found.push(...findAll(node.children, tag));
  }
  return found;
}
