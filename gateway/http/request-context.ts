import { randomUUID } from 'node:crypto';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { readInstant } from './instant-text.ts';
import type { NodeBindings } from './node-exchange.ts';
import { errorBody, REFUSAL_STATUS, RETRY_AFTER_S } from './refusal-response.ts';

/** What every handler finds in its context. */
export type RequestVariables = {
  /** the peer's own `Request-Id` where it is one that can be logged, else a new one; returned in the answer */
  requestId: string;
  /** the gateway's clock at this request, ms since the Unix epoch; in a demo what `Demo-Time` says */
  nowMs: number;
};

export type GatewayEnv = { Variables: RequestVariables; Bindings: NodeBindings };
export type GatewayContext = Context<GatewayEnv>;

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Ours begin with what no other process and no other start has; a UUID for each costs a request three microseconds. */
const OWN_IDS = randomUUID();
let ownIds = 0;

/** The peer's own id where it is one that can be logged, else a new one. */
export function requestIdFor(given: string | readonly string[] | undefined): string {
  if (typeof given === 'string' && REQUEST_ID.test(given)) return given;
  ownIds += 1;
  return `${OWN_IDS}.${ownIds}`;
}

/** Answers with the refusal. Every error of the app leaves through here; what is refused in front of it, through `writeRefusal` (node-exchange.ts). */
export function refusalResponse(context: GatewayContext, refusal: Refusal): Response {
  const headers: Record<string, string> = {};
  if (refusal.code === 'token_missing' || refusal.code === 'token_invalid')
    headers['WWW-Authenticate'] = 'Bearer';
  const retryAfter = RETRY_AFTER_S[refusal.code];
  if (retryAfter !== undefined) headers['Retry-After'] = retryAfter;
  return context.json(errorBody(refusal, context.get('requestId')), REFUSAL_STATUS[refusal.code], headers);
}

export type RequestClock = { readonly clock: () => number; readonly demo: boolean };

/** Gives each request its id and its time. */
export function useRequestContext(app: OpenAPIHono<GatewayEnv>, requestClock: RequestClock): void {
  app.use(async (context, next) => {
    const requestId = requestIdFor(context.req.header('Request-Id'));
    context.set('requestId', requestId);
    context.header('Request-Id', requestId);
    const nowMs = readRequestTime(requestClock, context.req.header('Demo-Time'));
    if (nowMs === null) return refusalResponse(context, refuse('field_invalid', 'Demo-Time'));
    context.set('nowMs', nowMs);
    await next();
    return undefined;
  });
}

/**
 * When a request came, ms since the Unix epoch: by the gateway's clock, in a demo as its `Demo-Time` says where it has one.
 *
 * @returns null when that is no ISO 8601 instant
 */
export function readRequestTime(
  { clock, demo }: RequestClock,
  demoTime: string | readonly string[] | undefined,
): number | null {
  if (!demo || demoTime === undefined) return clock();
  return typeof demoTime === 'string' ? readInstant(demoTime) : null;
}
