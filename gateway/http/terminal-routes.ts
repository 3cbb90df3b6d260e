import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { sm2Verify } from '@tapgate/sdk/gm/sm2';
import { sm2Encrypt } from '@tapgate/sdk/gm/sm2-encryption';
import {
  answerMac,
  CODE_BYTES,
  enrolmentCode,
  possessionMessage,
  requestMac,
} from '@tapgate/sdk/terminals/enrolment';
import { summaryOfAsking, type AskingCounts } from '@tapgate/sdk/terminals/asking-counts';
import { isTerminalId, terminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { Database } from '../store/connection.ts';
import {
  enrolTerminal,
  isTerminalRegistered,
  listFaults,
  listTerminals,
  registerTerminal,
  revokeTerminal,
  tryCode,
  writeCode,
} from '../store/terminals.ts';
import { ReportIntake } from '../terminals/report-intake.ts';
import { refuseUnlessOperator, type TerminalSessions } from './bearer-token.ts';
import {
  faultsRoute,
  revocationsRoute,
  terminalCodesRoute,
  terminalEnrolmentsRoute,
  terminalReportsRoute,
  terminalsRoute,
} from './device-route-table.ts';
import {
  EnrolTerminalBody,
  FAULT_CODE,
  TerminalCodeBody,
  TerminalIdBody,
  TerminalReportBody,
} from './device-schemas.ts';
import { readInstant } from './instant-text.ts';
import type { RefusalTally } from './refusal-tally.ts';
import { readJsonBody } from './request-body.ts';
import { refusalResponse, type GatewayContext, type GatewayEnv } from './request-context.ts';

export type TerminalRoutesParts = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly sessions: TerminalSessions;
  readonly tally: RefusalTally;
  readonly findPlacement: (terminalId: TerminalId) => TerminalPlacement | null;
  /** reads the register of terminals again, so that what was just changed holds here at once */
  readonly refreshTerminals: () => Promise<void>;
};

const CODE_LIFE_MS = 24 * 60 * 60 * 1000;
const CODE_TRIES = 5;
const SMALL_BODY_BYTES_MAX = 4 * 1024;
const REPORT_BODY_BYTES_MAX = 256 * 1024;

/** The register of terminals: who may be one, how it becomes one, what it says of itself, and how it ends. */
export function mountTerminalRoutes(app: OpenAPIHono<GatewayEnv>, parts: TerminalRoutesParts): void {
  const { database, keys, sessions, tally } = parts;
  const reports = new ReportIntake(database);

  app.post(terminalCodesRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const body = await readJsonBody(context, TerminalCodeBody, SMALL_BODY_BYTES_MAX);
    if (!body.ok) return refusalResponse(context, body.refusal);
    const { place } = body.value;
    const id = terminalId(body.value.terminalId);
    const isPlaced =
      place === undefined
        ? await isTerminalRegistered(database, id)
        : await registerTerminal(database, { terminalId: id, ...place });
    if (!isPlaced)
      return refusalResponse(context, refuse('not_found', place === undefined ? 'terminalId' : 'place'));
    const code = enrolmentCode(randomBytes(CODE_BYTES));
    const expiresAtMs = context.var.nowMs + CODE_LIFE_MS;
    const codeSealed = keys.seal(new TextEncoder().encode(code), codeContext(id));
    await writeCode(database, { terminalId: id, codeSealed, expiresAtMs }, CODE_TRIES);
    return context.json({ terminalId: id, code, expiresAtMs }, 201);
  });

  app.post(terminalEnrolmentsRoute.getRoutingPath(), async (context) => {
    const body = await readJsonBody(context, EnrolTerminalBody, SMALL_BODY_BYTES_MAX);
    if (!body.ok) return refusalResponse(context, body.refusal);
    const enrolled = await enrol(parts, body.value, context.var.nowMs);
    if ('code' in enrolled) {
      tally.count(enrolled.code, '', context.var.nowMs);
      return refusalResponse(context, enrolled);
    }
    return context.json(enrolled, 201);
  });

  app.post(revocationsRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const body = await readJsonBody(context, TerminalIdBody, SMALL_BODY_BYTES_MAX);
    if (!body.ok) return refusalResponse(context, body.refusal);
    const isKnown = await revokeTerminal(database, body.value.terminalId, context.var.nowMs);
    if (!isKnown) return refusalResponse(context, refuse('not_found', 'terminalId'));
    await parts.refreshTerminals();
    return context.json({ terminalId: body.value.terminalId }, 201);
  });

  app.post(terminalReportsRoute.getRoutingPath(), async (context) => {
    const placement = readTerminal(context, sessions, parts.findPlacement);
    if ('code' in placement) return refusalResponse(context, placement);
    const body = await readJsonBody(context, TerminalReportBody, REPORT_BODY_BYTES_MAX);
    if (!body.ok) return refusalResponse(context, body.refusal);
    const { sentAtMs, asking = null, ...said } = body.value;
    const { nowMs } = context.var;
    const clockSkewMs = sentAtMs - nowMs;
    const { terminalId: id, lineId, stationId } = placement;
    const report = { ...said, terminalId: id, lineId, stationId, receivedAtMs: nowMs, clockSkewMs };
    await reports.take({ ...report, asking });
    return context.json({ nowMs, clockSkewMs }, 201);
  });

  app.get(terminalsRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const terminals = (await listTerminals(database, context.var.nowMs)).map(({ state, ...row }) => ({
      ...row,
      lastSeenAt: state?.lastSeenAt ?? null,
      software: state?.software ?? null,
      lists: state?.lists ?? {},
      staleLists: state?.staleLists ?? [],
      queueDepth: state?.queueDepth ?? null,
      refusedRecords: state?.refusedRecords ?? null,
      oldestUnsentAt: state?.oldestUnsentAt ?? null,
      clockSkewMs: state?.clockSkewMs ?? null,
      asking: shownAsking(state?.asking ?? null),
    }));
    return context.json({ terminals });
  });

  app.get(faultsRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const id = context.req.query('terminalId');
    const code = context.req.query('code');
    if (id !== undefined && !isTerminalId(id))
      return refusalResponse(context, refuse('field_invalid', 'terminalId'));
    if (code !== undefined && !FAULT_CODE.test(code))
      return refusalResponse(context, refuse('field_invalid', 'code'));
    const times: { since?: Date; before?: Date } = {};
    for (const name of ['since', 'before'] as const) {
      const text = context.req.query(name);
      if (text === undefined) continue;
      const atMs = readInstant(text);
      if (atMs === null) return refusalResponse(context, refuse('field_invalid', name));
      times[name] = new Date(atMs);
    }
    const faults = await listFaults(database, {
      ...(id === undefined ? {} : { terminalId: id }),
      ...(code === undefined ? {} : { code }),
      ...times,
    });
    return context.json({ faults });
  });
}

