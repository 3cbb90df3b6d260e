import { randomBytes } from 'node:crypto';
import { SM4_BLOCK_BYTES } from '@tapgate/sdk/gm/sm4';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { eq } from 'drizzle-orm';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { Database } from './connection.ts';
import { dataKey } from './schema/taps.ts';
import { faultsTranslated } from './store-fault.ts';

/**
 * The SM4 keys under which tap records lie in the database, one a service date. The database has them wrapped; in memory are
 * those of the dates that are being written or read.
 */
export class DataKeys {
  readonly #database: Database;
  readonly #keys: KeyProvider;
  readonly #open = new Map<IsoDate, Promise<Uint8Array>>();

  constructor(database: Database, keys: KeyProvider) {
    this.#database = database;
    this.#keys = keys;
  }

  /** The key of the date, made when there is none yet: whichever gateway writes it first gives it to all. */
  forWriting(serviceDate: IsoDate): Promise<Uint8Array> {
    const found = this.#open.get(serviceDate);
    if (found !== undefined) return found;
    const opening = this.#findOrMake(serviceDate);
    this.#open.set(serviceDate, opening);
    opening.catch(() => this.#open.delete(serviceDate));
    if (this.#open.size > OPEN_MAX) this.#forgetOldest();
    return opening;
  }

  /** @returns null when the date has no key: never written, or destroyed at the end of its retention */
  async forReading(serviceDate: IsoDate): Promise<Uint8Array | null> {
    const found = this.#open.get(serviceDate);
    if (found !== undefined) return found;
    const wrapped = await this.#read(serviceDate);
    return wrapped === null ? null : this.#keys.unwrapDataKey(wrapped);
  }

  async #findOrMake(serviceDate: IsoDate): Promise<Uint8Array> {
    const present = await this.#read(serviceDate);
    if (present !== null) return this.#keys.unwrapDataKey(present);
    const wrapped = this.#keys.wrapDataKey(randomBytes(SM4_BLOCK_BYTES));
    await faultsTranslated(async () => {
      await this.#database.orm
        .insert(dataKey)
        .values({ serviceDate, ...wrapped })
        .onConflictDoNothing();
    });
    const written = await this.#read(serviceDate);
    if (written === null) throw new RangeError('a data key that was just written is there');
    return this.#keys.unwrapDataKey(written);
  }

  async #read(serviceDate: IsoDate): Promise<{ wrappingKeyVersion: number; wrappedKey: Uint8Array } | null> {
    const [row] = await faultsTranslated(() =>
      this.#database.orm.select().from(dataKey).where(eq(dataKey.serviceDate, serviceDate)),
    );
    return row ?? null;
  }

  #forgetOldest(): void {
    const [oldest] = this.#open.keys();
    if (oldest !== undefined) this.#open.delete(oldest);
  }
}

/** A retention's worth of days that upload late, and more. */
const OPEN_MAX = 128;
