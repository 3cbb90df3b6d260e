import { TAP_AGE_MAX_MS } from '@tapgate/sdk/wire/limits';
import type { Database } from './connection.ts';
import { faultsTranslated } from './store-fault.ts';

const MONTHS_AHEAD = 2;

/**
 * Makes the monthly partitions from the oldest tap that is still accepted to two months ahead. Called at start and once a day;
 * a month that exists already costs one look-up. A later tap than all of them goes to the default partition.
 *
 * @throws StoreFault
 */
export async function ensurePartitions(database: Database, nowMs: number): Promise<void> {
  const months = listMonths(nowMs - TAP_AGE_MAX_MS, nowMs);
  await faultsTranslated(async () => {
    for (const firstDay of months) {
      await database.hot`select ensure_month_partitions(${firstDay}::date)`;
    }
  });
}

/** First days of the months from the one of `fromMs` to MONTHS_AHEAD after the one of `toMs`, UTC. */
export function listMonths(fromMs: number, toMs: number): string[] {
  const first = new Date(fromMs);
  const last = new Date(toMs);
  const monthNumber = (date: Date): number => date.getUTCFullYear() * 12 + date.getUTCMonth();
  const months: string[] = [];
  for (let month = monthNumber(first); month <= monthNumber(last) + MONTHS_AHEAD; month++) {
    months.push(new Date(Date.UTC(Math.floor(month / 12), month % 12, 1)).toISOString().slice(0, 10));
  }
  return months;
}
