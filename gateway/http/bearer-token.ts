import { sm3 } from '@tapgate/sdk/gm/sm3';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { Database } from '../store/connection.ts';
import { findOperatorLabel } from '../store/operator-tokens.ts';
import type { GatewayContext } from './request-context.ts';
import { readSessionToken, type SessionClaim } from './terminal-session.ts';

const BEARER = /^Bearer ([\x21-\x7e]{1,512})$/i;

function bearerToken(header: string | undefined): string | Refusal<'token_missing' | 'token_invalid'> {
  if (header === undefined) return refuse('token_missing');
  return BEARER.exec(header)?.[1] ?? refuse('token_invalid');
}

/** Terminals of a large city, each with the token before its newest. */
const SESSIONS_MAX = 50_000;

/**
 * Whose session sends a request. A token that has proven genuine is remembered by its header: the same one comes with every tap
 * of an hour, and checking it anew costs as much as reading the request.
 */
export class TerminalSessions {
  readonly #keys: KeyProvider;
  readonly #genuine = new Map<string, SessionClaim>();

  constructor(keys: KeyProvider) {
    this.#keys = keys;
  }

  /** @refuses token_missing, token_invalid */
  of(context: GatewayContext): SessionClaim | Refusal<'token_missing' | 'token_invalid'> {
    return this.read(context.req.header('Authorization'), context.get('nowMs'));
  }

  /** @param header `Authorization`. @refuses token_missing, token_invalid */
  read(header: string | undefined, nowMs: number): SessionClaim | Refusal<'token_missing' | 'token_invalid'> {
    if (header === undefined) return refuse('token_missing');
    const claim = this.#genuine.get(header) ?? this.#check(header);
    if ('code' in claim) return claim;
    return nowMs >= claim.expiresAtMs ? refuse('token_invalid') : claim;
  }

  #check(header: string): SessionClaim | Refusal<'token_missing' | 'token_invalid'> {
    const token = bearerToken(header);
    if (typeof token !== 'string') return token;
    const claim = readSessionToken(this.#keys.sessionTokenKey(), token);
    if ('code' in claim) return claim;
    if (this.#genuine.size >= SESSIONS_MAX) {
      const [oldest] = this.#genuine.keys();
      if (oldest !== undefined) this.#genuine.delete(oldest);
    }
    this.#genuine.set(header, claim);
    return claim;
  }
}

/** @returns null for a person or tool of the operator. @refuses token_missing, token_invalid */
export async function refuseUnlessOperator(
  context: GatewayContext,
  database: Database,
): Promise<Refusal<'token_missing' | 'token_invalid'> | null> {
  const who = await readOperator(context, database);
  return 'code' in who ? who : null;
}

/** Whose token sends a request: the label under which it was let in. @refuses token_missing, token_invalid */
export async function readOperator(
  context: GatewayContext,
  database: Database,
): Promise<{ readonly label: string } | Refusal<'token_missing' | 'token_invalid'>> {
  const token = bearerToken(context.req.header('Authorization'));
  if (typeof token !== 'string') return token;
  const label = await findOperatorLabel(database, sm3(new TextEncoder().encode(token)));
  return label === null ? refuse('token_invalid') : { label };
}
