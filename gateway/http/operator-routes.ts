import type { OpenAPIHono } from '@hono/zod-openapi';
import { isIsoDate, isTapSequence, isTerminalId } from '@tapgate/sdk/wire/identifiers';
import { isRefusalCode, refuse } from '@tapgate/sdk/wire/refusals';
import type { TapIntake } from '../intake/tap-intake.ts';
import type { Database } from '../store/connection.ts';
import { listRefusalCounts } from '../store/refusal-counts.ts';
import { readSettlementGauge } from '../store/settlement-gauge.ts';
import { findTapHistory } from '../store/tap-history.ts';
import { refuseUnlessOperator } from './bearer-token.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import type { RefusalTally } from './refusal-tally.ts';
import { refusalsRoute, settlementRoute, tapHistoryRoute } from './route-table.ts';
import { tapHistoryBody } from './tap-history-body.ts';

export type OperatorParts = {
  readonly database: Database;
  readonly tally: RefusalTally;
  readonly intake: TapIntake;
};

/** What people and tools of the operator may ask, with an operator token. */
export function mountOperatorRoutes(
  app: OpenAPIHono<GatewayEnv>,
  { database, tally, intake }: OperatorParts,
): void {
  app.get(tapHistoryRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const terminalId = context.req.param('terminalId');
    const tapSequence = Number(context.req.param('tapSequence'));
    if (!isTerminalId(terminalId)) return refusalResponse(context, refuse('field_invalid', 'terminalId'));
    if (!isTapSequence(tapSequence)) return refusalResponse(context, refuse('field_invalid', 'tapSequence'));
    const history = await findTapHistory(database, terminalId, tapSequence);
    return history === null
      ? refusalResponse(context, refuse('not_found'))
      : context.json(tapHistoryBody(history));
  });

  app.get(refusalsRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const calendarDate = context.req.query('date');
    const code = context.req.query('code');
    if (calendarDate !== undefined && !isIsoDate(calendarDate))
      return refusalResponse(context, refuse('field_invalid', 'date'));
    if (code !== undefined && !isRefusalCode(code))
      return refusalResponse(context, refuse('field_invalid', 'code'));
    await tally.flush();
    const refusals = await listRefusalCounts(database, {
      ...(calendarDate === undefined ? {} : { calendarDate }),
      ...(code === undefined ? {} : { code }),
    });
    return context.json({ refusals });
  });

  app.get(settlementRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const { ready, waiting, settledNo } = await readSettlementGauge(database);
    return context.json({ unsettled: { ready, waiting }, settledNo, inside: intake.inside });
  });
}
