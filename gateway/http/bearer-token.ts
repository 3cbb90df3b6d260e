import { sm3 } from '@tapgate/sdk/gm/sm3';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { Database } from '../store/connection.ts';
import { isOperatorToken } from '../store/operator-tokens.ts';
import type { GatewayContext } from './request-context.ts';
import { readSessionToken } from './terminal-session.ts';

const BEARER = /^Bearer ([\x21-\x7e]{1,512})$/i;

function bearerToken(context: GatewayContext): string | Refusal<'token_missing' | 'token_invalid'> {
  const header = context.req.header('Authorization');
  if (header === undefined) return refuse('token_missing');
  return BEARER.exec(header)?.[1] ?? refuse('token_invalid');
}

/** Whose session sends this request. @refuses token_missing, token_invalid */
export function readTerminal(
  context: GatewayContext,
  keys: KeyProvider,
): { readonly terminalId: TerminalId } | Refusal<'token_missing' | 'token_invalid'> {
  const token = bearerToken(context);
  if (typeof token !== 'string') return token;
  return readSessionToken(keys.sessionTokenKey(), token, context.var.nowMs);
}

/** @returns null for a person or tool of the operator. @refuses token_missing, token_invalid */
export async function refuseUnlessOperator(
  context: GatewayContext,
  database: Database,
): Promise<Refusal<'token_missing' | 'token_invalid'> | null> {
  const token = bearerToken(context);
  if (typeof token !== 'string') return token;
  const known = await isOperatorToken(database, sm3(new TextEncoder().encode(token)));
  return known ? null : refuse('token_invalid');
}
