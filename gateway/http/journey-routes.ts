import type { OpenAPIHono, z } from '@hono/zod-openapi';
import { bytesFromHex, hex } from '@tapgate/sdk/emv/hex';
import { refuse } from '@tapgate/sdk/wire/refusals';
import { HELD_REASONS } from '../fares/price-journey.ts';
import { recomputeTrace, type TraceStep } from '../fares/trace.ts';
import type { JourneyTrace } from '../journeys/settle-card.ts';
import { readHeldJourneys } from '../store/card-rides.ts';
import type { Database } from '../store/connection.ts';
import { findExplanation, type ExplainedJourney } from '../store/journey-explanation.ts';
import { refuseUnlessOperator } from './bearer-token.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import { explanationRoute, heldJourneysRoute } from './route-table.ts';
import type { ExplanationBody } from './wire-schemas.ts';

const JOURNEY_ID = /^[0-9A-Fa-f]{32}$/;
const HELD_PAGE = 500;

/** Why a ride cost what it cost, and which rides have no fare yet. */
export function mountJourneys(
  app: OpenAPIHono<GatewayEnv>,
  { database }: { readonly database: Database },
): void {
  app.get(explanationRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const id = context.req.param('journeyId');
    if (!JOURNEY_ID.test(id)) return refusalResponse(context, refuse('field_invalid', 'journeyId'));
    const found = await findExplanation(database, bytesFromHex(id.toUpperCase()));
    if (found === null) return refusalResponse(context, refuse('not_found'));
    return context.json(explanationBody(found, languagesOf(context.req.header('Accept-Language'))));
  });

  app.get(heldJourneysRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const after = context.req.query('after') ?? '0';
    if (!/^\d{1,15}$/.test(after)) return refusalResponse(context, refuse('field_invalid', 'after'));
    const held = await readHeldJourneys(database.hot, { afterSettledNo: Number(after), limit: HELD_PAGE });
    return context.json({
      held: held.map((journey) => ({
        journeyId: hex(journey.journeyId),
        serviceDate: journey.serviceDate,
        operatorId: journey.operatorId,
        lineId: journey.lineId,
        mode: journey.mode,
        completeness: journey.completeness,
        startedAt: new Date(journey.startedAtMs).toISOString(),
        reason: journey.reason,
        waits: HELD_REASONS.some((reason) => reason === journey.reason),
      })),
      next: held.length < HELD_PAGE ? null : String(held[held.length - 1]?.settledNo ?? ''),
    });
  });
}

export type Languages = { readonly zh: boolean; readonly en: boolean };

/** The languages of the texts: the one of the two that is preferred, or both where neither is named above the other. */
export function languagesOf(acceptLanguage: string | undefined): Languages {
  const weights = { zh: 0, en: 0 };
  for (const part of (acceptLanguage ?? '').toLowerCase().split(',')) {
    const [tag = '', ...parameters] = part.trim().split(';');
    const stated = /^\s*q=([01](?:\.\d{1,3})?)\s*$/.exec(parameters.join(';'))?.[1];
    const weight = stated === undefined ? 1 : Number(stated);
    const language = tag.split('-')[0];
    if (language === 'zh' || language === 'en') weights[language] = Math.max(weights[language], weight);
  }
  return { zh: weights.zh >= weights.en, en: weights.en >= weights.zh };
}

function explanationBody(found: ExplainedJourney, languages: Languages): z.output<typeof ExplanationBody> {
  const { trace, adjustments, journeyId, resolvesJourneyId, pricedAsJourneyId, ...rest } = found;
  return {
    ...rest,
    journeyId: hex(journeyId),
    resolves: resolvesJourneyId === null ? null : hex(resolvesJourneyId),
    pricedAs: pricedAsJourneyId === null ? null : hex(pricedAsJourneyId),
    valuation: trace.valuation ?? null,
    owedFen: adjustments[adjustments.length - 1]?.fareFen ?? found.fareFen,
    steps: stepsOf(trace, languages),
    recomputed: recomputed(trace),
    adjustments: adjustments.map((a) => ({
      adjustmentId: hex(a.adjustmentId),
      causedBy: hex(a.causeJourneyId),
      chargedFen: a.chargedFen,
      fareFen: a.fareFen,
      differenceFen: a.fareFen - a.chargedFen,
      steps: stepsOf(a.trace, languages),
      recomputed: recomputed(a.trace),
    })),
  };
}

type ShownStep = z.output<typeof ExplanationBody>['steps'][number];

function stepsOf({ steps }: JourneyTrace, languages: Languages): ShownStep[] {
  return steps.map(({ zh, en, ...step }: TraceStep) => ({
    ...step,
    ...(languages.zh ? { zh } : {}),
    ...(languages.en ? { en } : {}),
  }));
}

/** What the steps alone give: somebody who trusts nothing else can do the same. Null for a journey without a fare. */
function recomputed({ steps }: JourneyTrace): { listFareFen: number; fareFen: number } | null {
  const again = recomputeTrace(steps);
  return again.ok ? { listFareFen: again.listFareFen, fareFen: again.fareFen } : null;
}
