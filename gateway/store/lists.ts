import { and, desc, eq, sql } from 'drizzle-orm';
import type { ListEnvelope, ListScope } from '@tapgate/sdk/lists/list-envelope';
import { isListKind, type ListKind } from '@tapgate/sdk/lists/list-kinds';
import { PIECE_BYTES, PieceHash } from '@tapgate/sdk/lists/piece-hash';
import type { Database, Transaction } from './connection.ts';
import { listPiece, listVersion } from './schema/lists.ts';
import { faultsTranslated } from './store-fault.ts';

export type ListForm = 'whole' | 'delta';
export type ListName = { readonly kind: ListKind; readonly version: number; readonly form: ListForm };

/** A body that is there, with the envelope that announces it. */
export type PublishedList = ListName & {
  readonly scope: ListScope;
  readonly sharePermille: number;
  readonly validFromMs: number;
  readonly bodyBytes: number;
  readonly bodySm3: string;
  readonly listKeyId: string | null;
  readonly envelope: ListEnvelope;
  readonly signedAtMs: number;
};

/** What is published and how it is signed, once its length and hash are known. */
export type NewList = ListName & {
  readonly listKeyId: string | null;
  readonly announce: (body: { readonly bodyBytes: number; readonly bodySm3: string }) => {
    readonly scope: ListScope;
    readonly sharePermille: number;
    readonly validFromMs: number;
    readonly envelope: ListEnvelope;
    readonly signedAtMs: number;
  };
};

/** Any constant that nothing else locks; bodies are made one after the other, whoever makes them. */
const MAKING_LOCK = 0x7a_90_02;

/**
 * Writes a body in pieces as it comes, and at the end the row that announces it: one transaction, reading one state of the store.
 *
 * @param body what goes into it, read within the transaction; null: there is nothing to publish after all
 * @returns whether it was written; false also when it was there before
 */
export function publishBody(
  database: Database,
  list: NewList,
  body: (transaction: Transaction) => AsyncIterable<Uint8Array>,
): Promise<boolean> {
  return faultsTranslated(() =>
    database.hot.begin('isolation level repeatable read', async (transaction) => {
      await transaction`select pg_advisory_xact_lock(${MAKING_LOCK})`;
      const { kind, version, form } = list;
      const known = await transaction`
        select 1 from list_version where kind = ${kind} and version = ${version} and form = ${form}`;
      if (known.length > 0) return false;
      const written = await writePieces(transaction, list, body(transaction));
      const said = list.announce(written);
      await transaction`
        insert into list_version (kind, version, form, scope, share_permille, valid_from, body_bytes, body_sm3, list_key_id,
          statement, key_id, signature, signed_at)
        values (${kind}, ${version}, ${form}, ${JSON.stringify(said.scope)}::text::jsonb, ${said.sharePermille},
          ${new Date(said.validFromMs)}, ${written.bodyBytes}, ${written.bodySm3}, ${list.listKeyId},
          ${said.envelope.statement}, ${said.envelope.keyId}, ${Buffer.from(said.envelope.signature, 'base64')},
          ${new Date(said.signedAtMs)})`;
      return true;
    }),
  );
}

async function writePieces(
  transaction: Transaction,
  { kind, version, form }: ListName,
  body: AsyncIterable<Uint8Array>,
): Promise<{ readonly bodyBytes: number; readonly bodySm3: string }> {
  const hash = new PieceHash();
  let [held, heldBytes, pieceNo, bodyBytes] = [[] as Uint8Array[], 0, 0, 0];
  const write = async (bytes: Buffer): Promise<void> => {
    hash.update(bytes);
    await transaction`
      insert into list_piece (kind, version, form, piece_no, bytes)
      values (${kind}, ${version}, ${form}, ${pieceNo}, ${bytes})`;
    pieceNo += 1;
    bodyBytes += bytes.length;
  };
  for await (const part of body) {
    held.push(part);
    heldBytes += part.length;
    if (heldBytes < PIECE_BYTES) continue;
    const joined = Buffer.concat(held);
    let at = 0;
    for (; at + PIECE_BYTES <= joined.length; at += PIECE_BYTES)
      await write(joined.subarray(at, at + PIECE_BYTES));
    held = [joined.subarray(at)];
    heldBytes = joined.length - at;
  }
  if (heldBytes > 0) await write(Buffer.concat(held));
  return { bodyBytes, bodySm3: hash.digest() };
}

