import type { Database } from '../store/connection.ts';
import { findPublishedList, readPiece, type ListName, type PublishedList } from '../store/lists.ts';
import { PIECE_BYTES } from '@tapgate/sdk/lists/piece-hash';

/** What a published body is known by; neither it nor its bytes ever change. */
export type BodyAtHand = Pick<PublishedList, 'kind' | 'version' | 'form' | 'bodyBytes' | 'bodySm3'> & {
  /** the whole of a short body; null for one that is read piece by piece */
  readonly bytes: Uint8Array | null;
};

const BODIES_MAX = 128;
/** In memory altogether, with what V8 adds: a fraction of what a gateway has (ARCHITECTURE.md). */
const BYTES_MAX = 8 * 1024 * 1024;

/**
 * Short bodies that were asked for lately: a delta of a day goes to every terminal of a city within minutes, and is read once. A
 * published body stays what it is, so nothing here grows old.
 */
export class BodiesAtHand {
  readonly #database: Database;
  readonly #bodies = new Map<string, Promise<BodyAtHand | null>>();
  readonly #bytesOf = new Map<string, number>();
  #bytes = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @returns null for no such body @throws StoreFault */
  find(list: ListName): Promise<BodyAtHand | null> {
    const name = `${list.kind}/${list.version}/${list.form}`;
    const known = this.#bodies.get(name);
    if (known !== undefined) return known;
    const body = this.#read(list);
    this.#bodies.set(name, body);
    body.then(
      (read) => {
        // What is not there now may be there in a moment.
        if (read === null) this.#bodies.delete(name);
        else this.#keep(name, read.bytes?.length ?? 0);
      },
      () => this.#bodies.delete(name),
    );
    return body;
  }

  async #read(list: ListName): Promise<BodyAtHand | null> {
    const published = await findPublishedList(this.#database, list);
    if (published === null) return null;
    const { kind, version, form, bodyBytes, bodySm3 } = published;
    const isShort = bodyBytes <= PIECE_BYTES;
    const bytes = isShort ? ((await readPiece(this.#database, list, 0)) ?? new Uint8Array(0)) : null;
    return { kind, version, form, bodyBytes, bodySm3, bytes };
  }

  #keep(name: string, bytes: number): void {
    this.#bytesOf.set(name, bytes);
    this.#bytes += bytes;
    for (const [oldest, size] of this.#bytesOf) {
      if (this.#bytes <= BYTES_MAX && this.#bytesOf.size <= BODIES_MAX) return;
      this.#bytesOf.delete(oldest);
      this.#bodies.delete(oldest);
      this.#bytes -= size;
    }
  }
}
