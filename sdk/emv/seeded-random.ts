/**
 * A small seeded generator (mulberry32) for tests, fuzzing and virtual cards: the same seed gives the same run on every Node.
 * Never for keys or unpredictable numbers.
 */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer in 0..2^32-1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** An integer in 0..bound-1. */
  below(bound: number): number {
    return Math.floor((this.next() / 0x100000000) * bound);
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = this.next() >>> 24;
    return bytes;
  }

  /** @throws RangeError for an empty list */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }
}

/** The seed of a test run: TAPGATE_SEED, or one from the clock; the caller prints it, so that a failure can be run again. */
export function seedOfRun(environment: Readonly<Record<string, string | undefined>>, nowMs: number): number {
  const given = environment['TAPGATE_SEED'];
  return given === undefined ? nowMs >>> 0 : Number(given) >>> 0;
}