const VERSIONS_AT_HAND = 128;

/** The newest versions of a kind, newest first, whole before delta. */
export async function readPublishedLists(database: Database, kind: ListKind): Promise<PublishedList[]> {
  const rows = await faultsTranslated(() =>
    database.orm
      .select()
      .from(listVersion)
      .where(eq(listVersion.kind, kind))
      .orderBy(desc(listVersion.version), desc(listVersion.form))
      .limit(VERSIONS_AT_HAND),
  );
  return rows.map(publishedFrom);
}

/** The newest whole body of a kind, from which the next is told apart; null before the first. */
export async function readNewestWhole(database: Database, kind: ListKind): Promise<PublishedList | null> {
  const rows = await faultsTranslated(() =>
    database.orm
      .select()
      .from(listVersion)
      .where(and(eq(listVersion.kind, kind), eq(listVersion.form, 'whole')))
      .orderBy(desc(listVersion.version))
      .limit(1),
  );
  return rows[0] === undefined ? null : publishedFrom(rows[0]);
}

export async function findPublishedList(database: Database, name: ListName): Promise<PublishedList | null> {
  const rows = await faultsTranslated(() => database.orm.select().from(listVersion).where(named(name)));
  return rows[0] === undefined ? null : publishedFrom(rows[0]);
}

/** A newer word on the same body: signed again, or for a larger share. An older word does not replace a newer one. */
export async function renewEnvelope(
  database: Database,
  name: ListName,
  word: Pick<PublishedList, 'scope' | 'sharePermille' | 'envelope' | 'signedAtMs'>,
): Promise<void> {
  const { scope, sharePermille, envelope, signedAtMs } = word;
  await faultsTranslated(() =>
    database.orm
      .update(listVersion)
      .set({
        ...{ scope, sharePermille, statement: envelope.statement, keyId: envelope.keyId },
        signature: Buffer.from(envelope.signature, 'base64'),
        signedAt: new Date(signedAtMs),
      })
      .where(and(named(name), sql`${listVersion.signedAt} < ${new Date(signedAtMs).toISOString()}`)),
  );
}

/** One piece of a body, counted from 0; null past the last. */
export async function readPiece(
  database: Database,
  { kind, version, form }: ListName,
  pieceNo: number,
): Promise<Uint8Array | null> {
  const rows = await faultsTranslated(() =>
    database.orm
      .select({ bytes: listPiece.bytes })
      .from(listPiece)
      .where(
        and(
          eq(listPiece.kind, kind),
          eq(listPiece.version, version),
          eq(listPiece.form, form),
          eq(listPiece.pieceNo, pieceNo),
        ),
      ),
  );
  return rows[0]?.bytes ?? null;
}

const named = ({ kind, version, form }: ListName) =>
  and(eq(listVersion.kind, kind), eq(listVersion.version, version), eq(listVersion.form, form));

function publishedFrom(row: typeof listVersion.$inferSelect): PublishedList {
  const { kind, version, form, scope, sharePermille, bodyBytes, bodySm3, listKeyId } = row;
  if (!isListKind(kind) || (form !== 'whole' && form !== 'delta'))
    throw new RangeError('a stored list is of a known kind and form');
  return {
    ...{ kind, version, form, sharePermille, bodyBytes, bodySm3, listKeyId },
    scope: scope as ListScope,
    validFromMs: row.validFrom.getTime(),
    envelope: {
      statement: row.statement,
      keyId: row.keyId,
      signature: Buffer.from(row.signature).toString('base64'),
    },
    signedAtMs: row.signedAt.getTime(),
  };
}
