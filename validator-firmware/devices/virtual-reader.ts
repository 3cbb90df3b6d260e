import { presentVirtualCard } from '../virtual-cards/in-process-channel.ts';
import type { AnsweringCard } from '../virtual-cards/virtual-card.ts';
import type { CardChannel } from './card-channel.ts';
import type { CardReader, ReaderListener } from './card-reader.ts';
import { DeviceFault, type DeviceFaultCode } from './device-fault.ts';

type Presentation = { readonly card: AnsweringCard; ended: 'no' | 'removed' | DeviceFaultCode };
type Field = { isThere: boolean; presentation: Presentation | null };

/** Readers in process, with hands that hold virtual cards into their fields. */
export class VirtualReader implements CardReader {
  readonly #fields: Map<string, Field>;
  #listener: ReaderListener | null = null;

  constructor(readers: readonly string[]) {
    this.#fields = new Map(readers.map((reader) => [reader, { isThere: true, presentation: null }]));
  }

  get readers(): readonly string[] {
    return [...this.#fields].filter(([, field]) => field.isThere).map(([reader]) => reader);
  }

  open(listener: ReaderListener): Promise<CardReader> {
    this.#listener = listener;
    for (const reader of this.readers) this.#arrive(reader);
    return Promise.resolve(this);
  }

  /** @throws RangeError when a card is in the field already */
  insert(reader: string, card: AnsweringCard): void {
    const field = this.#field(reader);
    if (field.presentation !== null) throw new RangeError('one card at a time');
    field.presentation = { card, ended: 'no' };
    if (field.isThere) this.#announceCard(reader, field.presentation);
  }

  remove(reader: string): void {
    const field = this.#field(reader);
    if (field.presentation === null) return;
    if (field.presentation.ended === 'no') field.presentation.ended = 'removed';
    field.presentation = null;
    if (field.isThere) this.#listener?.({ event: 'card_removed', reader });
  }

  /** The readers' stack goes away, as when a plug is pulled; a card stays where it is. */
  lose(): void {
    for (const [reader, field] of this.#fields) {
      if (!field.isThere) continue;
      field.isThere = false;
      if (field.presentation?.ended === 'no') field.presentation.ended = 'reader_lost';
      this.#listener?.({ event: 'reader_lost', reader });
    }
  }

  restore(): void {
    for (const [reader, field] of this.#fields) {
      if (field.isThere) continue;
      field.isThere = true;
      if (field.presentation !== null) field.presentation = { card: field.presentation.card, ended: 'no' };
      this.#arrive(reader);
    }
  }

  close(): Promise<void> {
    this.#listener = null;
    for (const { presentation } of this.#fields.values())
      if (presentation !== null) presentation.ended = 'reader_closed';
    return Promise.resolve();
  }

  #arrive(reader: string): void {
    this.#listener?.({ event: 'reader_ready', reader });
    const { presentation } = this.#field(reader);
    if (presentation !== null) this.#announceCard(reader, presentation);
  }

  #announceCard(reader: string, presentation: Presentation): void {
    if (this.#listener === null) return;
    if (presentation.card.faults.mute === true) {
      this.#listener({ event: 'card_unreadable', reader });
      return;
    }
    this.#listener({ event: 'card_present', reader, card: channelOf(presentation) });
  }

  #field(reader: string): Field {
    const field = this.#fields.get(reader);
    if (field === undefined) throw new RangeError('no reader of that name');
    return field;
  }
}

function channelOf(presentation: Presentation): CardChannel {
  const inside = presentVirtualCard(presentation.card);
  return {
    async transmit(command) {
      const response = presentation.ended === 'no' ? await inside.transmit(command) : null;
      // What is true when the answer would arrive counts: the hand may have moved while a slow card was thinking.
      if (presentation.ended === 'no') return response;
      if (presentation.ended === 'removed') return null;
      throw new DeviceFault(presentation.ended);
    },
  };
}
