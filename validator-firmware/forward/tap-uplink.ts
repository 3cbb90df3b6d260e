import type { TapGateClient } from '@tapgate/sdk/client';
import { TapGateError } from '@tapgate/sdk/error';
import type { TapAnswer } from '@tapgate/sdk/wire/verdict';
import type { JournalEntry } from '../journal/tap-journal.ts';
import { isSetAside } from './refusal-disposal.ts';

/** What became of one record that was sent. */
export type Delivery =
  | { readonly kind: 'accepted'; readonly entry: JournalEntry; readonly answer: TapAnswer }
  | { readonly kind: 'refused'; readonly entry: JournalEntry; readonly code: string }
  /** nothing is known of it: it stays in the journal */
  | { readonly kind: 'undelivered'; readonly entry: JournalEntry; readonly code: string };

/**
 * The way to the gateway: one record at a time while a terminal is in touch, in bulk after an outage. Deliveries come in the
 * order of the entries; an entry without a delivery is as good as undelivered.
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
    return deliveryOf(entry, await client.sendTap(entry.record));
  } catch (error) {
    if (!(error instanceof TapGateError)) throw error;
    return deliveryOf(entry, error);
  }
}

/** `POST /v1/tap-batches`: the whole batch in one request, for what an outage has left behind. */
export function bulkUplink(client: Pick<TapGateClient, 'sendTaps'>): TapUplink {
  return {
    async *send(entries) {
      const answers = await sendAll(client, entries);
      for (const [index, entry] of entries.entries()) {
        const answer = answers[index];
        if (answer === undefined) {
          yield { kind: 'undelivered', entry, code: 'answer_not_understood' };
          return;
        }
        yield deliveryOf(entry, answer);
      }
    },
  };
}

async function sendAll(
  client: Pick<TapGateClient, 'sendTaps'>,
  entries: readonly JournalEntry[],
): Promise<readonly (TapAnswer | TapGateError)[]> {
  try {
    return await client.sendTaps(entries.map((entry) => entry.record));
  } catch (error) {
    if (!(error instanceof TapGateError)) throw error;
    // The upload as a whole was not taken: that says nothing of any record in it.
    return entries.map(() => new TapGateError({ code: error.code, isOfSession: true }, { cause: error }));
  }
}

function deliveryOf(entry: JournalEntry, answer: TapAnswer | TapGateError): Delivery {
  if (!(answer instanceof TapGateError)) return { kind: 'accepted', entry, answer };
  const isOfRecord = !answer.isOfSession && isSetAside(answer.code);
  return { kind: isOfRecord ? 'refused' : 'undelivered', entry, code: answer.code };
}
