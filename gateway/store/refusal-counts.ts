import { and, eq, sql } from 'drizzle-orm';
import type { Database } from './connection.ts';
import { refusalCount } from './schema/reference.ts';
import { faultsTranslated } from './store-fault.ts';

/** So many refusals of one code, on one calendar date (UTC), from one terminal ('' where it is not known). */
export type RefusalCount = {
  readonly calendarDate: string;
  readonly code: string;
  readonly terminalId: string;
  readonly count: number;
};

/** Adds to the counts that stand there. In key order, so that two gateways never wait for each other in a circle. */
export async function addRefusalCounts(database: Database, counts: readonly RefusalCount[]): Promise<void> {
  if (counts.length === 0) return;
  const ordered = [...counts].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  await faultsTranslated(async () => {
    await database.orm
      .insert(refusalCount)
      .values(ordered)
      .onConflictDoUpdate({
        target: [refusalCount.calendarDate, refusalCount.code, refusalCount.terminalId],
        set: { count: sql`${refusalCount.count} + excluded.count` },
      });
  });
}

const keyOf = (count: RefusalCount): string => `${count.calendarDate}|${count.code}|${count.terminalId}`;

export async function listRefusalCounts(
  database: Database,
  filter: { readonly calendarDate?: string; readonly code?: string },
): Promise<RefusalCount[]> {
  const conditions = [
    ...(filter.calendarDate === undefined ? [] : [eq(refusalCount.calendarDate, filter.calendarDate)]),
    ...(filter.code === undefined ? [] : [eq(refusalCount.code, filter.code)]),
  ];
  return faultsTranslated(() =>
    database.orm
      .select()
      .from(refusalCount)
      .where(and(...conditions))
      .orderBy(refusalCount.calendarDate, refusalCount.code, refusalCount.terminalId)
      .limit(LIST_MAX),
  );
}

const LIST_MAX = 10_000;
