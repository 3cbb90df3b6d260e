import type { Database } from './connection.ts';
import { faultsTranslated } from './store-fault.ts';

/** What is accepted and not settled: the distance between the two rates. */
export type SettlementGauge = {
  /** never looked at by the settling job */
  readonly ready: number;
  /** an entry or exit without its other end so far */
  readonly waiting: number;
  /** highest number that settling has given to a journey; null before the first */
  readonly settledNo: number | null;
};

/** Counts a queue that is short when all is well; an index on its state keeps the count from reading anything else. */
export async function readSettlementGauge(database: Database): Promise<SettlementGauge> {
  const [row] = await faultsTranslated(
    () => database.hot<{ ready: number; waiting: number; settled_no: number | null }[]>`
      select
        (select count(*) from unsettled_tap where state = 'ready') as ready,
        (select count(*) from unsettled_tap where state = 'waiting') as waiting,
        (select max(settled_no) from journey) as settled_no`,
  );
  if (row === undefined) throw new RangeError('a query without FROM answers one row');
  return { ready: row.ready, waiting: row.waiting, settledNo: row.settled_no };
}
