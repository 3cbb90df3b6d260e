import type { OpenAPIHono, z } from '@hono/zod-openapi';
import { isIsoDate, isoDate, isPanToken, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { refuse } from '@tapgate/sdk/wire/refusals';
import { formatCivilDay } from '../calendar/civil-day.ts';
import { wallTime, type ZoneClock } from '../calendar/zone-clock.ts';
import { decideEnrolment, type CategoryTerms } from '../concessions/decide-enrolment.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import {
  findEnrolment,
  listEnrolmentIds,
  reviewEnrolment,
  revokeEnrolment,
  writeEnrolment,
  type DeskOutcome,
  type EnrolmentHistory,
} from '../store/concession-enrolments.ts';
import type { Database } from '../store/connection.ts';
import { readOperator, refuseUnlessOperator } from './bearer-token.ts';
import { readJsonBody } from './request-body.ts';
import { refusalResponse, type GatewayContext, type GatewayEnv } from './request-context.ts';
import {
  enrolmentListRoute,
  enrolmentRevocationRoute,
  enrolmentReviewsRoute,
  enrolmentRoute,
  enrolmentsRoute,
} from './route-table.ts';
import { EnrolmentBody, EnrolmentReviewBody, type EnrolmentHistoryBody } from './wire-schemas.ts';

/** What the rules of the gateway's cities say of a rider category, and by which clock a desk's day is counted. */
export type EnrolmentCity = {
  readonly categoriesOf: (categoryId: string) => readonly CategoryTerms[];
  readonly clock: ZoneClock;
};

export type EnrolmentParts = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly city: EnrolmentCity;
};

const ENROLMENT_BODY_BYTES_MAX = 8 * 1024;
const ENROLMENT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const REASON = /^[a-z_]{1,32}$/;

/**
 * The register of concessions, as a desk writes and reads it. A body names a card by PAN and a person by identity number, because that is
 * what lies on the desk; the one becomes a token, the other a birth date where the rules ask for it. Neither stands in an answer.
 */
export function mountEnrolments(
  app: OpenAPIHono<GatewayEnv>,
  { database, keys, city }: EnrolmentParts,
): void {
  const today = (context: GatewayContext): IsoDate =>
    isoDate(formatCivilDay(wallTime(city.clock, context.var.nowMs).day));

  app.post(enrolmentsRoute.getRoutingPath(), async (context) => {
    const who = await readOperator(context, database);
    if ('code' in who) return refusalResponse(context, who);
    const body = await readJsonBody(context, EnrolmentBody, ENROLMENT_BODY_BYTES_MAX);
    if (!body.ok) return refusalResponse(context, body.refusal);
    const { card, ...request } = body.value;
    const decision = decideEnrolment(request, city.categoriesOf(request.category), today(context));
    if (!decision.ok) return refusalResponse(context, decision.refusal);
    const { terms } = decision;
    const enrolmentId = await writeEnrolment(
      database,
      keys,
      { ...card, terms },
      { atMs: context.var.nowMs, byLabel: who.label },
    );
    return context.json({ enrolled: true, enrolmentId, qualifies: terms.qualifies }, 201);
  });

  app.get(enrolmentListRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const panToken = context.req.query('panToken') ?? '';
    const psn = context.req.query('psn') ?? '';
    if (!isPanToken(panToken)) return refusalResponse(context, refuse('field_invalid', 'panToken'));
    if (!/^\d{1,2}$/.test(psn)) return refusalResponse(context, refuse('field_invalid', 'psn'));
    const ids = await listEnrolmentIds(database, { panToken, psn: Number(psn) });
    const found = await Promise.all(ids.map((id) => findEnrolment(database, keys, id)));
    return context.json({ enrolments: found.filter((one) => one !== null).map(historyBody) });
  });

  app.get(enrolmentRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    return answerWith(context, context.req.param('enrolmentId'), 200);
  });

  app.delete(enrolmentRevocationRoute.getRoutingPath(), async (context) => {
    const who = await readOperator(context, database);
    if ('code' in who) return refusalResponse(context, who);
    const id = context.req.param('enrolmentId');
    const reason = context.req.query('reason') ?? 'not_stated';
    if (!ENROLMENT_ID.test(id)) return refusalResponse(context, refuse('not_found'));
    if (!REASON.test(reason)) return refusalResponse(context, refuse('field_invalid', 'reason'));
    const act = { atMs: context.var.nowMs, byLabel: who.label };
    const outcome = await revokeEnrolment(database, id, reason, act);
    return answerAfter(context, id, outcome, 200);
  });

  app.post(enrolmentReviewsRoute.getRoutingPath(), async (context) => {
    const who = await readOperator(context, database);
    if ('code' in who) return refusalResponse(context, who);
    const id = context.req.param('enrolmentId');
    if (!ENROLMENT_ID.test(id)) return refusalResponse(context, refuse('not_found'));
    const body = await readJsonBody(context, EnrolmentReviewBody, ENROLMENT_BODY_BYTES_MAX);
    if (!body.ok) return refusalResponse(context, body.refusal);
    const { reviewDueOn } = body.value;
    if (!isIsoDate(reviewDueOn) || reviewDueOn < today(context))
      return refusalResponse(context, refuse('field_invalid', 'reviewDueOn'));
    const act = { atMs: context.var.nowMs, byLabel: who.label };
    const outcome = await reviewEnrolment(database, id, reviewDueOn, act);
    return answerAfter(context, id, outcome, 201);
  });

  async function answerAfter(
    context: GatewayContext,
    id: string,
    outcome: DeskOutcome,
    status: 200 | 201,
  ): Promise<Response> {
    if (outcome === 'not_found') return refusalResponse(context, refuse('not_found'));
    if (outcome === 'revoked') return refusalResponse(context, refuse('enrolment_revoked'));
    return answerWith(context, id, status);
  }

  async function answerWith(context: GatewayContext, id: string, status: 200 | 201): Promise<Response> {
    const found = ENROLMENT_ID.test(id) ? await findEnrolment(database, keys, id) : null;
    return found === null
      ? refusalResponse(context, refuse('not_found'))
      : context.json(historyBody(found), status);
  }
}

const instantText = (atMs: number): string => new Date(atMs).toISOString();

function historyBody({ enrolment, events }: EnrolmentHistory): z.output<typeof EnrolmentHistoryBody> {
  const { revokedAtMs, keeps, ...rest } = enrolment;
  return {
    ...rest,
    revokedAt: revokedAtMs === null ? null : instantText(revokedAtMs),
    keeps: [...keeps],
    history: events.map(({ kind, atMs, byLabel, details }) => ({
      ...{ kind, details },
      at: instantText(atMs),
      by: byLabel,
    })),
  };
}
