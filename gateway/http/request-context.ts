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

/** The peer's own id where it is one that can be logged, else a new one. */
export function requestIdFor(given: string | readonly string[] | undefined): string {
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Answers with the refusal. Every error of the gateway leaves through here. */
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
export function useRequestContext(app: OpenAPIHono<GatewayEnv>, { clock, demo }: RequestClock): void {
  app.use(async (context, next) => {
    const requestId = requestIdFor(context.req.header('Request-Id'));
    context.set('requestId', requestId);
    context.set('nowMs', clock());
    context.header('Request-Id', requestId);
    if (demo) {
      const stated = readDemoTime(context.req.header('Demo-Time'));
      if (stated === null) return refusalResponse(context, refuse('field_invalid', 'Demo-Time'));
      if (stated !== undefined) context.set('nowMs', stated);
    }
    await next();
    return undefined;
  });
}

/** @returns undefined without the header, null when it is no ISO 8601 instant */
function readDemoTime(text: string | undefined): number | null | undefined {
  return text === undefined ? undefined : readInstant(text);
}
