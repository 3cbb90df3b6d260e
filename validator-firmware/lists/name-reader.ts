import {
  entryBytesOf,
  HEADER_BYTES_MAX,
  NAME_BYTES,
  nameListBytes,
  parseNameListHeader,
  type NameListHeader,
} from '@tapgate/sdk/lists/name-list';
import { PieceHash } from '@tapgate/sdk/lists/piece-hash';
import { ListFault } from './list-fault.ts';

/** Some names of a body, side by side: `width` bytes each, in ascending order. */
export type NameRun = {
  readonly part: 'removed' | 'added';
  readonly bytes: Uint8Array;
  readonly width: number;
};

/** Names in a run: what is done with them takes a millisecond or two, and taps come between runs. */
const RUN_NAMES = 1_024;

/**
 * Reads a body as it comes and gives its names in runs, checking form, order and length on the way, and the hash at the end. Whoever
 * takes the runs must leave no trace of them unless `finish` was reached.
 */
export class NameReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #hash = new PieceHash();
  #rest: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** @throws ListFault list_body_malformed */
  async header(): Promise<NameListHeader & { readonly headerBytes: number }> {
    await this.#fill(HEADER_BYTES_MAX);
    const header = parseNameListHeader(this.#rest);
    if (header === null) throw new ListFault('list_body_malformed');
    this.#rest = this.#rest.subarray(header.headerBytes);
    return header;
  }

  /** @throws ListFault list_body_malformed: cut short, or not in order */
  async *runs(header: NameListHeader): AsyncGenerator<NameRun> {
    yield* this.#part('removed', header.removed, NAME_BYTES);
    yield* this.#part('added', header.added, entryBytesOf(header.kind));
  }

  /** @throws ListFault list_body_differs unless what was read is what the hash announces, to its last byte */
  async finish(
    header: NameListHeader & { readonly headerBytes: number },
    announced: { readonly bodySm3: string; readonly bodyBytes: number },
  ): Promise<void> {
    await this.#fill(1);
    const isWhole = this.#rest.length === 0 && nameListBytes(header) === announced.bodyBytes;
    if (!isWhole || this.#hash.digest() !== announced.bodySm3) throw new ListFault('list_body_differs');
  }

  async *#part(part: NameRun['part'], count: number, width: number): AsyncGenerator<NameRun> {
    let before: Uint8Array = new Uint8Array(0);
    // A name of a concession list comes again with the next right; the part after the name then orders them.
    const compared = part === 'removed' ? NAME_BYTES : Math.min(width, NAME_BYTES + 1);
    for (let left = count; left > 0;) {
      const names = Math.min(left, RUN_NAMES);
      await this.#fill(names * width);
      if (this.#rest.length < names * width) throw new ListFault('list_body_malformed');
      const bytes = this.#rest.subarray(0, names * width);
      this.#rest = this.#rest.subarray(names * width);
      before = requireAscending(bytes, { width, compared, before });
      left -= names;
      yield { part, bytes, width };
    }
  }

  /** Brings at least so many bytes in hand where the body has them. */
  async #fill(byteCount: number): Promise<void> {
    if (this.#rest.length >= byteCount || this.#ended) return;
    const parts = [this.#rest];
    let held = this.#rest.length;
    while (held < byteCount) {
      const step = await this.#source.next();
      if (step.done === true) {
        this.#ended = true;
        break;
      }
      this.#hash.update(step.value);
      parts.push(step.value);
      held += step.value.length;
    }
    this.#rest = Buffer.concat(parts);
  }
}

function requireAscending(
  bytes: Uint8Array,
  order: { readonly width: number; readonly compared: number; readonly before: Uint8Array },
): Uint8Array {
  const { width, compared } = order;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (order.before.length > 0 && view.compare(order.before, 0, compared, 0, compared) <= 0)
    throw new ListFault('list_body_malformed');
  for (let at = width; at < view.length; at += width) {
    if (view.compare(view, at - width, at - width + compared, at, at + compared) <= 0)
      throw new ListFault('list_body_malformed');
  }
  return Uint8Array.from(view.subarray(view.length - width, view.length - width + compared));
}

/** @returns the same body as something that comes, a piece at a time */
export async function* inPieces(body: Uint8Array, pieceBytes = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += pieceBytes)
    yield await Promise.resolve(body.subarray(at, at + pieceBytes));
}
