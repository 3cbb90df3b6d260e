import { LIST_KINDS, type ListKind } from '@tapgate/sdk/lists/list-kinds';
import { NAME_BYTES } from '@tapgate/sdk/lists/name-list';
import { readUInt32 } from './name-filter.ts';

/**
 * Keys in the store of lists. `kind` is the byte of sdk/lists/list-kinds.ts; a generation is one snapshot with the deltas on it,
 * and the next snapshot is laid beside it.
 *
 *   00 | kind                                   which generation holds, and of which version: written last
 *   01 | kind | generation | bucket, 4 bytes    entries of a snapshot whose names begin with the bucket's bits, ascending
 *   02 | kind | generation | name, 16 bytes     what deltas said of a name last: 00, or 01 and its rights
 *   03 | kind | generation | version, 4 bytes   names that a delta added, one after the other: for the filter at the next start
 *   04 | kind | generation                      the body of a list of no cards
 */
const SPACES = { state: 0x00, buckets: 0x01, changes: 0x02, additions: 0x03, body: 0x04 } as const;

export const stateKey = (kind: ListKind): Uint8Array => Uint8Array.of(SPACES.state, LIST_KINDS[kind].code);

export type Generation = { readonly kind: ListKind; readonly generation: number };

const prefix = (space: keyof typeof SPACES, of: Generation): Uint8Array =>
  Uint8Array.of(SPACES[space], LIST_KINDS[of.kind].code, of.generation);

export const bodyKey = (of: Generation): Uint8Array => prefix('body', of);

export function bucketKey(of: Generation, bucket: number): Uint8Array {
  return withNumber(prefix('buckets', of), bucket);
}

export function additionsKey(of: Generation, version: number): Uint8Array {
  return withNumber(prefix('additions', of), version);
}

export function changeKey(of: Generation, names: Uint8Array, at = 0): Uint8Array {
  const key = new Uint8Array(3 + NAME_BYTES);
  key.set(prefix('changes', of));
  key.set(names.subarray(at, at + NAME_BYTES), 3);
  return key;
}

/** Everything of a generation in one space, first and one past last. */
export function spaceOf(
  space: 'buckets' | 'changes' | 'additions' | 'body',
  of: Generation,
): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  const [spaceByte, kind] = [SPACES[space], LIST_KINDS[of.kind].code];
  const lt =
    of.generation < 0xff
      ? Uint8Array.of(spaceByte, kind, of.generation + 1)
      : Uint8Array.of(spaceByte, kind + 1);
  return { gte: prefix(space, of), lt };
}

/** The bucket of a name: its first bits. @param bits 0 to 31 */
export function bucketOf(bits: number, names: Uint8Array, at = 0): number {
  return bits === 0 ? 0 : readUInt32(names, at) >>> (32 - bits);
}

/** So many bits that a bucket holds about a hundred names: one block read from flash, and few enough to be laid down quickly. */
export function bucketBitsFor(names: number): number {
  return Math.max(0, Math.ceil(Math.log2(names / NAMES_PER_BUCKET_MAX)));
}

const NAMES_PER_BUCKET_MAX = 160;

function withNumber(head: Uint8Array, number: number): Uint8Array {
  const key = Buffer.alloc(head.length + 4);
  key.set(head);
  key.writeUInt32BE(number, head.length);
  return key;
}
