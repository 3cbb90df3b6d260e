/** first: somebody waits, or a live tap is on its way. after: what waits without harm, as a backlog or the proof of a session. */
export type Lane = 'first' | 'after';

/** One in so many comes from the second lane while both have somebody: a backlog falls behind and never stands still. */
const AFTER_ONE_IN = 8;

/** A queue in which who is in the first lane goes before all who are in the second; within a lane in order of arrival. */
export class TwoLanes<Item> {
  readonly #first = new ItemQueue<Item>();
  readonly #after = new ItemQueue<Item>();
  #inARow = 0;

  get size(): number {
    return this.#first.size + this.#after.size;
  }

  push(item: Item, lane: Lane): void {
    (lane === 'first' ? this.#first : this.#after).push(item);
  }

  /** Whose turn it is; undefined when nobody waits. */
  peek(): Item | undefined {
    return this.#next().peek();
  }

  take(): Item | undefined {
    const queue = this.#next();
    this.#inARow = queue === this.#first && this.#after.size > 0 ? this.#inARow + 1 : 0;
    return queue.take();
  }

  #next(): ItemQueue<Item> {
    const isTurnOfAfter = this.#after.size > 0 && this.#inARow >= AFTER_ONE_IN - 1;
    return this.#first.size === 0 || isTurnOfAfter ? this.#after : this.#first;
  }
}

/** Taken items are let go of in one piece once they are many: shifting an array of thousands costs its length each time. */
const LET_GO_FROM = 256;

class ItemQueue<Item> {
  #items: Item[] = [];
  #taken = 0;

  get size(): number {
    return this.#items.length - this.#taken;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  peek(): Item | undefined {
    return this.#items[this.#taken];
  }

  take(): Item | undefined {
    const item = this.peek();
    if (item === undefined) return undefined;
    this.#taken += 1;
    if (this.#taken >= LET_GO_FROM || this.#taken === this.#items.length) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return item;
  }
}
