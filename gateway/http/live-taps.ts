import type { IncomingMessage, ServerResponse } from 'node:http';
import { TAP_BODY_BYTES_MAX } from '@tapgate/sdk/wire/limits';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { TapOrder, TapResult } from '../intake/tap-group.ts';
import type { TapIntake } from '../intake/tap-intake.ts';
import type { TerminalSessions } from './bearer-token.ts';
import { writeJson, writeRefusal } from './node-exchange.ts';
import type { RefusalTally } from './refusal-tally.ts';
import { isMediaType } from './request-body.ts';
import { readRequestTime, requestIdFor, type RequestClock } from './request-context.ts';
import { tapsRoute } from './route-table.ts';
import { readTapBody } from './tap-body.ts';
import { readTapBudget } from './tap-budget.ts';

export type LiveTapsParts = RequestClock & {
  readonly intake: Pick<TapIntake, 'accept'>;
  readonly sessions: Pick<TerminalSessions, 'read'>;
  readonly tally: Pick<RefusalTally, 'count'>;
  readonly onFault: (fault: unknown) => void;
};

/** All of a tap but its record, as the head of its request says it. */
type TapHead = Omit<TapOrder, 'bytes'> & {
  readonly sender: NonNullable<TapOrder['sender']>;
  readonly requestId: string;
};

/**
 * `POST /v1/taps` in the form in which terminals send it, answered on node's own HTTP: the way through router, middleware and fetch's
 * objects is a sixth of all that a live tap costs the thread that answers (bench/README.md). Whatever is not of that form, and every
 * refusal that the head of a request is enough for, is the app's, so that each is decided in one place.
 */
export class LiveTaps {
  readonly #parts: LiveTapsParts;

  constructor(parts: LiveTapsParts) {
    this.#parts = parts;
  }

  /** @returns false where the app is to answer; nothing was read or counted then */
  take(incoming: IncomingMessage, outgoing: ServerResponse): boolean {
    const head = this.#readHead(incoming);
    if (head === null) return false;
    let first: Buffer | null = null;
    let rest: Buffer[] | null = null;
    // Listeners without names of their own, as in collectIncoming (node-exchange.ts). Whoever goes away before the end is not answered.
    incoming
      .on('data', (chunk: Buffer) => {
        if (first === null) first = chunk;
        else (rest ??= [first]).push(chunk);
      })
      .on('end', () => {
        void this.#answer(head, rest === null ? (first ?? NOTHING) : Buffer.concat(rest), outgoing);
      })
      .on('error', () => undefined);
    return true;
  }

  /** Null for what the app is to see: a length that is not stated or too much, and all that is refused by its head. */
  #readHead({ method, url, headers }: IncomingMessage): TapHead | null {
    if (url !== PATH || method !== 'POST') return null;
    const length = headers['content-length'];
    if (length === undefined || Number(length) > TAP_BODY_BYTES_MAX) return null;
    if (!isMediaType(headers['content-type'], 'application/json')) return null;
    const nowMs = readRequestTime(this.#parts, headers['demo-time']);
    if (nowMs === null) return null;
    const session = this.#parts.sessions.read(headers.authorization, nowMs);
    if ('code' in session) return null;
    const budgetMs = readTapBudget(headers['tap-budget-ms']);
    if (budgetMs === undefined) return null;
    const requestId = requestIdFor(headers['request-id']);
    return { sender: session.terminalId, nowMs, budgetMs, lane: 'first', requestId };
  }

  async #answer(head: TapHead, body: Buffer, outgoing: ServerResponse): Promise<void> {
    const result = await this.#accept(head, body);
    if (result.ok) {
      writeJson(outgoing, result.answer, head.requestId);
      return;
    }
    this.#parts.tally.count(result.refusal.code, head.sender, head.nowMs);
    writeRefusal(outgoing, result.refusal, head.requestId);
  }

  async #accept({ sender, nowMs, budgetMs, lane }: TapHead, body: Buffer): Promise<TapResult> {
    // Nobody behind this catches what is thrown: a fault is answered here, as the app answers it.
    try {
      const decoded = readTapBody(body);
      if (!decoded.ok) return { ok: false, refusal: decoded.refusal, terminalId: sender };
      return await this.#parts.intake.accept({ bytes: decoded.bytes, sender, nowMs, budgetMs, lane });
    } catch (fault) {
      this.#parts.onFault(fault);
      return { ok: false, refusal: refuse('gateway_unavailable'), terminalId: sender };
    }
  }
}

const PATH = tapsRoute.getRoutingPath();
const NOTHING = Buffer.alloc(0);
