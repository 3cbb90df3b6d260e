import { randomBytes } from 'node:crypto';
import { ClassicLevel } from 'classic-level';
import { type TapSequence, tapSequence } from '@tapgate/sdk/wire/identifiers';
import type { RecentTap } from '../gate/recent-taps.ts';
import { JournalFault } from './journal-fault.ts';
import {
  FORMAT_KEY,
  JOURNAL_FORMAT,
  journalKey,
  NEXT_SEQUENCE_KEY,
  RECENT_BOUNDS,
  recentTapKey,
  sequenceOfKey,
  spaceBounds,
} from './journal-key.ts';
import { packRecentTap, unpackRecentTap } from './recent-tap-entry.ts';
import { packRefused, unpackRefused } from './refused-entry.ts';
import type { UnsentLimits } from '@tapgate/sdk/lists/gate-parameters';
import { packRisk, unpackRisk, UnsentTaps, type TapRisk } from './unsent-taps.ts';
import { deriveSealingKeys, openEntry, sealEntry, type SealingKeys } from './sealed-entry.ts';

export type JournalEntry = { readonly tapSequence: TapSequence; readonly record: Uint8Array };
export type RefusedEntry = JournalEntry & { readonly code: string };

export type JournalSettings = {
  readonly directory: string;
  /** 32 bytes that only this device holds */
  readonly storageKey: Uint8Array;
  /** tap records that may wait for the gateway; taps beyond it are refused, because they could not be proven later */
  readonly unacknowledgedMax: number;
  /** bounds on number, sum and age of what waits, as parameters have them now; left out: the number alone */
  readonly limits?: () => UnsentLimits;
  /** where counting begins on a new store; a replaced device goes on after its predecessor's last sequence */
  readonly firstTapSequence?: TapSequence;
  /** makes the store, not yet open; a test gives one that loses power */
  readonly storeAt?: (directory: string) => JournalStore;
};

export type JournalStore = ClassicLevel<Uint8Array, Uint8Array>;
type Store = JournalStore;
type Write = { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array };

/** The code under which an entry is kept that can no longer be opened: its flash page was changed. */
export const ENTRY_DAMAGED = 'journal_entry_damaged';

/**
 * The store-and-forward journal of one terminal: durable before the gate opens, encrypted, in order of taps, forgetting only
 * what was acknowledged. LevelDB with a synced write-ahead log underneath.
 *
 * A write whose outcome is unknown (the disk said no) ends the journal until it is opened anew: the sequence may be on disk
 * with other bytes, and a sequence is never used twice.
 */
export class TapJournal {
  readonly #store: Store;
  readonly #keys: SealingKeys;
  readonly #unacknowledgedMax: number;
  readonly #limits: (() => UnsentLimits) | null;
  readonly #unsent: UnsentTaps;
  #nextSequence: number;
  #unacknowledged: number;
  #refused: number;
  readonly #recentTaps: readonly RecentTap[];
  #tail: Promise<unknown> = Promise.resolve();
  #broken: JournalFault | null = null;

  private constructor(store: Store, keys: SealingKeys, found: Survey, settings: JournalSettings) {
    this.#store = store;
    this.#keys = keys;
    this.#nextSequence = found.nextSequence;
    this.#unacknowledged = found.unacknowledged;
    this.#refused = found.refused;
    this.#recentTaps = found.recentTaps;
    this.#unsent = found.unsent;
    this.#unacknowledgedMax = settings.unacknowledgedMax;
    this.#limits = settings.limits ?? null;
  }

  /**
   * @throws JournalFault `journal_not_opened` when the directory is held by another process or unreadable,
   *   `journal_format_unknown` when a later firmware has written it, `journal_key_wrong` when it was sealed under another
   *   storage key. Nothing is changed by an opening that fails
   */
  static async open(settings: JournalSettings): Promise<TapJournal> {
    const keys = deriveSealingKeys(settings.storageKey);
    const store = (settings.storeAt ?? levelStoreAt)(settings.directory);
    try {
      await store.open();
    } catch (cause) {
      throw new JournalFault('journal_not_opened', { cause });
    }
    try {
      const format = await formatOf(store);
      const found = await survey(store, keys, settings.firstTapSequence ?? tapSequence(1));
      await upgrade(store, format);
      return new TapJournal(store, keys, found, settings);
    } catch (cause) {
      await store.close();
      throw cause;
    }
  }

