import { eq } from 'drizzle-orm';
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
