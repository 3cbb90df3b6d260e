import { createHash } from 'node:crypto';

/**
 * Which acts of cards were seen in a file, by a 64-bit hash each: ten million take 160 MB, and that two of them share a hash by
 * chance is about one in 370,000. The table grows by doubling at three quarters.
 */
export class ActSet {
  #slots = new BigUint64Array(1 << 16);
  #used = 0;

  /** @returns false when it was there */
  add(act: string): boolean {
    if (this.#used * 4 >= this.#slots.length * 3) this.#grow();
    const digest = createHash('sha256').update(act).digest();
    const value = digest.readBigUInt64LE(0) || 1n;
    return this.#insert(this.#slots, value);
  }

  #insert(slots: BigUint64Array, value: bigint): boolean {
    const mask = slots.length - 1;
    let at = Number(value & BigInt(mask));
    for (;;) {
      const present = slots[at];
      if (present === value) return false;
      if (present === 0n || present === undefined) {
        slots[at] = value;
        this.#used += 1;
        return true;
      }
      at = (at + 1) & mask;
    }
  }

  #grow(): void {
    const larger = new BigUint64Array(this.#slots.length * 2);
    this.#used = 0;
    for (const value of this.#slots) if (value !== 0n) this.#insert(larger, value);
    this.#slots = larger;
  }
}
