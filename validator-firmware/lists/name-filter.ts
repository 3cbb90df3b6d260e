import { NAME_BYTES } from '@tapgate/sdk/lists/name-list';

/** 16 bits a name in blocks of one cache line, 8 bits set for each: measured in README.md "The filter". */
const BITS_PER_NAME = 16;
const BITS_SET = 8;
const WORDS_PER_BLOCK = 16;
const BLOCK_BYTES = WORDS_PER_BLOCK * 4;
const POSITION_BITS = 9;
const POSITION_MASK = (1 << POSITION_BITS) - 1;

/**
 * A blocked Bloom filter over names of cards: says "certainly not on the list", or "look it up". Takes additions in place; a
 * name that left the list still says "look it up", which is slower and never wrong.
 *
 * A name is 16 bytes of a keyed hash, so its own bits choose the block (bytes 0 to 3) and the bits in it (bytes 4 to 12): nothing is
 * hashed again.
 */
export class NameFilter {
  readonly words: Uint32Array;
  readonly #blocks: number;

  private constructor(words: Uint32Array) {
    this.words = words;
    this.#blocks = words.length / WORDS_PER_BLOCK;
  }

  /** An empty filter for so many names. */
  static for(names: number): NameFilter {
    const blocks = Math.max(1, Math.ceil((names * BITS_PER_NAME) / (BLOCK_BYTES * 8)));
    return new NameFilter(new Uint32Array(blocks * WORDS_PER_BLOCK));
  }

  /** The filter whose words these are. @returns null when they are not whole blocks */
  static of(bytes: Uint8Array): NameFilter | null {
    if (bytes.length === 0 || bytes.length % BLOCK_BYTES !== 0) return null;
    const words = new Uint32Array(bytes.length / 4);
    new Uint8Array(words.buffer).set(bytes);
    return new NameFilter(words);
  }

  add(names: Uint8Array, at = 0): void {
    const first = this.#blockOf(names, at);
    const bits = new BitPositions(names, at);
    for (let count = 0; count < BITS_SET; count++) {
      const position = bits.next();
      const word = first + (position >>> 5);
      this.words[word] = (this.words[word] ?? 0) | (1 << (position & 31));
    }
  }

  /** False: the name was never added. */
  mayHave(names: Uint8Array, at = 0): boolean {
    const first = this.#blockOf(names, at);
    const bits = new BitPositions(names, at);
    for (let count = 0; count < BITS_SET; count++) {
      const position = bits.next();
      if (((this.words[first + (position >>> 5)] ?? 0) & (1 << (position & 31))) === 0) return false;
    }
    return true;
  }

  #blockOf(names: Uint8Array, at: number): number {
    const prefix = readUInt32(names, at);
    return Math.floor((prefix / 0x1_0000_0000) * this.#blocks) * WORDS_PER_BLOCK;
  }
}

/** Nine bits at a time from byte 4 on. */
class BitPositions {
  readonly #names: Uint8Array;
  #at: number;
  readonly #end: number;
  #held = 0;
  #heldBits = 0;

  constructor(names: Uint8Array, at: number) {
    this.#names = names;
    this.#at = at + 4;
    this.#end = at + NAME_BYTES;
  }

  next(): number {
    while (this.#heldBits < POSITION_BITS && this.#at < this.#end) {
      this.#held = ((this.#held << 8) | (this.#names[this.#at++] ?? 0)) & 0xff_ffff;
      this.#heldBits += 8;
    }
    this.#heldBits -= POSITION_BITS;
    return (this.#held >>> this.#heldBits) & POSITION_MASK;
  }
}

export function readUInt32(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}
