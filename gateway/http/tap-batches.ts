import type { OpenAPIHono } from '@hono/zod-openapi';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { BATCH_LINE_BYTES_MAX, BATCH_RECORDS_MAX } from '@tapgate/sdk/wire/limits';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import { decodeRecord } from '../ingest/authenticate-record.ts';
import type { TapIntake } from '../intake/tap-intake.ts';
import type { Database } from '../store/connection.ts';
import { refuseUnlessOperator } from './bearer-token.ts';

import { bodyChunks } from './node-exchange.ts';
import { readLines, type BodyLine } from './ndjson-lines.ts';
import { isContentType, parseJson } from './request-body.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import { errorBody } from './refusal-response.ts';
import { tapBatchesRoute } from './route-table.ts';
import type { TapsParts } from './taps.ts';
import { TapBody } from './wire-schemas.ts';

/** Records of one upload that are under way at once: the next line is read when one of them is answered. */
const WINDOW = 256;

/** Uploads at once in this process; beyond, the terminal comes again later. */
const UPLOADS_MAX = 32;

export type TapBatchesParts = TapsParts & { readonly database: Database };

/** POST /v1/tap-batches: the backlog of a terminal, streamed in and answered line by line. */
export function mountTapBatches(
  app: OpenAPIHono<GatewayEnv>,
  { intake, sessions, tally, database }: TapBatchesParts,
): void {
  let uploads = 0;
  app.post(tapBatchesRoute.getRoutingPath(), async (context) => {
    const nowMs = context.get('nowMs');
    const requestId = context.get('requestId');
    const session = sessions.read(context);
    // Somebody of the operator may bring in what a terminal holds that gets no session any more: each record proves itself.
    const isBrought = 'code' in session && (await refuseUnlessOperator(context, database)) === null;
    const refuseWith = (refusal: Refusal, terminalId: string): Response => {
      tally.count(refusal.code, terminalId, nowMs);
      return refusalResponse(context, refusal);
    };
    if ('code' in session && !isBrought) return refuseWith(session, '');
    const sender = 'code' in session ? null : session.terminalId;
    const senderName = sender ?? '';
    if (!isContentType(context, 'application/x-ndjson'))
      return refuseWith(refuse('content_type_unsupported'), senderName);
    if (uploads >= UPLOADS_MAX) return refuseWith(refuse('overloaded'), senderName);

    uploads += 1;
    const upload = new Upload(intake, sender, nowMs);
    const encoder = new TextEncoder();
    const lines = new ReadableStream<Uint8Array>({
      async start(controller) {
        // Answers are handed over as they come and never hold back the reading of the body: a terminal that reads no answer
        // before it has sent everything must not wait for itself. Their size is bounded by BATCH_RECORDS_MAX.
        let line = 0;
        try {
          await upload.run(bodyChunks(context), (answer) => {
            line += 1;
            if ('code' in answer) tally.count(answer.code, senderName, nowMs);
            const item = 'code' in answer ? errorBody(answer, requestId) : answer;
            controller.enqueue(encoder.encode(`${JSON.stringify({ line, ...item })}\n`));
          });
          controller.close();
        } catch (error) {
          // The terminal went away in the middle of its upload: what was accepted is durable, the rest it still has.
          controller.error(error);
        } finally {
          uploads -= 1;
        }
      },
    });
    return context.body(lines, 200, NDJSON);
  });
}

const NDJSON = { 'Content-Type': 'application/x-ndjson' };

type LineAnswer = Refusal | Extract<Awaited<ReturnType<TapIntake['accept']>>, { ok: true }>['answer'];

/** The records of one upload, answered in order. */
class Upload {
  readonly #intake: TapIntake;
  readonly #sender: TerminalId | null;
  readonly #nowMs: number;

  constructor(intake: TapIntake, sender: TerminalId | null, nowMs: number) {
    this.#intake = intake;
    this.#sender = sender;
    this.#nowMs = nowMs;
  }

  /** Calls `emit` with the answer of each line, in order, as soon as it and those before it are there. */
  async run(body: AsyncIterable<Uint8Array>, emit: (answer: LineAnswer) => void): Promise<void> {
    const underWay: Promise<void>[] = [];
    let lines = 0;
    let last = Promise.resolve();
    for await (const line of readLines(body, BATCH_LINE_BYTES_MAX)) {
      lines += 1;
      const isOver = lines > BATCH_RECORDS_MAX;
      const answer = isOver ? Promise.resolve(refuse('body_too_large')) : this.#answer(line);
      last = Promise.all([answer, last]).then(([given]) => {
        emit(given);
      });
      // Awaited below; but it may fail, when the terminal goes away, while the next line is still being waited for.
      last.catch(() => undefined);
      if (isOver) break;
      underWay.push(last);
      if (underWay.length >= WINDOW) await underWay.shift();
    }
    await last;
  }

  async #answer(line: BodyLine): Promise<LineAnswer> {
    if (line === null) return refuse('body_too_large');
    const parsed = parseJson(line, TapBody);
    if (!parsed.ok) return parsed.refusal;
    const decoded = decodeRecord(parsed.value.record);
    if (!decoded.ok) return decoded.refusal;
    const order = { bytes: decoded.bytes, sender: this.#sender, nowMs: this.#nowMs, budgetMs: null };
    const result = await this.#intake.accept(order);
    return result.ok ? result.answer : result.refusal;
  }
}
