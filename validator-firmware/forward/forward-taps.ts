import type { JournalEntry, TapJournal } from '../journal/tap-journal.ts';
import type { Delivery, TapUplink } from './tap-uplink.ts';

export type ForwardReport = {
  readonly deliveries: readonly Delivery[];
  /** why forwarding stopped before the journal was empty; null when it did not */
  readonly stoppedBy: string | null;
};

type ForwardedJournal = Pick<TapJournal, 'oldestUnacknowledged' | 'acknowledge' | 'setAside'>;

/** Records read from the journal at a time: some 200 KB, and one acknowledgement for all of them. */
const ENTRIES_AT_A_TIME = 256;

/**
 * Sends what the journal holds, oldest first, until it is empty or the gateway cannot be reached. Forgets only what was
 * accepted; what the gateway refuses for good is kept aside and reported. A crash between acceptance and forgetting sends a
 * record twice, which the gateway answers with its first answer.
 *
 * @param uplinkFor asked for each piece anew with the number of its records: what gathers while one is on its way may be a backlog
 */
export async function forwardTaps(
  journal: ForwardedJournal,
  uplinkFor: (waiting: number) => TapUplink,
): Promise<ForwardReport> {
  const deliveries: Delivery[] = [];
  for (;;) {
    const entries = await journal.oldestUnacknowledged(ENTRIES_AT_A_TIME);
    if (entries.length === 0) return { deliveries, stoppedBy: null };
    const batch = await forwardEntries(journal, uplinkFor(entries.length), entries);
    deliveries.push(...batch.deliveries);
    if (batch.stoppedBy !== null) return { deliveries, stoppedBy: batch.stoppedBy };
  }
}

async function forwardEntries(
  journal: ForwardedJournal,
  uplink: TapUplink,
  entries: readonly JournalEntry[],
): Promise<ForwardReport> {
  const deliveries: Delivery[] = [];
  try {
    for await (const delivery of uplink.send(entries)) {
      deliveries.push(delivery);
      if (delivery.kind === 'refused') await journal.setAside(delivery.entry, delivery.code);
    }
  } finally {
    const accepted = deliveries.filter((delivery) => delivery.kind === 'accepted');
    await journal.acknowledge(accepted.map((delivery) => delivery.entry.tapSequence));
  }
  const undelivered = deliveries.find((delivery) => delivery.kind === 'undelivered');
  const isIncomplete = deliveries.length < entries.length;
  return { deliveries, stoppedBy: undelivered?.code ?? (isIncomplete ? 'answer_not_understood' : null) };
}
