import { sm3 } from '../gm/sm3.ts';
import { LIST_KINDS, type NameListKind } from './list-kinds.ts';

/**
 * A list of cards as it travels and lies: one byte string, big-endian throughout, whole numbers unsigned.
 *
 *   offset  length
 *   0       4   magic, 54 47 4C 31 ("TGL1")
 *   4       1   kind: 01 hotlist, 02 concessions
 *   5       1   form: 00 snapshot, 01 delta
 *   6       2   W, the number of words
 *   8       4   version
 *   12      4   base version: the one that a delta changes; 00000000 in a snapshot
 *   16      8   list key id: leftmost 8 bytes of SM3("tapgate-list-key|" then the 32 bytes of the list key)
 *   24      4   R, the number of removed names; 0 in a snapshot
 *   28      4   A, the number of added entries
 *   32      W x (1 + n)   words: length n, then n bytes ASCII; the rider categories that entries speak of. None in a hotlist
 *   ..      R x 16        removed names, strictly ascending as bytes
 *   ..      A x E         added entries, ascending by name, then by word: E is 16 in a hotlist, 25 in a concession list
 *
 *   entry   16  name: leftmost 16 bytes of HMAC-SM3 under the list key of the ASCII digits of PAN and PAN sequence number
 *           concessions only:
 *           1   word, counted from 0
 *           4   first day of the right, YYYYMMDD as packed BCD
 *           4   last day, as packed BCD; 99991231 when there is none
 *
 * A delta removes first and adds then, so that a name in both parts is replaced. A hotlist has each name once; a concession list has
 * one entry for each right of a card. The same list has the same bytes whoever makes it, so its hash is its identity.
 */
export type NameListHeader = {
  readonly kind: NameListKind;
  readonly form: 'snapshot' | 'delta';
  readonly version: number;
  /** 0 in a snapshot */
  readonly baseVersion: number;
  /** 16 upper-case hex digits */
  readonly listKeyId: string;
  readonly words: readonly string[];
  readonly removed: number;
  readonly added: number;
};

export const NAME_BYTES = 16;
export const RIGHT_BYTES = 9;
const MAGIC = Buffer.from('TGL1', 'ascii');
const FIXED_BYTES = 32;
const KEY_ID_BYTES = 8;
const WORD = /^[a-z0-9_-]{1,40}$/;
/** Every rider category of a city, many times over; the bound makes the header's length known before its last byte. */
const WORDS_MAX = 64;
/** The longest header there can be: what a reader must have in hand. */
export const HEADER_BYTES_MAX = FIXED_BYTES + WORDS_MAX * 41;

export function entryBytesOf(kind: NameListKind): number {
  return kind === 'hotlist' ? NAME_BYTES : NAME_BYTES + RIGHT_BYTES;
}

/** Which key names the cards, without saying the key. @param listKey 32 bytes */
export function listKeyIdOf(listKey: Uint8Array): string {
  const digest = sm3(Buffer.from('tapgate-list-key|', 'ascii'), listKey);
  return Buffer.from(digest.subarray(0, KEY_ID_BYTES)).toString('hex').toUpperCase();
}

export function encodeNameListHeader(header: NameListHeader): Uint8Array {
  const fixed = Buffer.alloc(FIXED_BYTES);
  MAGIC.copy(fixed, 0);
  fixed.writeUInt8(LIST_KINDS[header.kind].code, 4);
  fixed.writeUInt8(header.form === 'snapshot' ? 0 : 1, 5);
  fixed.writeUInt16BE(header.words.length, 6);
  fixed.writeUInt32BE(header.version, 8);
  fixed.writeUInt32BE(header.baseVersion, 12);
  fixed.write(header.listKeyId, 16, KEY_ID_BYTES, 'hex');
  fixed.writeUInt32BE(header.removed, 24);
  fixed.writeUInt32BE(header.added, 28);
  const words = header.words.map((word) => {
    if (!WORD.test(word)) throw new RangeError('a word of a list is 1 to 40 of a-z, 0-9, _ and -');
    return Buffer.concat([Uint8Array.of(word.length), Buffer.from(word, 'ascii')]);
  });
  if (words.length > WORDS_MAX) throw new RangeError(`a list has at most ${WORDS_MAX} words`);
  return Buffer.concat([fixed, ...words]);
}

/**
 * Reads the header at the start of a list.
 *
 * @param bytes the first HEADER_BYTES_MAX bytes, or the whole list where it is shorter
 * @returns null for what is not a header as drawn above
 */
export function parseNameListHeader(
  bytes: Uint8Array,
): (NameListHeader & { readonly headerBytes: number }) | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < FIXED_BYTES || !view.subarray(0, 4).equals(MAGIC)) return null;
  const kind = (['hotlist', 'concessions'] as const).find((known) => LIST_KINDS[known].code === view[4]);
  const form = (['snapshot', 'delta'] as const)[view.readUInt8(5)];
  const wordCount = view.readUInt16BE(6);
  if (kind === undefined || form === undefined || wordCount > WORDS_MAX) return null;
  const words: string[] = [];
  let at = FIXED_BYTES;
  for (let index = 0; index < wordCount; index++) {
    const length = view[at];
    if (length === undefined || at + 1 + length > view.length) return null;
    const word = view.toString('latin1', at + 1, at + 1 + length);
    if (!WORD.test(word)) return null;
    words.push(word);
    at += 1 + length;
  }
  const baseVersion = view.readUInt32BE(12);
  const removed = view.readUInt32BE(24);
  if (form === 'snapshot' && (baseVersion !== 0 || removed !== 0)) return null;
  if (kind === 'hotlist' && words.length > 0) return null;
  return {
    ...{ kind, form, words, removed, baseVersion },
    version: view.readUInt32BE(8),
    listKeyId: view.toString('hex', 16, 16 + KEY_ID_BYTES).toUpperCase(),
    added: view.readUInt32BE(28),
    headerBytes: at,
  };
}

/** The exact length of the list that this header begins. */
export function nameListBytes(header: NameListHeader & { readonly headerBytes: number }): number {
  return header.headerBytes + header.removed * NAME_BYTES + header.added * entryBytesOf(header.kind);
}

/** A right as it stands after the name in an entry. Dates are calendar dates, YYYY-MM-DD; null: without an end. */
export type ListedRight = {
  readonly word: number;
  readonly validFrom: string;
  readonly validTo: string | null;
};

const NO_END = '99991231';

export function encodeRight(right: ListedRight): Uint8Array {
  const from = right.validFrom.replaceAll('-', '');
  const to = right.validTo?.replaceAll('-', '') ?? NO_END;
  return Buffer.concat([Uint8Array.of(right.word), Buffer.from(from + to, 'hex')]);
}

/** @returns null for days that are not packed BCD */
export function parseRight(bytes: Uint8Array): ListedRight | null {
  const word = bytes[0];
  const days = Buffer.from(bytes.buffer, bytes.byteOffset + 1, RIGHT_BYTES - 1).toString('hex');
  if (word === undefined || !/^\d{16}$/.test(days)) return null;
  const to = days.slice(8);
  return { word, validFrom: dashed(days.slice(0, 8)), validTo: to === NO_END ? null : dashed(to) };
}

const dashed = (day: string): string => `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`;
