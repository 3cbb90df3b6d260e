import type postgres from 'postgres';
import type { Database } from './connection.ts';
import { holdTransaction } from './lost-transactions.ts';
import { faultsTranslated } from './store-fault.ts';

/**
 * A query read through a cursor in a transaction of its own.
 *
 * The end of the rows counts only when the transaction has ended too: postgres.js 3.4.9 tells a cursor whose connection was lost between two
 * pieces that there are no more rows, and a file that was made of half of them would be signed.
 *
 * @param settings statements before the query, of this transaction alone
 * @throws StoreFault, also when the connection was lost between two pieces
 */
export async function* streamRows<Row>(
  database: Database,
  settings: readonly string[],
  query: (sql: postgres.TransactionSql) => AsyncIterable<Row[]>,
): AsyncGenerator<readonly Row[]> {
  const held = await faultsTranslated(() => holdTransaction(database.hot, 'read only'));
  let cursor: AsyncIterator<Row[]> | null = null;
  let isWhole = false;
  try {
    for (const setting of settings) await faultsTranslated(() => held.transaction.unsafe(setting));
    cursor = query(held.transaction)[Symbol.asyncIterator]();
    for (const rows = cursor; ;) {
      const next = await faultsTranslated(() => {
        held.throwIfLost();
        return rows.next();
      });
      if (next.done === true) break;
      yield next.value;
    }
    isWhole = true;
  } finally {
    // Left early, the rows that are still to come are told to stay.
    if (!isWhole && !held.isLost()) await cursor?.return?.();
    const ended = faultsTranslated(() => held.end());
    await (isWhole ? ended : ended.catch(() => undefined));
  }
}
