import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { GatewayApp } from '../app.ts';
import { writeRefusal } from './node-exchange.ts';
import { requestIdFor } from './request-context.ts';
import { tapJudgementsRoute, tapsRoute } from './route-table.ts';
import { readTapBudget } from './tap-budget.ts';

type ServedApp = Pick<GatewayApp, 'app'> & {
  readonly liveTaps: Pick<GatewayApp['liveTaps'], 'take'>;
  readonly intake: Pick<GatewayApp['intake'], 'isOverloadedFor'>;
  readonly tally: Pick<GatewayApp['tally'], 'count'>;
};

/** Where somebody at a gate waits for the answer. */
const AWAITED_PATHS: readonly (string | undefined)[] = [tapsRoute, tapJudgementsRoute].map((route) =>
  route.getRoutingPath(),
);

/**
 * The gateway's HTTP server. A live tap, or a question about one, whose budget cannot be met is refused here, before routing, token and body: under three
 * times what a machine carries two of three requests end so, and what they cost is taken from the third. A live tap that is taken in
 * does not go through the app either (live-taps.ts). Everything else does, and the app does the same with taps when it is asked without this server.
 */
export function createGatewayServer({ app, liveTaps, intake, tally }: ServedApp): Server {
  const answer = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const refuseEarly = (incoming: IncomingMessage, outgoing: ServerResponse): boolean => {
    if (!AWAITED_PATHS.includes(incoming.url) || incoming.method !== 'POST') return false;
    const budgetMs = readTapBudget(incoming.headers['tap-budget-ms']);
    if (budgetMs === undefined || !intake.isOverloadedFor(budgetMs)) return false;
    const refusal = refuse('overloaded');
    tally.count(refusal.code, '', Date.now());
    writeRefusal(outgoing, refusal, requestIdFor(incoming.headers['request-id']));
    // What is left of the body is thrown away, so that the connection can carry the next request.
    incoming.resume();
    return true;
  };
  return createServer((incoming, outgoing) => {
    if (refuseEarly(incoming, outgoing) || liveTaps.take(incoming, outgoing)) return;
    void answer(incoming, outgoing);
  });
}
