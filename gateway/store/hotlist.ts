import { and, eq, isNull, sql } from 'drizzle-orm';
import type { PanToken } from '@tapgate/sdk/wire/identifiers';
import type { Database } from './connection.ts';
import { bytesOfToken } from './pan-token-bytes.ts';
import { hotlistEntry, hotlistVersion } from './schema/reference.ts';
import { faultsTranslated } from './store-fault.ts';

/** A card as the hotlist knows it. */
export type ListedCard = { readonly panToken: PanToken; readonly psn: number };

/** By what a card goes onto the lists of terminals: its sealed PAN, and its name under the list key of today. */
export type CardListing = {
  readonly panSealed: Uint8Array;
  readonly listName: Uint8Array;
  readonly listKeyId: string;
};

export type HotlistChange = {
  readonly publishedAtMs: number;
  /** without a listing a card is judged here, and no terminal is told of it */
  readonly add: readonly (ListedCard & { readonly reason: string; readonly listing?: CardListing })[];
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
      for (const { panToken, psn, reason, listing } of change.add) {
        const [held] = await transaction
          .select({ addedVersion: hotlistEntry.addedVersion })
          .from(hotlistEntry)
          .where(and(...ofCard({ panToken, psn }), isNull(hotlistEntry.removedVersion)))
          .limit(1);
        if (held !== undefined) continue;
        await transaction
          .insert(hotlistEntry)
          .values({ panToken: bytesOfToken(panToken), psn, addedVersion: version, reason, ...listing });
      }
      return version;
    }),
  );
}

/** A list of nobody as version 1, where there is no list yet: terminals then have one, and know how old it is. */
export async function publishFirstHotlist(database: Database, publishedAtMs: number): Promise<void> {
  await faultsTranslated(() =>
    database.orm
      .insert(hotlistVersion)
      .values({ version: 1, publishedAt: new Date(publishedAtMs) })
      .onConflictDoNothing(),
  );
}

/**
 * Publishes the content of an earlier version as the next one: cards that were added since leave the list, those that left come
 * back. Going forward again is the only way back, because terminals refuse a lower version.
 *
 * @returns the version's number; null when there is no such earlier version
 */
export function restoreHotlistVersion(
  database: Database,
  order: { readonly earlier: number; readonly publishedAtMs: number },
): Promise<number | null> {
  return faultsTranslated(() =>
    database.orm.transaction(async (transaction) => {
      await transaction.execute(sql`select pg_advisory_xact_lock(${PUBLISHING_LOCK})`);
      const [latest] = await transaction
        .select({ version: sql<number>`coalesce(max(${hotlistVersion.version}), 0)::int` })
        .from(hotlistVersion);
      const newest = latest?.version ?? 0;
      if (order.earlier < 1 || order.earlier >= newest) return null;
      const version = newest + 1;
      await transaction
        .insert(hotlistVersion)
        .values({ version, publishedAt: new Date(order.publishedAtMs) });
      await transaction.execute(sql`
        insert into hotlist_entry (pan_token, psn, added_version, reason, pan_sealed, list_name, list_key_id)
        select pan_token, psn, ${version}, reason, pan_sealed, list_name, list_key_id from hotlist_entry
        where added_version <= ${order.earlier} and removed_version > ${order.earlier}`);
      await transaction.execute(sql`
        update hotlist_entry set removed_version = ${version}
        where added_version > ${order.earlier} and added_version < ${version} and removed_version is null`);
      return version;
    }),
  );
}

const ofCard = (card: ListedCard) => [
  eq(hotlistEntry.panToken, bytesOfToken(card.panToken)),
  eq(hotlistEntry.psn, card.psn),
];
