import type { IncomingMessage, ServerResponse } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Refusal } from '@tapgate/sdk/wire/refusals';
import { errorBody, REFUSAL_STATUS, RETRY_AFTER_S } from './refusal-response.ts';
import type { GatewayContext } from './request-context.ts';

// The way between node's own HTTP server and a handler without the streams and header objects of fetch, which cost more than all
// that the gateway does with a tap (bench/README.md). Under `app.request()` there is no such server, and fetch's objects are used.

/** What @hono/node-server hands to an app beside the request; absent where the app is called without a server. */
export type NodeBindings = { readonly incoming?: IncomingMessage; readonly outgoing?: ServerResponse };

/** The body in whatever pieces it arrives; an error when the peer goes away before its end. */
export function bodyChunks(context: GatewayContext): AsyncIterable<Uint8Array> {
  const { incoming } = bindings(context);
  if (incoming !== undefined) return incoming as AsyncIterable<Uint8Array>;
  return (context.req.raw.body ?? []) as AsyncIterable<Uint8Array>;
}

/**
 * The whole body, when it is not larger than the bound: one whose stated length is over it is refused before the first byte, one
 * without as soon as it has passed it.
 *
 * @returns null when it is larger
 */
export function readBody(context: GatewayContext, maxBytes: number): Promise<Uint8Array | null> {
  const stated = Number(context.req.header('content-length') ?? '0');
  if (stated > maxBytes) return Promise.resolve(null);
  const { incoming } = bindings(context);
  return incoming === undefined
    ? collect(bodyChunks(context), maxBytes)
    : collectIncoming(incoming, maxBytes);
}

async function collect(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxBytes) return null;
    parts.push(chunk);
  }
  return Buffer.concat(parts, size);
}

/**
 * By events: an async iterator over a request costs several turns of the loop for a body that mostly is one piece. Listeners stay until the request
 * is gone, and have no names of their own: tsx gives a named function its name anew each time it is made (bench/README.md).
 */
function collectIncoming(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    // Gone while its token was looked up: no event will come any more.
    if (incoming.destroyed) {
      reject(new PeerGone());
      return;
    }
    let first: Buffer | null = null;
    let rest: Buffer[] | null = null;
    let size = 0;
    let isOver = false;
    incoming
      .on('data', (chunk: Buffer) => {
        if (isOver) return;
        size += chunk.length;
        if (size > maxBytes) {
          isOver = true;
          incoming.pause();
          resolve(null);
        } else if (first === null) first = chunk;
        else (rest ??= [first]).push(chunk);
      })
      .on('end', () => {
        isOver = true;
        resolve(rest === null ? (first ?? Buffer.alloc(0)) : Buffer.concat(rest, size));
      })
      .on('error', () => {
        if (!isOver) reject(new PeerGone());
      })
      .on('close', () => {
        if (!isOver) reject(new PeerGone());
      });
  });
}

/** The peer went away in the middle of its request: nobody is there to be answered, and nothing of ours is broken. */
export class PeerGone extends Error {
  override readonly name = 'PeerGone';
}

/** Answers 200 with JSON. */
export function sendJson(context: GatewayContext, body: object): Response {
  const { outgoing } = bindings(context);
  if (outgoing === undefined) return context.json(body);
  writeJson(outgoing, body, context.get('requestId'));
  return RESPONSE_ALREADY_SENT;
}

/** The same where there is no app. */
export function writeJson(outgoing: ServerResponse, body: object, requestId: string): void {
  const text = JSON.stringify(body);
  outgoing.writeHead(200, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Request-Id': requestId,
  });
  outgoing.end(text);
}

/** Answers with a refusal where there is no app; one for want of a token needs a header more, and is the app's (request-context.ts). */
export function writeRefusal(outgoing: ServerResponse, refusal: Refusal, requestId: string): void {
  const text = JSON.stringify(errorBody(refusal, requestId));
  const retryAfter = RETRY_AFTER_S[refusal.code];
  outgoing.writeHead(REFUSAL_STATUS[refusal.code], {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Request-Id': requestId,
    ...(retryAfter === undefined ? undefined : { 'Retry-After': retryAfter }),
  });
  outgoing.end(text);
}

function bindings(context: GatewayContext): NodeBindings {
  // Spread, because without a server Hono leaves env undefined, whatever its type says.
  return { ...context.env };
}
