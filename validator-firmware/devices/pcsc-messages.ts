/** What the gate's process and its reader's process tell each other over IPC, as structured clones. */
export type ToReaderProcess = {
  readonly kind: 'transmit';
  /** names this question; given back with the answer */
  readonly exchange: number;
  readonly reader: string;
  /** counts the cards that this process has announced */
  readonly presentation: number;
  readonly command: Uint8Array;
};

export type FromReaderProcess =
  /** the library is loaded and the daemon answers, or is waited for */
  | { readonly kind: 'opened' }
  | { readonly kind: 'library_absent' }
  | { readonly kind: 'reader_ready'; readonly reader: string }
  | { readonly kind: 'reader_lost'; readonly reader: string }
  | { readonly kind: 'card_present'; readonly reader: string; readonly presentation: number }
  | { readonly kind: 'card_unreadable'; readonly reader: string }
  | { readonly kind: 'card_removed'; readonly reader: string }
  /** `response` null: the card of that presentation has left */
  | { readonly kind: 'answered'; readonly exchange: number; readonly response: Uint8Array | null };
