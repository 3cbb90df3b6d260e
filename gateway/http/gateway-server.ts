import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { GatewayApp } from '../app.ts';
import { errorBody, REFUSAL_STATUS, RETRY_AFTER_S } from './refusal-response.ts';
import { requestIdFor } from './request-context.ts';
import { tapJudgementsRoute, tapsRoute } from './route-table.ts';
import { readTapBudget } from './tap-budget.ts';

type ServedApp = Pick<GatewayApp, 'app'> & {
  readonly intake: Pick<GatewayApp['intake'], 'isOverloadedFor'>;
  readonly tally: Pick<GatewayApp['tally'], 'count'>;
};

/** Where somebody at a gate waits for the answer. */
const AWAITED_PATHS: readonly (string | undefined)[] = [tapsRoute, tapJudgementsRoute].map((route) =>
  route.getRoutingPath(),
);

/**
 * The gateway's HTTP server. A live tap, or a question about one, whose budget cannot be met is refused here, before routing, token and body: under three
 * times what a machine carries two of three requests end so, and what they cost is taken from the third. Everything else goes
 * to the app, which refuses the same way when it is asked without this server.
 */
export function createGatewayServer({ app, intake, tally }: ServedApp): Server {
  const answer = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const refuseEarly = (incoming: IncomingMessage, outgoing: ServerResponse): boolean => {
    if (!AWAITED_PATHS.includes(incoming.url) || incoming.method !== 'POST') return false;
    const budgetMs = readTapBudget(incoming.headers['tap-budget-ms']);
    if (budgetMs === undefined || !intake.isOverloadedFor(budgetMs)) return false;
    const refusal = refuse('overloaded');
    tally.count(refusal.code, '', Date.now());
    const requestId = requestIdFor(incoming.headers['request-id']);
    const body = JSON.stringify(errorBody(refusal, requestId));
    outgoing.writeHead(REFUSAL_STATUS[refusal.code], {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'Request-Id': requestId,
      'Retry-After': RETRY_AFTER_S[refusal.code],
    });
    outgoing.end(body);
    // What is left of the body is thrown away, so that the connection can carry the next request.
    incoming.resume();
    return true;
  };
  return createServer((incoming, outgoing) => {
    if (!refuseEarly(incoming, outgoing)) void answer(incoming, outgoing);
  });
}
