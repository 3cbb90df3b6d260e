import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ListStatement } from '@tapgate/sdk/lists/list-envelope';
import { isNameListKind, type NameListKind } from '@tapgate/sdk/lists/list-kinds';
import { listKeyIdOf, NAME_BYTES, parseRight, type NameListHeader } from '@tapgate/sdk/lists/name-list';
import { CHANGE } from './held-list.ts';
import type { HeldNames, HeldState } from './held-state.ts';
import { ListFault } from './list-fault.ts';
import type { ListStore } from './list-store.ts';
import { NameFilter } from './name-filter.ts';
import { NameReader, type NameRun } from './name-reader.ts';
import {
  additionsKey,
  bucketBitsFor,
  bucketKey,
  bucketOf,
  changeKey,
  type Generation,
} from './store-keys.ts';

/** A list of cards that was announced by a statement that holds (sdk/lists/list-envelope.ts judges it). */
export type AnnouncedNames = {
  readonly statement: ListStatement;
  /** 32 bytes */
  readonly listKey: Uint8Array;
  readonly body: AsyncIterable<Uint8Array>;
};

/** Bytes laid down in one write of a snapshot. */
const BATCH_BYTES = 256 * 1024;
/** Room in a filter for what deltas will add, as a share of the snapshot; beyond it more good cards are looked up. */
const ROOM_FOR_DELTAS = 1.1;
/** Additions that may be read again at a start; more, and the filter is written anew. */
const ADDITIONS_REPLAYED_MAX = 200_000;

/**
 * Lays a snapshot down beside the version in use and switches over when the last byte was the announced one. Until then, and after
 * any failure, the version in use stays.
 *
 * @throws ListFault list_body_malformed, list_body_differs, list_card_key_differs; whatever the body's source throws
 */
export function installSnapshot(lists: ListStore, announced: AnnouncedNames): Promise<void> {
  return lists.inOrder(async () => {
    const { statement, listKey } = announced;
    const reader = new NameReader(announced.body);
    const header = await reader.header();
    const kind = requireAnnounced(header, announced, 'snapshot');
    const of = { kind, generation: lists.nextGeneration(kind) };
    await lists.clear(of);
    const bucketBits = bucketBitsFor(header.added);
    const filter = NameFilter.for(header.added * ROOM_FOR_DELTAS);
    const layer = new BucketLayer(lists, of, bucketBits);
    for await (const run of reader.runs(header)) {
      requireRights(run, header.words.length);
      for (let at = 0; at < run.bytes.length; at += run.width) filter.add(run.bytes, at);
      await layer.take(run);
      await nextTurn();
    }
    await reader.finish(header, statement);
    await layer.finish();
    const names: HeldNames = {
      listKey: Buffer.from(listKey).toString('hex'),
      words: header.words,
      bucketBits,
      laidDown: header.added,
      addedSince: 0,
      filter: { ...(await lists.keepFilter(of, statement.version, filter)), has: 0 },
    };
    await lists.switchTo(kind, { generation: of.generation, statement, names }, filter);
  });
}

/**
 * Applies a delta to the version in use, in one write. Taps go on: until the write is done they are answered from the old version.
 * Names go into the filter first, where one too many costs a lookup and no more.
 *
 * @throws ListFault as installSnapshot; list_body_malformed also when it changes another version than the one in use
 */
export function applyDelta(lists: ListStore, announced: AnnouncedNames): Promise<void> {
  return lists.inOrder(async () => {
    const { statement } = announced;
    const reader = new NameReader(announced.body);
    const header = await reader.header();
    const kind = requireAnnounced(header, announced, 'delta');
    const held = lists.held(kind);
    if (held?.version !== header.baseVersion || held.state.names === null || held.filter === null)
      throw new ListFault('list_body_malformed');
    const { state, filter } = held;
    const words = mergedWords(held.state.names.words, header.words);
    const of = { kind, generation: state.generation };
    const batch = lists.newBatch();
    const additions: Uint8Array[] = [];
    try {
      const changes = new ChangeLayer(batch, of, header.words, words);
      for await (const run of reader.runs(header)) {
        requireRights(run, header.words.length);
        changes.take(run);
        if (run.part === 'added') additions.push(addToFilter(filter, run));
        await nextTurn();
      }
      changes.finish();
      await reader.finish(header, statement);
    } catch (error) {
      await batch.close();
      throw error;
    }
    batch.put(additionsKey(of, statement.version), Buffer.concat(additions));
    const names = { ...held.state.names, words, addedSince: held.state.names.addedSince + header.added };
    await lists.switchTo(kind, { ...state, statement, names }, filter, batch);
    if (names.addedSince - names.filter.has > ADDITIONS_REPLAYED_MAX)
      await renewFilter(lists, { ...state, statement, names }, filter);
  });
}

async function renewFilter(lists: ListStore, state: HeldState, filter: NameFilter): Promise<void> {
  if (state.names === null) return;
  const { kind, version } = state.statement;
  const kept = await lists.keepFilter({ kind, generation: state.generation }, version, filter);
  const names = { ...state.names, filter: { ...kept, has: state.names.addedSince } };
  await lists.switchTo(kind, { ...state, names }, filter);
}

