import { isTapSequence, type TapSequence } from '@tapgate/sdk/wire/identifiers';

/**
 * Keys in the store: one byte of space, then the tap sequence big-endian, so that the store's order is the order of taps.
 *
 *   00            the next tap sequence to give out
 *   01 | 4 bytes  an unacknowledged tap record
 *   02 | 4 bytes  a record that the gateway refused for good: kept, no longer sent
 *   03 | 1 byte   a tap that this gate looks back on, in place (tap sequence mod 256): since format 2
 *   04 | 4 bytes  what an unacknowledged tap may cost and when it was (unsent-taps.ts): since format 3
 *   ff            the format of the store, one byte in clear; a store without it is of format 1
 */
export const NEXT_SEQUENCE_KEY: Uint8Array = Uint8Array.of(0x00);
export const FORMAT_KEY: Uint8Array = Uint8Array.of(0xff);
/** What this firmware writes. It reads every format from 1 on. */
export const JOURNAL_FORMAT = 3;

const RECENT_SPACE = 0x03;
/** Places of taps that are looked back on; as many as gate/recent-taps.ts keeps. */
const RECENT_PLACES = 256;

export function recentTapKey(sequence: TapSequence): Uint8Array {
  return Uint8Array.of(RECENT_SPACE, sequence % RECENT_PLACES);
}

export const RECENT_BOUNDS = {
  gte: Uint8Array.of(RECENT_SPACE),
  lt: Uint8Array.of(RECENT_SPACE + 1),
} as const;

export const JOURNAL_SPACES = { unacknowledged: 0x01, refused: 0x02, risk: 0x04 } as const;
export type JournalSpace = keyof typeof JOURNAL_SPACES;

export function journalKey(space: JournalSpace, sequence: TapSequence): Uint8Array {
  const key = Buffer.alloc(5);
  key.writeUInt8(JOURNAL_SPACES[space], 0);
  key.writeUInt32BE(sequence, 1);
  return key;
}

/** First and one-past-last key of a space. */
export function spaceBounds(space: JournalSpace): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  return { gte: Uint8Array.of(JOURNAL_SPACES[space]), lt: Uint8Array.of(JOURNAL_SPACES[space] + 1) };
}

/** @returns null for a key that this journal does not write */
export function sequenceOfKey(key: Uint8Array): TapSequence | null {
  if (key.length !== 5) return null;
  const sequence = Buffer.from(key).readUInt32BE(1);
  return isTapSequence(sequence) ? sequence : null;
}
