import { createRoute, z } from '@hono/zod-openapi';
import { DEVICE_ROUTES } from './device-route-table.ts';
import {
  EnrolledBody,
  EnrolmentBody,
  EnrolmentHistoryBody,
  EnrolmentListBody,
  EnrolmentReviewBody,
  ErrorResponse,
  ExplanationBody,
  HealthBody,
  HeldJourneysBody,
  HotlistChangeBody,
  HotlistVersionBody,
  RefusalCountsBody,
  SessionProofBody,
  SessionTokenBody,
  SettlementBody,
  TapAnswerBody,
  TapBody,
  TapDraftBody,
  TapHistoryBody,
  TapJudgementBody,
} from './wire-schemas.ts';

// Every route as the OpenAPI document describes it. Handlers read bodies themselves (request-body.ts), because a bound on the
// size must hold while the body streams, and every refusal must carry a code of the one list.

const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

const refusals = { default: json(ErrorResponse, 'a refusal of the one ranked list') };
const asTerminal = [{ terminalSession: [] }];
const asOperator = [{ operatorToken: [] }];

export const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  responses: {
    200: json(HealthBody, 'answers and has its database'),
    503: json(HealthBody, 'has no database'),
  },
});

export const terminalSessionsRoute = createRoute({
  method: 'post',
  path: '/v1/terminal-sessions',
  request: { body: { required: true, content: { 'application/json': { schema: SessionProofBody } } } },
  responses: { 201: json(SessionTokenBody, 'a token for an hour'), ...refusals },
});

export const tapsRoute = createRoute({
  method: 'post',
  path: '/v1/taps',
  security: asTerminal,
  request: {
    headers: z.object({
      'tap-budget-ms': z.string().optional().openapi({
        description: 'ms after which the answer is of no use; refused early when it cannot be met',
      }),
    }),
    body: { required: true, content: { 'application/json': { schema: TapBody } } },
  },
  responses: { 200: json(TapAnswerBody, 'the tap is durable, and this is its verdict'), ...refusals },
});

export const tapJudgementsRoute = createRoute({
  method: 'post',
  path: '/v1/tap-judgements',
  security: asTerminal,
  request: {
    headers: z.object({
      'tap-budget-ms': z.string().optional().openapi({
        description: 'ms after which the gate decides alone; refused early when it cannot be met',
      }),
    }),
    body: { required: true, content: { 'application/json': { schema: TapDraftBody } } },
  },
  responses: {
    200: json(TapJudgementBody, 'what the gate should do; nothing is kept of the question'),
    ...refusals,
  },
});

export const tapBatchesRoute = createRoute({
  method: 'post',
  path: '/v1/tap-batches',
  // Either: somebody of the operator brings in what a terminal holds that gets no session any more.
  security: [...asTerminal, ...asOperator],
  request: {
    body: {
      required: true,
      description: 'one TapBody a line; answered by one line for each, in order, while the upload still runs',
      content: { 'application/x-ndjson': { schema: TapBody } },
    },
  },
  responses: {
    200: {
      description: 'a line for each record, in order: its answer, or its error',
      content: { 'application/x-ndjson': { schema: z.union([TapAnswerBody, ErrorResponse]) } },
    },
    ...refusals,
  },
});

export const tapHistoryRoute = createRoute({
  method: 'get',
  path: '/v1/taps/{terminalId}/{tapSequence}',
  security: asOperator,
  request: { params: z.object({ terminalId: z.string(), tapSequence: z.string() }) },
  responses: {
    200: json(TapHistoryBody, 'verdict, tap, journey with fare and trace, postings'),
    ...refusals,
  },
});

export const refusalsRoute = createRoute({
  method: 'get',
  path: '/v1/refusals',
  security: asOperator,
  request: { query: z.object({ date: z.string().optional(), code: z.string().optional() }) },
  responses: { 200: json(RefusalCountsBody, 'what was refused and left nothing else behind'), ...refusals },
});

export const settlementRoute = createRoute({
  method: 'get',
  path: '/v1/settlement',
  security: asOperator,
  responses: { 200: json(SettlementBody, 'what is accepted and not settled yet'), ...refusals },
});

export const hotlistVersionsRoute = createRoute({
  method: 'post',
  path: '/v1/hotlist-versions',
  security: asOperator,
  request: { body: { required: true, content: { 'application/json': { schema: HotlistChangeBody } } } },
  responses: { 201: json(HotlistVersionBody, 'the version that holds from now on'), ...refusals },
});

export const enrolmentsRoute = createRoute({
  method: 'post',
  path: '/v1/concession-enrolments',
  security: asOperator,
  request: { body: { required: true, content: { 'application/json': { schema: EnrolmentBody } } } },
  responses: { 201: json(EnrolledBody, 'the card has the right, as the desk has checked it'), ...refusals },
});

export const enrolmentListRoute = createRoute({
  method: 'get',
  path: '/v1/concession-enrolments',
  security: asOperator,
  request: { query: z.object({ panToken: z.string(), psn: z.string() }) },
  responses: { 200: json(EnrolmentListBody, 'the enrolments of a card, with their history'), ...refusals },
});

export const enrolmentRoute = createRoute({
  method: 'get',
  path: '/v1/concession-enrolments/{enrolmentId}',
  security: asOperator,
  request: { params: z.object({ enrolmentId: z.string() }) },
  responses: { 200: json(EnrolmentHistoryBody, 'one enrolment with its history'), ...refusals },
});

export const enrolmentRevocationRoute = createRoute({
  method: 'delete',
  path: '/v1/concession-enrolments/{enrolmentId}',
  security: asOperator,
  request: {
    params: z.object({ enrolmentId: z.string() }),
    query: z.object({ reason: z.string().optional() }),
  },
  responses: {
    200: json(EnrolmentHistoryBody, 'ended from this instant on; nothing is removed'),
    ...refusals,
  },
});

export const enrolmentReviewsRoute = createRoute({
  method: 'post',
  path: '/v1/concession-enrolments/{enrolmentId}/reviews',
  security: asOperator,
  request: {
    params: z.object({ enrolmentId: z.string() }),
    body: { required: true, content: { 'application/json': { schema: EnrolmentReviewBody } } },
  },
  responses: { 201: json(EnrolmentHistoryBody, 'good until the next review'), ...refusals },
});

export const explanationRoute = createRoute({
  method: 'get',
  path: '/v1/journeys/{journeyId}/explanation',
  security: asOperator,
  request: {
    params: z.object({ journeyId: z.string() }),
    headers: z.object({
      'accept-language': z.string().optional().openapi({ description: 'zh or en; both texts otherwise' }),
    }),
  },
  responses: {
    200: json(ExplanationBody, 'every step from list fare to fare, and what came after'),
    ...refusals,
  },
});

export const heldJourneysRoute = createRoute({
  method: 'get',
  path: '/v1/held-journeys',
  security: asOperator,
  request: { query: z.object({ after: z.string().optional() }) },
  responses: {
    200: json(HeldJourneysBody, 'rides without a fare, each with its reason, oldest first'),
    ...refusals,
  },
});

export const ROUTES = [
  ...DEVICE_ROUTES,
  healthRoute,
  terminalSessionsRoute,
  tapsRoute,
  tapJudgementsRoute,
  tapBatchesRoute,
  tapHistoryRoute,
  refusalsRoute,
  settlementRoute,
  hotlistVersionsRoute,
  enrolmentsRoute,
  enrolmentListRoute,
  enrolmentRoute,
  enrolmentRevocationRoute,
  enrolmentReviewsRoute,
  explanationRoute,
  heldJourneysRoute,
] as const;