function addToFilter(filter: NameFilter, run: NameRun): Uint8Array {
  const names = new Uint8Array((run.bytes.length / run.width) * NAME_BYTES);
  for (let at = 0, to = 0; at < run.bytes.length; at += run.width, to += NAME_BYTES) {
    filter.add(run.bytes, at);
    names.set(run.bytes.subarray(at, at + NAME_BYTES), to);
  }
  return names;
}

function requireAnnounced(
  header: NameListHeader,
  { statement, listKey }: AnnouncedNames,
  form: NameListHeader['form'],
): NameListKind {
  const { kind, version } = statement;
  if (!isNameListKind(kind) || header.kind !== kind || header.form !== form)
    throw new ListFault('list_body_malformed');
  if (header.version !== version || header.baseVersion !== (statement.baseVersion ?? 0))
    throw new ListFault('list_body_malformed');
  const isNamed = listKeyIdOf(listKey) === statement.listKeyId && header.listKeyId === statement.listKeyId;
  if (!isNamed) throw new ListFault('list_card_key_differs');
  return kind;
}

/** Rights speak of words that the list has, and of days. */
function requireRights(run: NameRun, words: number): void {
  for (let at = NAME_BYTES; run.width > NAME_BYTES && at < run.bytes.length; at += run.width) {
    const right = parseRight(run.bytes.subarray(at, at + run.width - NAME_BYTES));
    if (right === null || right.word >= words) throw new ListFault('list_body_malformed');
  }
}

/** The words of both, those of the version in use at their numbers. */
function mergedWords(held: readonly string[], coming: readonly string[]): readonly string[] {
  return [...held, ...coming.filter((word) => !held.includes(word))];
}

/** Gathers the entries of one bucket after the other and writes many buckets at a time. */
class BucketLayer {
  readonly #lists: ListStore;
  readonly #of: Generation;
  readonly #bits: number;
  #bucket = 0;
  #held: Uint8Array[] = [];
  #batch: ReturnType<ListStore['newBatch']>;
  #batchBytes = 0;

  constructor(lists: ListStore, of: Generation, bits: number) {
    this.#lists = lists;
    this.#of = of;
    this.#bits = bits;
    this.#batch = lists.newBatch();
  }

  async take(run: NameRun): Promise<void> {
    let from = 0;
    for (let at = 0; at < run.bytes.length; at += run.width) {
      const bucket = bucketOf(this.#bits, run.bytes, at);
      if (bucket === this.#bucket) continue;
      this.#held.push(run.bytes.subarray(from, at));
      this.#putBucket();
      this.#bucket = bucket;
      from = at;
    }
    this.#held.push(run.bytes.subarray(from));
    if (this.#batchBytes >= BATCH_BYTES) await this.#write(false);
  }

  async finish(): Promise<void> {
    this.#putBucket();
    await this.#write(true);
  }

  #putBucket(): void {
    const entries = Buffer.concat(this.#held);
    this.#held = [];
    if (entries.length === 0) return;
    this.#batch.put(bucketKey(this.#of, this.#bucket), entries);
    this.#batchBytes += entries.length;
  }

  async #write(sync: boolean): Promise<void> {
    await this.#batch.write({ sync });
    this.#batch = this.#lists.newBatch();
    this.#batchBytes = 0;
  }
}

/** Puts into one batch what a delta says of each name; the rights of a card stand together. */
class ChangeLayer {
  readonly #batch: ReturnType<ListStore['newBatch']>;
  readonly #of: Generation;
  readonly #numbers: readonly number[];
  #name: Uint8Array | null = null;
  #rights: Uint8Array[] = [];

  constructor(
    batch: ReturnType<ListStore['newBatch']>,
    of: Generation,
    coming: readonly string[],
    held: readonly string[],
  ) {
    this.#batch = batch;
    this.#of = of;
    this.#numbers = coming.map((word) => held.indexOf(word));
  }

  take({ part, bytes, width }: NameRun): void {
    for (let at = 0; at < bytes.length; at += width) {
      const entry = bytes.subarray(at, at + width);
      if (part === 'removed') this.#batch.put(changeKey(this.#of, entry), Uint8Array.of(CHANGE.removed));
      else this.#add(entry);
    }
  }

  finish(): void {
    if (this.#name !== null)
      this.#batch.put(
        changeKey(this.#of, this.#name),
        Buffer.concat([Uint8Array.of(CHANGE.present), ...this.#rights]),
      );
    this.#name = null;
    this.#rights = [];
  }

  #add(entry: Uint8Array): void {
    const isSame = this.#name !== null && Buffer.compare(this.#name, entry.subarray(0, NAME_BYTES)) === 0;
    if (!isSame) {
      this.finish();
      this.#name = Uint8Array.from(entry.subarray(0, NAME_BYTES));
    }
    if (entry.length === NAME_BYTES) return;
    const right = Uint8Array.from(entry.subarray(NAME_BYTES));
    right[0] = this.#numbers[right[0] ?? 0] ?? 0;
    this.#rights.push(right);
  }
}
