import type postgres from 'postgres';
import { holdTransaction } from './lost-transactions.ts';
import { faultsTranslated } from './store-fault.ts';

// 'TAPG' as a number: the application's half of an advisory lock's name; the other half says what is locked.
const APPLICATION = 0x54415047;
const SETTLING = 2;
const CLOSING = 3;
const SETTLER = 4;

/**
 * Settling jobs hold this together while they write journeys (ARCHITECTURE.md "Cut-over is a watermark"): until the end of the
 * transaction, so that every settled_no below a cut-over is visible to whoever cuts.
 */
export async function shareSettling(transaction: postgres.ISql): Promise<void> {
  await transaction`select pg_advisory_xact_lock_shared(${APPLICATION}, ${SETTLING})`;
}

/** Of several gateways one settles at a time, until the end of its transaction: the taps of a card are in one hand. */
export async function settleAlone(transaction: postgres.ISql): Promise<void> {
  await transaction`select pg_advisory_xact_lock(${APPLICATION}, ${SETTLER})`;
}

/** Waits for settling transactions that run and keeps new ones out until this transaction ends. */
export async function stopSettling(transaction: postgres.ISql): Promise<void> {
  await transaction`select pg_advisory_xact_lock(${APPLICATION}, ${SETTLING})`;
}

/**
 * Runs the work while no other gateway closes a day: the lock belongs to a transaction that does nothing else, and is let go by the
 * server however that ends.
 *
 * @throws when the connection was lost meanwhile: the work came to its end, and another gateway may have begun the same
 */
export async function whileClosingAlone<Result>(
  sql: postgres.Sql<{ int8: number }>,
  work: () => Promise<Result>,
): Promise<Result> {
  const held = await faultsTranslated(() => holdTransaction(sql, ''));
  let result: { readonly value: Result } | null = null;
  try {
    await faultsTranslated(() => held.transaction`select pg_advisory_xact_lock(${APPLICATION}, ${CLOSING})`);
    result = { value: await work() };
    return result.value;
  } finally {
    const ended = faultsTranslated(() => held.end());
    await (result === null ? ended.catch(() => undefined) : ended);
  }
}
