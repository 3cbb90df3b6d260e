import type { Pan } from '@tapgate/sdk/emv/card-identity';
import { HmacSm3Key } from '@tapgate/sdk/gm/sm3';
import { NAME_BYTES, parseRight, RIGHT_BYTES } from '@tapgate/sdk/lists/name-list';
import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import type { HeldState } from './held-state.ts';
import { ListFault } from './list-fault.ts';
import type { Store } from './list-store.ts';
import type { NameFilter } from './name-filter.ts';
import { bodyKey, bucketKey, bucketOf, changeKey, type Generation } from './store-keys.ts';

/** What a concession list says of a card. Dates YYYY-MM-DD, both included; null: without an end. */
export type HeldRight = {
  readonly category: string;
  readonly validFrom: string;
  readonly validTo: string | null;
};

/** What deltas say of a name, in its first byte. */
export const CHANGE = { removed: 0x00, present: 0x01 } as const;

/**
 * One version of one list, as long as somebody reads it: the store as it stood when the version came into use, so that an answer and
 * the version that is written down beside it always belong together.
 */
export class HeldList {
  static readonly concessionWidth = NAME_BYTES + RIGHT_BYTES;
  readonly state: HeldState;
  readonly filter: NameFilter | null;
  readonly #store: Store;
  readonly #snapshot: ReturnType<Store['snapshot']>;
  readonly #of: Generation;
  readonly #listKey: HmacSm3Key | null;
  /** A gate names a card and asks for it at once: its bytes are kept, so that they are not read from the text again. */
  #lastNamed: { readonly key: HotlistKey; readonly name: Uint8Array } | null = null;

  constructor(store: Store, state: HeldState, filter: NameFilter | null) {
    this.state = state;
    this.filter = filter;
    this.#store = store;
    this.#snapshot = store.snapshot();
    this.#of = { kind: state.statement.kind, generation: state.generation };
    this.#listKey = state.names === null ? null : new HmacSm3Key(Buffer.from(state.names.listKey, 'hex'));
  }

  get version(): number {
    return this.state.statement.version;
  }

  /** When the gateway last said that this version is the one to have, ms since the Unix epoch. */
  get publishedAtMs(): number {
    return this.state.statement.madeAtMs;
  }

  /** The name of a card on this list; the same as `hotlistKey`, with the key made ready. @throws RangeError for a list of no cards */
  nameOf(card: { readonly pan: Pan; readonly panSequenceNumber: string }): HotlistKey {
    if (this.#listKey === null) throw new RangeError('this list names no cards');
    const tag = this.#listKey.tag(Buffer.from(`${card.pan.reveal()}${card.panSequenceNumber}`, 'latin1'));
    const name = Buffer.from(tag.buffer, tag.byteOffset, NAME_BYTES);
    const key = name.toString('hex').toUpperCase() as HotlistKey;
    this.#lastNamed = { key, name };
    return key;
  }

  /** Whether the name is on the list: a good card is answered by the filter, any other by the store itself. */
  has(key: HotlistKey): boolean {
    return this.#entryOf(this.#bytesOf(key)) !== null;
  }

  /** The rights of a card, of a concession list. */
  rightsOf(key: HotlistKey): readonly HeldRight[] {
    const entry = this.#entryOf(this.#bytesOf(key));
    const rights: HeldRight[] = [];
    for (let at = 0; entry !== null && at < entry.length; at += RIGHT_BYTES) {
      const right = parseRight(entry.subarray(at, at + RIGHT_BYTES));
      const category = this.state.names?.words[right?.word ?? -1];
      if (right === null || category === undefined) throw new ListFault('lists_not_read');
      rights.push({ category, validFrom: right.validFrom, validTo: right.validTo });
    }
    return rights;
  }

  /** The body of a list of no cards. @throws ListFault lists_not_read */
  body(): Uint8Array {
    const body = this.#get(bodyKey(this.#of));
    if (body === undefined) throw new ListFault('lists_not_read');
    return body;
  }

  /** Nobody is given this version any more. What was given out still answers until it is let go of. */
  release(): void {
    // A tap that began with this version has its answer within the second.
    setTimeout(() => void this.#snapshot.close(), RELEASE_MS).unref();
  }

  /** What stands after the name, rights of a card or nothing; null when the name is not on the list. */
  #entryOf(name: Uint8Array): Uint8Array | null {
    if (this.state.names === null || this.filter?.mayHave(name) !== true) return null;
    const change = this.#get(changeKey(this.#of, name));
    if (change !== undefined) return change[0] === CHANGE.present ? change.subarray(1) : null;
    const bucket = this.#get(bucketKey(this.#of, bucketOf(this.state.names.bucketBits, name)));
    return bucket === undefined ? null : findEntry(bucket, name, this.#of.kind === 'hotlist');
  }

  #bytesOf(key: HotlistKey): Uint8Array {
    return this.#lastNamed?.key === key ? this.#lastNamed.name : Buffer.from(key, 'hex');
  }

  #get(key: Uint8Array): Uint8Array | undefined {
    return this.#store.getSync(key, { snapshot: this.#snapshot });
  }
}

const RELEASE_MS = 5_000;

/** By halves: a bucket is in ascending order. */
function findEntry(bucket: Uint8Array, name: Uint8Array, namesOnly: boolean): Uint8Array | null {
  const width = namesOnly ? NAME_BYTES : HeldList.concessionWidth;
  const view = Buffer.from(bucket.buffer, bucket.byteOffset, bucket.length);
  const order = (index: number): number =>
    view.compare(name, 0, NAME_BYTES, index * width, index * width + NAME_BYTES);
  let [low, high] = [0, view.length / width];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (order(middle) < 0) low = middle + 1;
    else high = middle;
  }
  const rights: Uint8Array[] = [];
  for (; low < view.length / width && order(low) === 0; low++)
    rights.push(view.subarray(low * width + NAME_BYTES, (low + 1) * width));
  return rights.length === 0 ? null : Buffer.concat(rights);
}
