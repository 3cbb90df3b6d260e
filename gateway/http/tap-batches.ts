import type { OpenAPIHono } from '@hono/zod-openapi';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { BATCH_LINE_BYTES_MAX, BATCH_RECORDS_MAX } from '@tapgate/sdk/wire/limits';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { TapAnswer } from '@tapgate/sdk/wire/verdict';
import type { BacklogOrder } from '../intake/tap-group.ts';
import type { TapIntake } from '../intake/tap-intake.ts';
import type { Database } from '../store/connection.ts';
import { refuseUnlessOperator } from './bearer-token.ts';
import { bodyChunks } from './node-exchange.ts';
import { readLineGroups, type BodyLine } from './ndjson-lines.ts';
import { isContentType } from './request-body.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import { errorBody } from './refusal-response.ts';
import { tapBatchesRoute } from './route-table.ts';
import { readTapBody } from './tap-body.ts';
import type { TapsParts } from './taps.ts';

/** Records of one upload that go through the gateway together at most: those that one chunk of its body has brought. */
const GROUP_MAX = 128;

/** So many groups of one upload are under way at once: while one is being made durable, the next is read. */
const GROUPS_AHEAD = 2;

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
    const session = sessions.of(context);
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
          await upload.run(bodyChunks(context), (answers) => {
            let text = '';
            for (const answer of answers) {
              line += 1;
              if ('code' in answer) {
                tally.count(answer.code, senderName, nowMs);
                text += `${JSON.stringify({ line, ...errorBody(answer, requestId) })}\n`;
              } else text += `${JSON.stringify({ line, ...answer })}\n`;
            }
            controller.enqueue(encoder.encode(text));
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

type LineAnswer = Refusal | TapAnswer;

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

  /** Calls `emit` with the answers to lines, in order, as soon as they and those before them are there. */
  async run(body: AsyncIterable<Uint8Array>, emit: (answers: readonly LineAnswer[]) => void): Promise<void> {
    const underWay: Promise<void>[] = [];
    let lines = 0;
    let last = Promise.resolve();
    for await (const group of readLineGroups(body, LINE_GROUPS)) {
      const room = BATCH_RECORDS_MAX - lines;
      lines += group.length;
      const answers = this.#answer(group.slice(0, room));
      const isOver = lines > BATCH_RECORDS_MAX;
      last = Promise.all([answers, last]).then(([given]) => {
        emit(isOver ? [...given, refuse('body_too_large')] : given);
      });
      // Awaited below; but it may fail, when the terminal goes away, while the next group is still being waited for.
      last.catch(() => undefined);
      if (isOver) break;
      underWay.push(last);
      if (underWay.length >= GROUPS_AHEAD) await underWay.shift();
    }
    await last;
  }

  /** An answer for each line: its own refusal where it has no record in it, what the gateway says of its record otherwise. */
  async #answer(group: BodyLine[]): Promise<LineAnswer[]> {
    const refusals: (Refusal | null)[] = [];
    // The lines go when they are decoded: the chunk that they were cut from is fifty times a record.
    const results = await this.#intake.acceptBacklog(() => this.#decode(group.splice(0), refusals));
    let next = 0;
    return refusals.map((refusal) => {
      if (refusal !== null) return refusal;
      const result = results[next];
      next += 1;
      if (result === undefined) throw new RangeError('every record has a result');
      return result.ok ? result.answer : result.refusal;
    });
  }

  /** @param refusals gets one for each line, null where there is a record */
  #decode(lines: readonly BodyLine[], refusals: (Refusal | null)[]): BacklogOrder[] {
    const orders: BacklogOrder[] = [];
    for (const line of lines) {
      const decoded = line === null ? LINE_TOO_LONG : readTapBody(line);
      refusals.push(decoded.ok ? null : decoded.refusal);
      if (decoded.ok) orders.push({ bytes: decoded.bytes, sender: this.#sender, nowMs: this.#nowMs });
    }
    return orders;
  }
}

const LINE_GROUPS = { lineBytesMax: BATCH_LINE_BYTES_MAX, groupMax: GROUP_MAX };
const LINE_TOO_LONG = { ok: false, refusal: refuse('body_too_large') } as const;
