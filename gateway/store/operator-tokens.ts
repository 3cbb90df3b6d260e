import { and, eq, ne } from 'drizzle-orm';
import type { Database } from './connection.ts';
import { operatorToken } from './schema/reference.ts';
import { faultsTranslated } from './store-fault.ts';

/**
 * The label of a token, which is who acts; null for a token that is none.
 *
 * @param tokenSm3 SM3 of the token's ASCII: the token itself is nowhere
 */
export async function findOperatorLabel(database: Database, tokenSm3: Uint8Array): Promise<string | null> {
  const rows = await faultsTranslated(() =>
    database.orm
      .select({ label: operatorToken.label })
      .from(operatorToken)
      .where(eq(operatorToken.tokenSm3, tokenSm3))
      .limit(1),
  );
  return rows[0]?.label ?? null;
}

/** Lets a token in under a label, and no other of that label any more: after a rotation the old one is out. @throws StoreFault */
export async function replaceOperatorToken(
  database: Database,
  token: { readonly tokenSm3: Uint8Array; readonly label: string; readonly createdAt: Date },
): Promise<void> {
  await faultsTranslated(() =>
    database.orm.transaction(async (transaction) => {
      await transaction
        .delete(operatorToken)
        .where(and(eq(operatorToken.label, token.label), ne(operatorToken.tokenSm3, token.tokenSm3)));
      await transaction.insert(operatorToken).values(token).onConflictDoNothing();
    }),
  );
}
