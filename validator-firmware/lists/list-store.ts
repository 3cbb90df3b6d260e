import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { ClassicLevel } from 'classic-level';
import { randomBytes } from 'node:crypto';
import type { ListStatement } from '@tapgate/sdk/lists/list-envelope';
import {
  isNameListKind,
  LIST_KIND_NAMES,
  type ListKind,
  type NameListKind,
} from '@tapgate/sdk/lists/list-kinds';
import { NAME_BYTES } from '@tapgate/sdk/lists/name-list';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { deriveSealingKeys, openEntry, sealEntry, type SealingKeys } from '../journal/sealed-entry.ts';
import { writeDurably } from './durable-file.ts';
import { HeldList } from './held-list.ts';
import { parseHeldState, writeHeldState, type HeldNames, type HeldState } from './held-state.ts';
import { ListFault } from './list-fault.ts';
import { NameFilter } from './name-filter.ts';
import { additionsKey, bodyKey, spaceOf, stateKey, type Generation } from './store-keys.ts';

export type ListStoreSettings = {
  readonly directory: string;
  /** 32 bytes that only this device holds */
  readonly storageKey: Uint8Array;
};

export type Store = ClassicLevel<Uint8Array, Uint8Array>;
export type StoreBatch = ReturnType<Store['batch']>;

/**
 * LevelDB maps its files into memory and keeps 64 of them open, whatever smaller number it is told. A snapshot is written in order, so
 * a file is as long as the write buffer: short buffers bound what is mapped to some tens of megabytes, whatever the length of the
 * list; what a lookup then pays for opening a file is within its millisecond (README.md "The store").
 */
const STORE_OPTIONS = {
  keyEncoding: 'view',
  valueEncoding: 'view',
  compression: false,
  cacheSize: 2 * 1024 * 1024,
  writeBufferSize: 512 * 1024,
  maxOpenFiles: 14,
} as const;

/**
 * The lists of one terminal, each in one version, on disk. What is in use changes by one synced write, so that a power cut leaves
 * the old version or the new one; whoever has asked for a list keeps reading the version that it got.
 */
