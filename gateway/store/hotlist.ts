import { and, eq, isNull, sql } from 'drizzle-orm';
import type { PanToken } from '@tapgate/sdk/wire/identifiers';
import type { Database } from './connection.ts';
import { bytesOfToken } from './pan-token-bytes.ts';
import { hotlistEntry, hotlistVersion } from './schema/reference.ts';
import { faultsTranslated } from './store-fault.ts';

/** A card as the hotlist knows it. */
export type ListedCard = { readonly panToken: PanToken; readonly psn: number };

export type HotlistChange = {
  readonly publishedAtMs: number;
  readonly add: readonly (ListedCard & { readonly reason: string })[];
  readonly remove: readonly ListedCard[];
};

/** Any constant that nothing else locks; versions are made one after the other. */
const PUBLISHING_LOCK = 0x7a_90_01;

/**
 * Publishes the next version of the hotlist: one transaction, so that a version is whole or not there. A card that is on the
 * list already stays as it is; one that is not on it is not removed.
 *
 * @returns the version's number
 */
export function publishHotlistVersion(database: Database, change: HotlistChange): Promise<number> {
  return faultsTranslated(() =>
    database.orm.transaction(async (transaction) => {
      await transaction.execute(sql`select pg_advisory_xact_lock(${PUBLISHING_LOCK})`);
      const [latest] = await transaction
        .select({ version: sql<number>`coalesce(max(${hotlistVersion.version}), 0)::int` })
        .from(hotlistVersion);
      const version = (latest?.version ?? 0) + 1;
      await transaction
        .insert(hotlistVersion)
        .values({ version, publishedAt: new Date(change.publishedAtMs) });
      for (const card of change.remove) {
        await transaction
          .update(hotlistEntry)
          .set({ removedVersion: version })
          .where(and(...ofCard(card), isNull(hotlistEntry.removedVersion)));
      }
      for (const { panToken, psn, reason } of change.add) {
        const [held] = await transaction
          .select({ addedVersion: hotlistEntry.addedVersion })
          .from(hotlistEntry)
          .where(and(...ofCard({ panToken, psn }), isNull(hotlistEntry.removedVersion)))
          .limit(1);
        if (held !== undefined) continue;
        await transaction
          .insert(hotlistEntry)
          .values({ panToken: bytesOfToken(panToken), psn, addedVersion: version, reason });
      }
      return version;
    }),
  );
}

const ofCard = (card: ListedCard) => [
  eq(hotlistEntry.panToken, bytesOfToken(card.panToken)),
  eq(hotlistEntry.psn, card.psn),
];
