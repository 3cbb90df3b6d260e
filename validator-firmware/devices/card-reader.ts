import type { CardChannel } from './card-channel.ts';

/** What a reader tells, in the order in which it happens; `reader` is its name. */
export type ReaderEvent =
  /** the reader is there, for the first time or again */
  | { readonly event: 'reader_ready'; readonly reader: string }
  /** the reader is gone, with whatever card was in its field */
  | { readonly event: 'reader_lost'; readonly reader: string }
  | { readonly event: 'card_present'; readonly reader: string; readonly card: CardChannel }
  /** something is in the field and does not answer as a card */
  | { readonly event: 'card_unreadable'; readonly reader: string }
  | { readonly event: 'card_removed'; readonly reader: string };

export type ReaderListener = (event: ReaderEvent) => void;

/**
 * All readers that one stack knows. A card that lies in the field when the readers are opened is announced like one that comes.
 * A channel belongs to one presentation: when the card has left it answers null for ever, and it rejects with DeviceFault
 * `reader_lost` when the reader itself is gone. A lost reader comes back by itself.
 */
export interface CardReader {
  /** those that are there now */
  readonly readers: readonly string[];
  /** No event comes afterwards; channels reject with `reader_closed`. */
  close(): Promise<void>;
}
