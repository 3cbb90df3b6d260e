import type { Database, Transaction } from './connection.ts';
import { faultsTranslated } from './store-fault.ts';

// The hotlist as terminals name its cards. Rows without a PAN have no name and are not told of.

const NAMES_AT_A_TIME = 50_000;

export async function countNamesOf(transaction: Transaction, version: number): Promise<number> {
  const [row] = await transaction<{ count: number }[]>`
    select count(*) as count from hotlist_entry
    where list_name is not null and added_version <= ${version}
      and (removed_version is null or removed_version > ${version})`;
  return row?.count ?? 0;
}

/** Every name of a version in ascending order, some at a time, one after the other in one byte string. */
export async function* namesOf(transaction: Transaction, version: number): AsyncGenerator<Uint8Array> {
  let last: Uint8Array = Buffer.alloc(0);
  for (;;) {
    const rows = await transaction<{ list_name: Buffer }[]>`
      select list_name from hotlist_entry
      where list_name > ${Buffer.from(last)} and added_version <= ${version}
        and (removed_version is null or removed_version > ${version})
      order by list_name limit ${NAMES_AT_A_TIME}`;
    const end = rows.at(-1);
    if (end === undefined) return;
    last = end.list_name;
    yield Buffer.concat(rows.map((row) => row.list_name));
  }
}

/** What a version changed: names that left with it and names that came, each ascending. */
export async function changesOf(
  transaction: Transaction,
  version: number,
): Promise<{ readonly removed: readonly Buffer[]; readonly added: readonly Buffer[] }> {
  const removed = await transaction<{ list_name: Buffer }[]>`
    select list_name from hotlist_entry where removed_version = ${version} and list_name is not null order by list_name`;
  const added = await transaction<{ list_name: Buffer }[]>`
    select list_name from hotlist_entry where added_version = ${version} and list_name is not null order by list_name`;
  return { removed: removed.map((row) => row.list_name), added: added.map((row) => row.list_name) };
}

/** The newest version, and when it was published; null before the first. */
export async function newestHotlist(
  database: Database,
): Promise<{ readonly version: number; readonly publishedAtMs: number } | null> {
  const [row] = await faultsTranslated(
    () => database.hot<{ version: number; published_at: Date }[]>`
      select version, published_at from hotlist_version order by version desc limit 1`,
  );
  return row === undefined ? null : { version: row.version, publishedAtMs: row.published_at.getTime() };
}

/**
 * Names cards anew where the list key has changed, some at a time until none is left.
 *
 * @param nameOf the name under the key of today, from what was sealed
 */
export async function renameListed(
  database: Database,
  order: {
    readonly listKeyId: string;
    readonly nameOf: (card: { panToken: Uint8Array; psn: number; panSealed: Uint8Array }) => Uint8Array;
  },
): Promise<void> {
  for (;;) {
    const left = await faultsTranslated(() =>
      database.hot.begin(async (transaction) => {
        const rows = await transaction<
          { pan_token: Buffer; psn: number; added_version: number; pan_sealed: Buffer }[]
        >`
          select pan_token, psn, added_version, pan_sealed from hotlist_entry
          where pan_sealed is not null and list_key_id is distinct from ${order.listKeyId}
          limit 1000 for update`;
        for (const row of rows) {
          const name = order.nameOf({ panToken: row.pan_token, psn: row.psn, panSealed: row.pan_sealed });
          await transaction`
            update hotlist_entry set list_name = ${Buffer.from(name)}, list_key_id = ${order.listKeyId}
            where pan_token = ${row.pan_token} and psn = ${row.psn} and added_version = ${row.added_version}`;
        }
        return rows.length;
      }),
    );
    if (left === 0) return;
  }
}
