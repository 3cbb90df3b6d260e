import type { OpenAPIHono } from '@hono/zod-openapi';
import { TAP_BODY_BYTES_MAX } from '@tapgate/sdk/wire/limits';
import { refuse, type Refusal, type RefusalCode } from '@tapgate/sdk/wire/refusals';
import type { TapAnswer } from '@tapgate/sdk/wire/verdict';
import type { TapOrder } from '../intake/tap-group.ts';
import type { TapIntake } from '../intake/tap-intake.ts';
import type { TerminalSessions } from './bearer-token.ts';
import { readBody, sendJson } from './node-exchange.ts';
import { isContentType } from './request-body.ts';
import { refusalResponse, type GatewayContext, type GatewayEnv } from './request-context.ts';
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
    const session = sessions.of(context);
    const result =
      'code' in session
        ? { ok: false as const, refusal: session }
        : await takeIn(context, intake, { sender: session.terminalId, nowMs });
    if (result.ok) return sendJson(context, result.answer);
    tally.count(result.refusal.code, 'code' in session ? '' : session.terminalId, nowMs);
    return refusalResponse(context, result.refusal);
  });
}

type Taken =
  { readonly ok: true; readonly answer: TapAnswer } | { readonly ok: false; readonly refusal: Refusal };

/** @refuses field_invalid, overloaded, content_type_unsupported, body_too_large, and what a record is refused by */
async function takeIn(
  context: GatewayContext,
  intake: TapIntake,
  { sender, nowMs }: Pick<TapOrder, 'sender' | 'nowMs'>,
): Promise<Taken> {
  const budgetMs = readTapBudget(context.req.header('Tap-Budget-Ms'));
  if (budgetMs === undefined) return refused('field_invalid', 'Tap-Budget-Ms');
  if (intake.isOverloadedFor(budgetMs)) return refused('overloaded');
  if (!isContentType(context, 'application/json')) return refused('content_type_unsupported');
  const body = await readBody(context, TAP_BODY_BYTES_MAX);
  if (body === null) return refused('body_too_large');
  const decoded = readTapBody(body);
  if (!decoded.ok) return decoded;
  return intake.accept({ bytes: decoded.bytes, sender, nowMs, budgetMs, lane: 'first' });
}

function refused(code: RefusalCode, field?: string): Taken {
  return { ok: false, refusal: refuse(code, field) };
}
