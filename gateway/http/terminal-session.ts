import { timingSafeEqual } from 'node:crypto';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import { isTerminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';

/**
 * The short-lived token that a terminal gets for one SM2 signature: `<terminal id>.<expiry, ms>.<HMAC-SM3, base64url>`. It says
 * everything itself, so that any gateway process accepts what another gave. It authorises sending, nothing else: each record
 * carries the terminal's own MAC.
 */
export const SESSION_LIFE_MS = 60 * 60 * 1000;

/** How far the clock of a terminal may be from ours when it proves itself, ms. Also the time that a nonce is remembered. */
export const SESSION_PROOF_WINDOW_MS = 5 * 60 * 1000;

/** What a terminal signs, in ASCII. */
export function sessionProofMessage(proof: {
  readonly terminalId: string;
  readonly issuedAtMs: number;
  readonly nonce: string;
}): Uint8Array {
  return ASCII.encode(`tapgate-terminal-session|${proof.terminalId}|${proof.issuedAtMs}|${proof.nonce}`);
}

const ASCII = new TextEncoder();

export function issueSessionToken(key: Uint8Array, terminalId: TerminalId, nowMs: number): SessionToken {
  const expiresAtMs = nowMs + SESSION_LIFE_MS;
  const claim = `${terminalId}.${expiresAtMs}`;
  return { token: `${claim}.${tag(key, claim).toString('base64url')}`, expiresAtMs };
}

export type SessionToken = { readonly token: string; readonly expiresAtMs: number };

/** What a token that is genuine says, whatever the time. */
export type SessionClaim = { readonly terminalId: TerminalId; readonly expiresAtMs: number };

/** @refuses token_invalid: not of this gateway, or changed. Whether it has expired is asked apart, for each request */
export function readSessionToken(key: Uint8Array, token: string): SessionClaim | Refusal<'token_invalid'> {
  const [terminalId = '', expiry = '', mac = '', ...rest] = token.split('.');
  if (rest.length > 0 || !isTerminalId(terminalId) || !/^\d{1,15}$/.test(expiry))
    return refuse('token_invalid');
  const expected = tag(key, `${terminalId}.${expiry}`);
  const given = Buffer.from(mac, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return refuse('token_invalid');
  return { terminalId, expiresAtMs: Number(expiry) };
}

function tag(key: Uint8Array, claim: string): Buffer {
  return Buffer.from(hmacSm3(key, ASCII.encode(`session|${claim}`)));
}

/**
 * Nonces seen within the proof window, so that a proof that was overheard gives no second token. Each process remembers its
 * own; what a replay at another process gains is a token that sends nothing without the terminal's MAC key.
 */
export class SeenNonces {
  readonly #expiry = new Map<string, number>();

  /** @returns false when this terminal used the nonce before */
  claim(terminalId: string, nonce: string, nowMs: number): boolean {
    this.#forget(nowMs);
    const name = `${terminalId}|${nonce}`;
    if (this.#expiry.has(name)) return false;
    this.#expiry.set(name, nowMs + 2 * SESSION_PROOF_WINDOW_MS);
    return true;
  }

  /** The map keeps the order of claiming, so the oldest stand first. */
  #forget(nowMs: number): void {
    for (const [name, expiresAtMs] of this.#expiry) {
      if (expiresAtMs > nowMs && this.#expiry.size <= NONCES_MAX) return;
      this.#expiry.delete(name);
    }
  }
}

/** Every terminal of a large city renewing within one window, several times over. */
const NONCES_MAX = 200_000;
