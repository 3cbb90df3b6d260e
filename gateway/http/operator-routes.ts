import type { OpenAPIHono } from '@hono/zod-openapi';
import { isIsoDate, isoDate, isTapSequence, isTerminalId } from '@tapgate/sdk/wire/identifiers';
import { RAILS } from '@tapgate/sdk/wire/rails';
import { isRefusalCode, refuse } from '@tapgate/sdk/wire/refusals';
import type { ClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import type { TapIntake } from '../intake/tap-intake.ts';
import { presentedLines, type PresentedLine, type PresentedLinesParts } from '../jobs/presented-lines.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { Database } from '../store/connection.ts';
import type { DataKeys } from '../store/data-keys.ts';
import { listRefusalCounts } from '../store/refusal-counts.ts';
import { readSettlementGauge } from '../store/settlement-gauge.ts';
import { findTapHistory, type TapHistory } from '../store/tap-history.ts';
import { refuseUnlessOperator } from './bearer-token.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import type { RefusalTally } from './refusal-tally.ts';
import { refusalsRoute, settlementRoute, tapHistoryRoute } from './route-table.ts';
import { tapHistoryBody } from './tap-history-body.ts';

export type OperatorParts = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly dataKeys: DataKeys;
  readonly profiles: ClearingProfiles;
  readonly tally: RefusalTally;
  readonly intake: TapIntake;
};

/** What people and tools of the operator may ask, with an operator token. */
export function mountOperatorRoutes(
  app: OpenAPIHono<GatewayEnv>,
  { database, keys, dataKeys, profiles, tally, intake }: OperatorParts,
): void {
  app.get(tapHistoryRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const terminalId = context.req.param('terminalId');
    const tapSequence = Number(context.req.param('tapSequence'));
    if (!isTerminalId(terminalId)) return refusalResponse(context, refuse('field_invalid', 'terminalId'));
    if (!isTapSequence(tapSequence)) return refusalResponse(context, refuse('field_invalid', 'tapSequence'));
    const dataKeyOf = dataKeys.forReading.bind(dataKeys);
    const history = await findTapHistory(database, terminalId, tapSequence, dataKeyOf);
    if (history === null) return refusalResponse(context, refuse('not_found'));
    const clearing = await presentedLinesOf(history, { database, keys, profiles, dataKeyOf });
    return context.json(tapHistoryBody(history, clearing));
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

function presentedLinesOf(
  { journey }: TapHistory,
  parts: PresentedLinesParts,
): Promise<readonly PresentedLine[]> {
  const rail = RAILS.find((known) => known === journey?.rail);
  if (journey === null || rail === undefined) return Promise.resolve([]);
  const { settledNo } = journey;
  return presentedLines(parts, { ...journey, rail, settledNo, serviceDate: isoDate(journey.serviceDate) });
}
