import type { OpenAPIHono } from '@hono/zod-openapi';
import { TAP_BODY_BYTES_MAX } from '@tapgate/sdk/wire/limits';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { TapIntake } from '../intake/tap-intake.ts';
import type { TerminalSessions } from './bearer-token.ts';
import { readBody, sendJson } from './node-exchange.ts';
import { isContentType } from './request-body.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import type { RefusalTally } from './refusal-tally.ts';
import { tapsRoute } from './route-table.ts';
import { readTapBody } from './tap-body.ts';
import { readTapBudget } from './tap-budget.ts';

export type TapsParts = {
  readonly intake: TapIntake;
  readonly sessions: TerminalSessions;
  readonly tally: RefusalTally;
};

/** POST /v1/taps: one record, live. */
export function mountTaps(app: OpenAPIHono<GatewayEnv>, { intake, sessions, tally }: TapsParts): void {
  app.post(tapsRoute.getRoutingPath(), async (context) => {
    const nowMs = context.get('nowMs');
    const session = sessions.read(context);
    if ('code' in session) {
      tally.count(session.code, '', nowMs);
      return refusalResponse(context, session);
    }
    const sender = session.terminalId;
    const refuseWith = (refusal: Parameters<typeof refusalResponse>[1]): Response => {
      tally.count(refusal.code, sender, nowMs);
      return refusalResponse(context, refusal);
    };
    const budgetMs = readTapBudget(context.req.header('Tap-Budget-Ms'));
    if (budgetMs === undefined) return refuseWith(refuse('field_invalid', 'Tap-Budget-Ms'));
    if (intake.isOverloadedFor(budgetMs)) return refuseWith(refuse('overloaded'));
    if (!isContentType(context, 'application/json')) return refuseWith(refuse('content_type_unsupported'));
    const body = await readBody(context, TAP_BODY_BYTES_MAX);
    if (body === null) return refuseWith(refuse('body_too_large'));
    const decoded = readTapBody(body);
    if (!decoded.ok) return refuseWith(decoded.refusal);
    const result = await intake.accept({ bytes: decoded.bytes, sender, nowMs, budgetMs, lane: 'first' });
    return result.ok ? sendJson(context, result.answer) : refuseWith(result.refusal);
  });
}
