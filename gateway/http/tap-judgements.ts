import type { OpenAPIHono } from '@hono/zod-openapi';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { TapIntake } from '../intake/tap-intake.ts';
import type { TapJudging } from '../intake/tap-judging.ts';
import type { TerminalSessions } from './bearer-token.ts';
import { sendJson } from './node-exchange.ts';
import { readJsonBody } from './request-body.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import type { RefusalTally } from './refusal-tally.ts';
import { tapJudgementsRoute } from './route-table.ts';
import { readTapBudget } from './tap-budget.ts';
import { TapDraftBody } from './wire-schemas.ts';

export type TapJudgementsParts = {
  readonly judging: TapJudging;
  readonly intake: Pick<TapIntake, 'isOverloadedFor'>;
  readonly sessions: TerminalSessions;
  readonly tally: RefusalTally;
};

const DRAFT_BODY_BYTES_MAX = 256;

/** POST /v1/tap-judgements: what the gateway says of an act before the gate decides; nothing is kept of it but a count of refusals. */
export function mountTapJudgements(app: OpenAPIHono<GatewayEnv>, parts: TapJudgementsParts): void {
  const { judging, intake, sessions, tally } = parts;
  app.post(tapJudgementsRoute.getRoutingPath(), async (context) => {
    const nowMs = context.get('nowMs');
    const session = sessions.of(context);
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
    const body = await readJsonBody(context, TapDraftBody, DRAFT_BODY_BYTES_MAX);
    if (!body.ok) return refuseWith(body.refusal);
    const bytes = Buffer.from(body.value.draft, 'base64');
    const result = await judging.judge({ bytes, sender, nowMs, budgetMs });
    return result.ok ? sendJson(context, result.judgement) : refuseWith(result.refusal);
  });
}