function shownAsking(counts: AskingCounts | null) {
  if (counts === null) return null;
  const { sinceMs, ends, refusedLate } = counts;
  return { since: new Date(sinceMs).toISOString(), ...summaryOfAsking(counts), refusedLate, ends };
}

/** The terminal whose session sends a request. @refuses token_missing, token_invalid, terminal_unknown, terminal_revoked */
export function readTerminal(
  context: GatewayContext,
  sessions: TerminalSessions,
  findPlacement: TerminalRoutesParts['findPlacement'],
): TerminalPlacement | Refusal {
  const session = sessions.of(context);
  if ('code' in session) return session;
  const placement = findPlacement(session.terminalId);
  if (placement === null) return refuse('terminal_unknown');
  const isRevoked = placement.revokedAtMs !== null && context.get('nowMs') >= placement.revokedAtMs;
  return isRevoked ? refuse('terminal_revoked') : placement;
}

/**
 * @refuses enrolment_refused, whatever is wrong: a stranger learns neither which terminals wait for one nor how close he came. A
 *   request that was not made with the code costs one of its tries
 */
async function enrol(
  { database, keys, findPlacement, refreshTerminals }: TerminalRoutesParts,
  body: EnrolTerminalBody,
  nowMs: number,
): Promise<{ readonly statement: string; readonly mac: string } | Refusal> {
  const id = terminalId(body.terminalId);
  const publicKeyXy = Buffer.from(body.publicKey, 'base64');
  const signature = Buffer.from(body.signature, 'base64');
  const claim = { terminalId: id, issuedAtMs: body.issuedAtMs, publicKeyXy };
  const codeSealed = await tryCode(database, id, nowMs);
  if (codeSealed === null) return refuse('enrolment_refused');
  const code = new TextDecoder().decode(keys.open(codeSealed, codeContext(id)));
  const isOfCode = timingSafeEqual(requestMac(code, claim, signature), Buffer.from(body.mac, 'base64'));
  if (!isOfCode) return refuse('enrolment_refused');
  if (!sm2Verify({ publicKeyXy, message: possessionMessage(claim), signatureRs: signature }))
    return refuse('enrolment_refused', 'signature');
  const nextTapSequence = await enrolTerminal(database, {
    code: codeSealed,
    terminalId: id,
    publicKeyXy,
    nowMs,
  });
  if (nextTapSequence === null) return refuse('enrolment_refused');
  await refreshTerminals();
  const placement = findPlacement(id);
  if (placement === null) throw new RangeError('a terminal that was just enrolled is registered');
  const { operatorId, lineId, stationId, tapKind, rail, amountFen, zone, region } = placement;
  const listSigning = keys.listSigningKey();
  const statement = JSON.stringify({
    ...{ terminalId: id, operatorId, lineId, stationId, tapKind, rail, amountFen, zone, region },
    macKey: Buffer.from(sm2Encrypt(publicKeyXy, keys.terminalMacKey(id), 'c1c3c2')).toString('base64'),
    listSigningKey: {
      keyId: listSigning.keyId,
      publicKey: Buffer.from(listSigning.publicKeyXy).toString('base64'),
    },
    ...{ nextTapSequence, nowMs },
  });
  return { statement, mac: Buffer.from(answerMac(code, statement)).toString('base64') };
}

const codeContext = (id: TerminalId): string => `terminal-code|${id}`;
