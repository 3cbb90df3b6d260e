import { and, eq, ne } from 'drizzle-orm';
import type { Database } from './connection.ts';
import { operatorToken } from './schema/reference.ts';
import { faultsTranslated } from './store-fault.ts';

/** @param tokenSm3 SM3 of the token's ASCII: the token itself is nowhere */
export async function isOperatorToken(database: Database, tokenSm3: Uint8Array): Promise<boolean> {
  const rows = await faultsTranslated(() =>
    database.orm
      .select({ label: operatorToken.label })
      .from(operatorToken)
      .where(eq(operatorToken.tokenSm3, tokenSm3))
      .limit(1),
  );
  return rows.length > 0;
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