  /**
   * Whether one more tap can be kept. Asked before the gate decides, so that a full journal is a refusal and not a fault.
   *
   * @param tap what it may cost, and when it is; left out where only the number is bounded
   */
  hasRoom(tap?: TapRisk): boolean {
    const limits = this.#limits?.() ?? null;
    const countMax = Math.min(this.#unacknowledgedMax, limits?.countMax ?? Infinity);
    const isWithin = limits === null || tap === undefined || this.#unsent.hasRoomFor(tap, limits);
    return (
      this.#broken === null &&
      this.#unacknowledged < countMax &&
      this.#nextSequence <= 0xffff_ffff &&
      isWithin
    );
  }

  /** When the oldest tap that waits was made; null when none waits, or an older program wrote it. */
  oldestUnsentAtMs(): number | null {
    return this.#unsent.oldestAtMs();
  }

  unacknowledgedCount(): number {
    return this.#unacknowledged;
  }

  refusedCount(): number {
    return this.#refused;
  }

  /** What the gate looked back on when it lost power, oldest first: a pass-back or a replay is one after a restart too. */
  recentTaps(): readonly RecentTap[] {
    return this.#recentTaps;
  }

  /**
   * Gives out the next tap sequence and keeps the record made with it, as one synced write. When this returns, the tap survives
   * a power cut. A crash before it leaves neither the record nor the sequence, or both.
   *
   * @param recentTap what the gate will look back on; null where the card did not prove itself
   * @param risk what the tap may cost until it is acknowledged; left out: it counts by number alone
   * @throws JournalFault `journal_full`, `journal_closed`, or `journal_write_failed`; whatever `makeRecord` throws
   */
  append(
    makeRecord: (sequence: TapSequence) => Uint8Array,
    recentTap: RecentTap | null = null,
    risk?: TapRisk,
  ): Promise<JournalEntry> {
    return this.#inOrder(async () => {
      if (this.#unacknowledged >= this.#unacknowledgedMax) throw new JournalFault('journal_full');
      const sequence = tapSequence(this.#nextSequence);
      const record = makeRecord(sequence);
      await this.#write([
        this.#sealed(journalKey('unacknowledged', sequence), record),
        this.#sealed(NEXT_SEQUENCE_KEY, sequenceBytes(this.#nextSequence + 1)),
        ...(recentTap === null
          ? []
          : [this.#sealed(recentTapKey(sequence), packRecentTap(sequence, recentTap))]),
        ...(risk === undefined
          ? []
          : [{ type: 'put' as const, key: journalKey('risk', sequence), value: packRisk(risk) }]),
      ]);
      if (risk !== undefined) this.#unsent.add(sequence, risk);
      this.#nextSequence++;
      this.#unacknowledged++;
      return { tapSequence: sequence, record };
    });
  }

  /** Up to `limit` entries, oldest first. One that cannot be opened is moved aside, so that it does not hold up the others. */
  async oldestUnacknowledged(limit: number): Promise<JournalEntry[]> {
    const entries: JournalEntry[] = [];
    for (const [key, sealed] of await this.#readSpace('unacknowledged', limit)) {
      const sequence = sequenceOfKey(key);
      if (sequence === null) continue;
      const record = openEntry(this.#keys, key, sealed);
      if (record === null) await this.#moveAside(sequence, ENTRY_DAMAGED, sealed);
      else entries.push({ tapSequence: sequence, record });
    }
    return entries;
  }

  /**
   * Forgets entries that the gateway has accepted; what is already gone is no error. Not synced: after a power cut an
   * acknowledged record may be sent once more, and the gateway answers a repetition with its first answer.
   */
  acknowledge(sequences: readonly TapSequence[]): Promise<void> {
    return this.#inOrder(async () => {
      const keys = sequences.map((sequence) => journalKey('unacknowledged', sequence));
      const present = await this.#store.hasMany(keys);
      const risks = sequences.map((sequence) => journalKey('risk', sequence));
      await this.#store.batch(
        [...keys, ...risks].map((key) => ({ type: 'del', key })),
        { sync: false },
      );
      for (const sequence of sequences) this.#unsent.remove(sequence);
      this.#unacknowledged -= present.filter(Boolean).length;
    });
  }

  /** Takes a record that the gateway refuses for good out of the queue and keeps it, with the refusal's code, for an engineer. */
  setAside(entry: JournalEntry, code: string): Promise<void> {
    return this.#moveAside(entry.tapSequence, code, entry.record);
  }

  async listRefused(limit: number): Promise<RefusedEntry[]> {
    const rows = await this.#readSpace('refused', limit);
    return rows.flatMap(([key, sealed]) => {
      const sequence = sequenceOfKey(key);
      const plain = openEntry(this.#keys, key, sealed);
      if (sequence === null) return [];
      if (plain === null) return [{ tapSequence: sequence, code: ENTRY_DAMAGED, record: sealed }];
      return [{ tapSequence: sequence, ...unpackRefused(plain) }];
    });
  }

  /** Waits for writes under way. */
  async close(): Promise<void> {
    await this.#tail;
    this.#broken ??= new JournalFault('journal_closed');
    await this.#store.close();
  }

  #moveAside(sequence: TapSequence, code: string, record: Uint8Array): Promise<void> {
    return this.#inOrder(async () => {
      const queued = journalKey('unacknowledged', sequence);
      if (!(await this.#store.has(queued))) return;
      await this.#write(
        [this.#sealed(journalKey('refused', sequence), packRefused(code, record))],
        [queued, journalKey('risk', sequence)],
      );
      this.#unsent.remove(sequence);
      this.#unacknowledged--;
      this.#refused++;
    });
  }

  async #readSpace(
    space: 'unacknowledged' | 'refused',
    limit: number,
  ): Promise<(readonly [Uint8Array, Uint8Array])[]> {
    try {
      return await this.#store.iterator({ ...spaceBounds(space), limit }).all();
    } catch (cause) {
      throw this.#broken ?? new JournalFault('journal_not_read', { cause });
    }
  }

  #sealed(key: Uint8Array, plain: Uint8Array): Write {
    return { type: 'put', key, value: sealEntry(this.#keys, key, plain, randomBytes(16)) };
  }

  async #write(puts: readonly Write[], deletions: readonly Uint8Array[] = []): Promise<void> {
    try {
      await this.#store.batch([...puts, ...deletions.map((key) => ({ type: 'del' as const, key }))], {
        sync: true,
      });
    } catch (cause) {
      this.#broken = new JournalFault('journal_write_failed', { cause });
      throw this.#broken;
    }
  }

  /** One writer at a time: sequence and counts are read and moved without another write between. */
  #inOrder<Result>(task: () => Promise<Result>): Promise<Result> {
    const run = this.#tail.then(() => {
      if (this.#broken !== null) throw this.#broken;
      return task();
    });
    this.#tail = run.catch(() => undefined);
    return run;
  }
}

