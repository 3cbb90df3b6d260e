import type { OpenAPIHono } from '@hono/zod-openapi';
import { terminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import type { Sm2Workers } from '../ingest/sm2-workers.ts';
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
/**
 * Proofs that wait for a check at once, behind the cards of live taps: a city of terminals that comes back at once is turned away at the
 * door once this many wait, rather than kept until it gives up.
 */
const PROOFS_MAX = 64;

export type TerminalSessionsParts = {
  readonly keys: KeyProvider;
  readonly tally: RefusalTally;
  readonly sm2Workers: Pick<Sm2Workers, 'check'>;
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
  let proofs = 0;
  app.post(terminalSessionsRoute.getRoutingPath(), async (context) => {
    const { nowMs } = context.var;
    const body = await readJsonBody(context, SessionProofBody, PROOF_BYTES_MAX);
    const { tally } = parts;
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
    if (proofs >= PROOFS_MAX) return refusalResponse(context, refuse('overloaded'));
    proofs += 1;
    const opened = await openSession(proof, placement, { ...parts, seenNonces, nowMs }).finally(() => {
      proofs -= 1;
    });
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
async function openSession(
  proof: SessionProof,
  placement: TerminalPlacement | null,
  by: Pick<TerminalSessionsParts, 'keys' | 'sm2Workers'> & {
    readonly seenNonces: SeenNonces;
    readonly nowMs: number;
  },
): Promise<SessionToken | Refusal> {
  const { keys, sm2Workers, seenNonces, nowMs } = by;
  const publicKeyXy = placement?.sm2PublicKey ?? null;
  if (placement === null || publicKeyXy === null) return refuse('terminal_unknown', 'terminalId');
  if (placement.revokedAtMs !== null && nowMs >= placement.revokedAtMs)
    return refuse('terminal_revoked', 'terminalId');
  if (Math.abs(nowMs - proof.issuedAtMs) > SESSION_PROOF_WINDOW_MS)
    return refuse('token_invalid', 'issuedAtMs');
  const message = sessionProofMessage(proof);
  const [verifies] = await sm2Workers.check(
    [{ publicKeyXy, message, signatureRs: proof.signature }],
    'after',
  );
  if (verifies !== true) return refuse('token_invalid', 'signature');
  if (!seenNonces.claim(proof.terminalId, proof.nonce, nowMs)) return refuse('token_invalid', 'nonce');
  return issueSessionToken(keys.sessionTokenKey(), proof.terminalId, nowMs);
}