export class ListStore {
  readonly #store: Store;
  readonly #keys: SealingKeys;
  readonly #directory: string;
  readonly #held = new Map<ListKind, HeldList>();
  #tail: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(store: Store, keys: SealingKeys, directory: string) {
    this.#store = store;
    this.#keys = keys;
    this.#directory = directory;
  }

  /** @throws ListFault lists_not_opened, lists_key_wrong */
  static async open(settings: ListStoreSettings): Promise<ListStore> {
    await mkdir(settings.directory, { recursive: true });
    const store: Store = new ClassicLevel(path.join(settings.directory, 'store'), STORE_OPTIONS);
    try {
      await store.open();
    } catch (cause) {
      throw new ListFault('lists_not_opened', { cause });
    }
    const lists = new ListStore(store, deriveSealingKeys(settings.storageKey), settings.directory);
    try {
      for (const kind of LIST_KIND_NAMES) await lists.#load(kind);
      await lists.#removeStrayFiles();
      return lists;
    } catch (cause) {
      await store.close();
      throw cause;
    }
  }

  /** The version of a list that is in use; null before the first. */
  held(kind: ListKind): HeldList | null {
    return this.#held.get(kind) ?? null;
  }

  /** A newer word on the version in use: it is still the one to have. */
  confirm(kind: ListKind, statement: ListStatement): Promise<void> {
    return this.inOrder(async () => {
      const held = this.#held.get(kind);
      if (held?.version !== statement.version) return;
      const state = { ...held.state, statement: { ...held.state.statement, madeAtMs: statement.madeAtMs } };
      await this.switchTo(kind, state, held.filter);
    });
  }

  /** Puts a list of no cards into use. @param body already compared with the statement's hash */
  putBody(statement: ListStatement, body: Uint8Array): Promise<void> {
    return this.inOrder(async () => {
      const { kind } = statement;
      const generation = this.nextGeneration(kind);
      await this.#store.put(bodyKey({ kind, generation }), body);
      await this.switchTo(kind, { generation, statement, names: null }, null);
    });
  }

  async close(): Promise<void> {
    await this.#tail;
    this.#isClosed = true;
    for (const held of this.#held.values()) held.release();
    this.#held.clear();
    await this.#store.close();
  }

  /** For those who bring lists in: one at a time. */
  inOrder<Result>(task: () => Promise<Result>): Promise<Result> {
    const run = this.#tail.then(() => {
      if (this.#isClosed) throw new ListFault('lists_closed');
      return task();
    });
    this.#tail = run.catch(() => undefined);
    return run;
  }

  newBatch(): StoreBatch {
    return this.#store.batch();
  }

  nextGeneration(kind: ListKind): number {
    const now = this.#held.get(kind)?.state.generation ?? 0;
    return now >= 0xff ? 1 : now + 1;
  }

  /** Removes what an earlier attempt or an earlier generation has left. */
  async clear(of: Generation): Promise<void> {
    for (const space of ['buckets', 'changes', 'additions', 'body'] as const)
      await this.#store.clear(spaceOf(space, of));
  }

  /** Writes a filter beside the store. @returns what a state says of it */
  async keepFilter(
    of: Generation,
    version: number,
    filter: NameFilter,
  ): Promise<Omit<HeldNames['filter'], 'has'>> {
    const bytes = new Uint8Array(filter.words.buffer);
    const file = `filter-${of.kind}-${of.generation}-${version}.bin`;
    await writeDurably(path.join(this.#directory, file), bytes);
    return { file, sm3: Buffer.from(sm3(bytes)).toString('hex'), version };
  }

  /**
   * The one write by which a version comes into use, with whatever else belongs to it in the same batch; then readers are given the
   * new one, and an earlier generation goes.
   */
  async switchTo(
    kind: ListKind,
    state: HeldState,
    filter: NameFilter | null,
    batch: StoreBatch = this.newBatch(),
  ): Promise<void> {
    const key = stateKey(kind);
    batch.put(key, sealEntry(this.#keys, key, writeHeldState(state), randomBytes(16)));
    await batch.write({ sync: true });
    const before = this.#held.get(kind);
    this.#held.set(kind, new HeldList(this.#store, state, filter));
    before?.release();
    if (before !== undefined && before.state.generation !== state.generation)
      await this.clear({ kind, generation: before.state.generation });
    await this.#removeStrayFiles();
  }

  async #load(kind: ListKind): Promise<void> {
    const key = stateKey(kind);
    const sealed = await this.#store.get(key);
    if (sealed === undefined) return;
    const plain = openEntry(this.#keys, key, sealed);
    if (plain === null) throw new ListFault('lists_key_wrong');
    const state = parseHeldState(plain);
    if (state === null) throw new ListFault('lists_not_read');
    const filter = isNameListKind(kind) && state.names !== null ? await this.#filterOf(state, kind) : null;
    this.#held.set(kind, new HeldList(this.#store, state, filter));
  }

  /** The filter as it was kept, with what deltas have added since; made again from the names when its file is not as it was. */
  async #filterOf(state: HeldState, kind: NameListKind): Promise<NameFilter> {
    const of = { kind, generation: state.generation };
    const kept = state.names === null ? null : await this.#readFilter(state.names.filter);
    const filter = kept ?? (await this.#rebuiltFilter(state, of));
    const since = kept === null ? 0 : (state.names?.filter.version ?? 0) + 1;
    const additions = { ...spaceOf('additions', of), gte: additionsKey(of, since) };
    for await (const names of this.#store.values(additions)) {
      for (let at = 0; at < names.length; at += NAME_BYTES) filter.add(names, at);
    }
    return filter;
  }

  async #readFilter(kept: HeldNames['filter']): Promise<NameFilter | null> {
    const bytes = await readFile(path.join(this.#directory, kept.file)).catch(() => null);
    if (bytes === null || Buffer.from(sm3(bytes)).toString('hex') !== kept.sm3) return null;
    return NameFilter.of(bytes);
  }

  async #rebuiltFilter(state: HeldState, of: Generation): Promise<NameFilter> {
    const filter = NameFilter.for((state.names?.laidDown ?? 0) + (state.names?.addedSince ?? 0));
    const width = of.kind === 'hotlist' ? NAME_BYTES : HeldList.concessionWidth;
    for await (const entries of this.#store.values(spaceOf('buckets', of))) {
      for (let at = 0; at < entries.length; at += width) filter.add(entries, at);
    }
    return filter;
  }

  /** Filters of versions that are no longer in use. */
  async #removeStrayFiles(): Promise<void> {
    const inUse = new Set([...this.#held.values()].map((held) => held.state.names?.filter.file));
    for (const file of await readdir(this.#directory)) {
      if (file.startsWith('filter-') && !inUse.has(file)) await rm(path.join(this.#directory, file));
    }
  }
}