function levelStoreAt(directory: string): Store {
  return new ClassicLevel(directory, { keyEncoding: 'view', valueEncoding: 'view' });
}

/** @throws JournalFault journal_format_unknown for a store of a later firmware, which may mean something else by its entries */
async function formatOf(store: Store): Promise<number> {
  const format = (await store.get(FORMAT_KEY))?.[0] ?? 1;
  if (format > JOURNAL_FORMAT) throw new JournalFault('journal_format_unknown');
  return format;
}

/**
 * Makes a store of an earlier format one of this format. From 1 to 2 and from 2 to 3 a space was added and no entry changed, so that the mark is all;
 * a step that changes entries does it in the same synced write as its mark, or again from the beginning after a power cut.
 */
async function upgrade(store: Store, format: number): Promise<void> {
  if (format === JOURNAL_FORMAT) return;
  await store.batch([{ type: 'put', key: FORMAT_KEY, value: Uint8Array.of(JOURNAL_FORMAT) }], { sync: true });
}

type Survey = {
  readonly nextSequence: number;
  readonly unacknowledged: number;
  readonly refused: number;
  readonly recentTaps: readonly RecentTap[];
  readonly unsent: UnsentTaps;
};

/**
 * What an opened store holds. The next sequence lies after everything that was ever written: the kept counter and the queued
 * keys are both asked, so that neither alone can make it restart.
 */
async function survey(store: Store, keys: SealingKeys, firstTapSequence: TapSequence): Promise<Survey> {
  const sealedNext = await store.get(NEXT_SEQUENCE_KEY);
  const plainNext = sealedNext === undefined ? undefined : openEntry(keys, NEXT_SEQUENCE_KEY, sealedNext);
  if (plainNext === null) throw new JournalFault('journal_key_wrong');
  const queued = await store.keys(spaceBounds('unacknowledged')).all();
  const refused = await store.keys(spaceBounds('refused')).all();
  const lastKnown = Math.max(0, ...[queued, refused].map((all) => lastSequence(all)));
  const unsent = new UnsentTaps();
  for (const [key, value] of await store.iterator(spaceBounds('risk')).all()) {
    const [sequence, risk] = [sequenceOfKey(key), unpackRisk(value)];
    if (sequence !== null && risk !== null) unsent.add(sequence, risk);
  }
  return {
    unsent,
    nextSequence: Math.max(
      firstTapSequence,
      lastKnown + 1,
      plainNext === undefined ? 1 : Number(Buffer.from(plainNext).readBigUInt64BE()),
    ),
    unacknowledged: queued.length,
    refused: refused.length,
    recentTaps: await readRecentTaps(store, keys),
  };
}

/** One that cannot be opened is left out: it is a memory for minutes, and no money hangs on it. */
async function readRecentTaps(store: Store, keys: SealingKeys): Promise<readonly RecentTap[]> {
  const sealed = await store.iterator(RECENT_BOUNDS).all();
  return sealed
    .flatMap(([key, value]) => {
      const plain = openEntry(keys, key, value);
      const entry = plain === null ? null : unpackRecentTap(plain);
      return entry === null ? [] : [entry];
    })
    .sort((a, b) => a.sequence - b.sequence)
    .map(({ tap }) => tap);
}

function lastSequence(keys: readonly Uint8Array[]): number {
  const last = keys.at(-1);
  return (last === undefined ? null : sequenceOfKey(last)) ?? 0;
}

function sequenceBytes(sequence: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(sequence));
  return bytes;
}
