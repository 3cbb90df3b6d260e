import type { OpenAPIHono } from '@hono/zod-openapi';
import { sm2Verify } from '@tapgate/sdk/gm/sm2';
import { terminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { readJsonBody } from './request-body.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import type { RefusalTally } from './refusal-tally.ts';
import { terminalSessionsRoute } from './route-table.ts';
import {
  issueSessionToken,
  SeenNonces,
  SESSION_PROOF_WINDOW_MS,
  sessionProofMessage,
  type SessionToken,
} from './terminal-session.ts';
import { SessionProofBody } from './wire-schemas.ts';

const PROOF_BYTES_MAX = 1_024;

export type TerminalSessionsParts = {
  readonly keys: KeyProvider;
  readonly tally: RefusalTally;
  findPlacement(terminalId: TerminalId): TerminalPlacement | null;
};

type SessionProof = {
  readonly terminalId: TerminalId;
  readonly issuedAtMs: number;
  readonly nonce: string;
  readonly signature: Uint8Array;
};

/** POST /v1/terminal-sessions: a terminal proves itself with its SM2 key and gets a token for an hour. */
export function mountTerminalSessions(app: OpenAPIHono<GatewayEnv>, parts: TerminalSessionsParts): void {
  const seenNonces = new SeenNonces();
  app.post(terminalSessionsRoute.getRoutingPath(), async (context) => {
    const { nowMs } = context.var;
    const body = await readJsonBody(context, SessionProofBody, PROOF_BYTES_MAX);
    const { keys, tally } = parts;
    if (!body.ok) {
      tally.count(body.refusal.code, '', nowMs);
      return refusalResponse(context, body.refusal);
    }
    const proof: SessionProof = {
      ...body.value,
      terminalId: terminalId(body.value.terminalId),
      signature: Buffer.from(body.value.signature, 'base64'),
    };
    const placement = parts.findPlacement(proof.terminalId);
    const opened = openSession(proof, placement, seenNonces, keys.sessionTokenKey(), nowMs);
    if ('code' in opened) {
      tally.count(opened.code, placement === null ? '' : proof.terminalId, nowMs);
      return refusalResponse(context, opened);
    }
    return context.json(opened, 201);
  });
}

/**
 * @refuses terminal_unknown, terminal_revoked, token_invalid for a proof outside the window of time, with a wrong signature, or
 *   seen before. The signature is checked before the nonce is remembered, so that a stranger cannot use up a terminal's nonces.
 */
function openSession(
  proof: SessionProof,
  placement: TerminalPlacement | null,
  seenNonces: SeenNonces,
  tokenKey: Uint8Array,
  nowMs: number,
): SessionToken | Refusal {
  const publicKeyXy = placement?.sm2PublicKey ?? null;
  if (placement === null || publicKeyXy === null) return refuse('terminal_unknown', 'terminalId');
  if (placement.revokedAtMs !== null && nowMs >= placement.revokedAtMs)
    return refuse('terminal_revoked', 'terminalId');
  if (Math.abs(nowMs - proof.issuedAtMs) > SESSION_PROOF_WINDOW_MS)
    return refuse('token_invalid', 'issuedAtMs');
  const verifies = sm2Verify({
    publicKeyXy,
    message: sessionProofMessage(proof),
    signatureRs: proof.signature,
  });
  if (!verifies) return refuse('token_invalid', 'signature');
  if (!seenNonces.claim(proof.terminalId, proof.nonce, nowMs)) return refuse('token_invalid', 'nonce');
  return issueSessionToken(tokenKey, proof.terminalId, nowMs);
}
