import type { TapGateClient } from '@tapgate/sdk/client';
import { TapGateError } from '@tapgate/sdk/error';
import type { TapAnswer } from '@tapgate/sdk/wire/verdict';
import type { JournalEntry } from '../journal/tap-journal.ts';
import { isSetAside } from './refusal-disposal.ts';

/** What became of one record that was sent. */
export type Delivery =
  | { readonly kind: 'accepted'; readonly entry: JournalEntry; readonly answer: TapAnswer }
  | { readonly kind: 'refused'; readonly entry: JournalEntry; readonly code: string }
  /** nothing is known of it: it stays in the journal, and so does everything after it */
  | { readonly kind: 'undelivered'; readonly entry: JournalEntry; readonly code: string };

/**
 * The way to the gateway: one record at a time while a terminal is in touch, in bulk after an outage. Deliveries come in the
 * order of the entries and end with the first that is undelivered.
 */
export interface TapUplink {
  send(entries: readonly JournalEntry[]): AsyncIterable<Delivery>;
}

/** `POST /v1/taps`, one after the other: the order of taps is the order of arrival. */
export function liveUplink(client: Pick<TapGateClient, 'sendTap'>): TapUplink {
  return {
    async *send(entries) {
      for (const entry of entries) {
        const delivery = await deliver(client, entry);
        yield delivery;
        if (delivery.kind === 'undelivered') return;
      }
    },
  };
}

async function deliver(client: Pick<TapGateClient, 'sendTap'>, entry: JournalEntry): Promise<Delivery> {
  try {
    return { kind: 'accepted', entry, answer: await client.sendTap(entry.record) };
  } catch (error) {
    if (!(error instanceof TapGateError)) throw error;
    return { kind: isSetAside(error.code) ? 'refused' : 'undelivered', entry, code: error.code };
  }
}
