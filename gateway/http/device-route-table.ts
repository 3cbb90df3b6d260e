import { createRoute, z } from '@hono/zod-openapi';
import {
  EnrolledTerminalBody,
  EnrolTerminalBody,
  FaultsBody,
  GateParametersBody,
  ListPlanBody,
  ListVersionBody,
  RestorationBody,
  RollOutBody,
  TerminalCodeAnswer,
  TerminalCodeBody,
  TerminalIdBody,
  TerminalReportAnswer,
  TerminalReportBody,
  TerminalsBody,
} from './device-schemas.ts';
import { ErrorResponse } from './wire-schemas.ts';

// Routes about terminals and what they are given, as the OpenAPI document describes them.

const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
const taking = <Schema extends z.ZodType>(schema: Schema) => ({
  body: { required: true, content: { 'application/json': { schema } } },
});
const refusals = { default: json(ErrorResponse, 'a refusal of the one ranked list') };
const asTerminal = [{ terminalSession: [] }];
const asOperator = [{ operatorToken: [] }];

export const terminalCodesRoute = createRoute({
  method: 'post',
  path: '/v1/terminals',
  security: asOperator,
  request: taking(TerminalCodeBody),
  responses: { 201: json(TerminalCodeAnswer, 'a one-time code for its enrolment'), ...refusals },
});

export const terminalsRoute = createRoute({
  method: 'get',
  path: '/v1/terminals',
  security: asOperator,
  responses: { 200: json(TerminalsBody, 'every terminal with what it said of itself last'), ...refusals },
});

export const revocationsRoute = createRoute({
  method: 'post',
  path: '/v1/terminal-revocations',
  security: asOperator,
  request: taking(TerminalIdBody),
  responses: {
    201: json(TerminalIdBody, 'refused from now on; its earlier records are good'),
    ...refusals,
  },
});

export const terminalEnrolmentsRoute = createRoute({
  method: 'post',
  path: '/v1/terminal-enrolments',
  request: taking(EnrolTerminalBody),
  responses: { 201: json(EnrolledTerminalBody, 'the terminal has its key and its place'), ...refusals },
});

export const terminalReportsRoute = createRoute({
  method: 'post',
  path: '/v1/terminal-reports',
  security: asTerminal,
  request: taking(TerminalReportBody),
  responses: { 201: json(TerminalReportAnswer, 'taken; faults are known from now on'), ...refusals },
});

export const faultsRoute = createRoute({
  method: 'get',
  path: '/v1/faults',
  security: asOperator,
  request: {
    query: z.object({
      terminalId: z.string().optional(),
      code: z.string().optional(),
      since: z.string().optional().openapi({ description: 'ISO 8601 instant, by when it was received' }),
      before: z.string().optional(),
    }),
  },
  responses: { 200: json(FaultsBody, 'the newest thousand, newest first'), ...refusals },
});

export const listPlanRoute = createRoute({
  method: 'get',
  path: '/v1/lists',
  security: asTerminal,
  request: {
    query: z.object({
      held: z.string().optional().openapi({
        description:
          'what is in use, <kind>:<version> or <kind>:<version>:<list key id>, with commas between',
      }),
      key: z.string().optional().openapi({ description: 'id of the list key that the terminal has' }),
      signer: z
        .string()
        .optional()
        .openapi({ description: 'id of the key under which the terminal takes lists, as envelopes name it' }),
    }),
  },
  responses: {
    200: json(ListPlanBody, 'what to fetch, in order, each with its signed envelope'),
    ...refusals,
  },
});

export const listBodyRoute = createRoute({
  method: 'get',
  path: '/v1/lists/{kind}/{version}/{form}',
  security: asTerminal,
  request: {
    params: z.object({ kind: z.string(), version: z.string(), form: z.string() }),
    headers: z.object({ range: z.string().optional().openapi({ description: 'bytes=<first>-' }) }),
  },
  responses: {
    200: {
      description: 'the body; its ETag is its hash (sdk/lists/piece-hash.ts)',
      content: { 'application/octet-stream': { schema: z.string() } },
    },
    206: {
      description: 'the body from that byte on',
      content: { 'application/octet-stream': { schema: z.string() } },
    },
    ...refusals,
  },
});

export const gateParametersRoute = createRoute({
  method: 'post',
  path: '/v1/gate-parameters',
  security: asOperator,
  request: taking(GateParametersBody),
  responses: { 201: json(ListVersionBody, 'the version that terminals get'), ...refusals },
});

export const rollOutsRoute = createRoute({
  method: 'post',
  path: '/v1/list-roll-outs',
  security: asOperator,
  request: taking(RollOutBody),
  responses: { 201: json(RollOutBody, 'signed again, for this share of terminals'), ...refusals },
});

export const restorationsRoute = createRoute({
  method: 'post',
  path: '/v1/list-restorations',
  security: asOperator,
  request: taking(RestorationBody),
  responses: { 201: json(ListVersionBody, 'the new version with the earlier content'), ...refusals },
});

export const DEVICE_ROUTES = [
  terminalCodesRoute,
  terminalsRoute,
  revocationsRoute,
  terminalEnrolmentsRoute,
  terminalReportsRoute,
  faultsRoute,
  listPlanRoute,
  listBodyRoute,
  gateParametersRoute,
  rollOutsRoute,
  restorationsRoute,
] as const;
