import { hex } from '@tapgate/sdk/emv/hex';
import { sm2Sign } from '@tapgate/sdk/gm/sm2';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { GatewayApp } from '../app.ts';
import { sessionProofMessage } from '../http/terminal-session.ts';
import { terminalCredentials } from '../keys/demo-credentials.ts';
import type { Keystore } from '../keys/keystore.ts';

let nonces = 0;

/** The body with which a terminal proves itself. */
export function sessionProof(
  keystore: Keystore,
  terminalId: TerminalId,
  issuedAtMs: number,
): Record<string, unknown> {
  const credentials = terminalCredentials(keystore, terminalId);
  nonces += 1;
  const nonce = `nonce-${hex(Uint8Array.of(nonces >> 8, nonces & 0xff))}-${'0'.repeat(12)}`;
  const signature = sm2Sign({
    privateKey: credentials.sm2PrivateKey,
    publicKeyXy: credentials.sm2PublicKey,
    message: sessionProofMessage({ terminalId, issuedAtMs, nonce }),
  });
  return { terminalId, issuedAtMs, nonce, signature: Buffer.from(signature).toString('base64') };
}

/** A terminal's token, as it gets one. */
export async function openSession(
  gateway: Pick<GatewayApp, 'app'>,
  keystore: Keystore,
  terminalId: TerminalId,
  nowMs: number,
): Promise<string> {
  const response = await gateway.app.request('/v1/terminal-sessions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(sessionProof(keystore, terminalId, nowMs)),
  });
  const body = (await response.json()) as { readonly token?: string };
  if (body.token === undefined) throw new RangeError(`no session: ${JSON.stringify(body)}`);
  return body.token;
}

/** POST /v1/taps with a record. */
export async function sendTap(
  gateway: Pick<GatewayApp, 'app'>,
  token: string,
  record: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const response = await gateway.app.request('/v1/taps', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}`, ...headers },
    body: JSON.stringify({ record: Buffer.from(record).toString('base64') }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
