import { TapGateError } from './error.ts';
import type { ListEnvelope } from './lists/list-envelope.ts';
import { isListKind, type ListKind } from './lists/list-kinds.ts';
import type { SigningKeyLink } from './lists/signing-key-link.ts';
import { decideRetry, DEFAULT_RETRY_POLICY, type RetryPolicy } from './retry.ts';
import type { TapSequence, TerminalId } from './wire/identifiers.ts';
import { BATCH_RECORDS_MAX } from './wire/limits.ts';
import { readTapJudgement, type TapJudgement } from './wire/judgement.ts';
import { isRefusalCode, type RefusalCode } from './wire/refusals.ts';
import { TAP_OUTCOMES, type TapAnswer } from './wire/verdict.ts';

/** How a terminal proves itself: its id, and a signature r||s (64 bytes) of its SM2 key over ASCII with the PBOC user id. */
export type TerminalCredentials = {
  readonly terminalId: TerminalId;
  readonly sign: (message: Uint8Array) => Uint8Array;
};

export type TapGateClientSettings = {
  /** e.g. http://127.0.0.1:8080, without a path */
  readonly baseUrl: string;
  /** a bearer token (an operator's), or the credentials with which a terminal gets one of its own */
  readonly authentication: { readonly token: string } | TerminalCredentials;
  /** one attempt, ms */
  readonly timeoutMs?: number;
  readonly retryPolicy?: RetryPolicy;
  /** further headers of every request, asked anew for each */
  readonly headers?: () => Readonly<Record<string, string>>;
  readonly fetch?: typeof fetch;
  readonly clock?: () => number;
  /** 0 <= x < 1 */
  readonly random?: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
};

export type TerminalSession = { readonly token: string; readonly expiresAtMs: number };

const DEFAULT_TIMEOUT_MS = 5_000;
/** A token is renewed this long before it expires, so that it does not expire on its way. */
const RENEWAL_MARGIN_MS = 30_000;
const NONCE_BYTES = 16;

/**
 * The typed client of a gateway. Every call may be repeated safely and is, under the retry policy; what fails in the end is
 * a TapGateError with a stable code. Holds one terminal session and renews it before it expires or when it is refused.
 */
export class TapGateClient {
  readonly #baseUrl: string;
  readonly #authentication: TapGateClientSettings['authentication'];
  readonly #timeoutMs: number;
  readonly #retryPolicy: RetryPolicy;
  readonly #headers: () => Readonly<Record<string, string>>;
  readonly #fetch: typeof fetch;
  readonly #clock: () => number;
  readonly #random: () => number;
  readonly #sleep: (ms: number) => Promise<void>;
  #session: Promise<TerminalSession> | null = null;

  constructor(settings: TapGateClientSettings) {
    this.#baseUrl = settings.baseUrl.replace(/\/+$/, '');
    this.#authentication = settings.authentication;
    this.#timeoutMs = settings.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#retryPolicy = settings.retryPolicy ?? DEFAULT_RETRY_POLICY;
    this.#headers = settings.headers ?? (() => ({}));
    this.#fetch = settings.fetch ?? fetch;
    this.#clock = settings.clock ?? Date.now;
    this.#random = settings.random ?? Math.random;
    this.#sleep = settings.sleep ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  }

  /**
   * Proves the terminal and gets a short-lived token: SM2 over `tapgate-terminal-session|<terminalId>|<issuedAtMs>|<nonce>`.
   * Called by the first request by itself.
   *
   * @throws TapGateError terminal_unknown, terminal_revoked, token_invalid, or a transport code
   */
  async openTerminalSession(): Promise<TerminalSession> {
    const credentials = this.#authentication;
    if ('token' in credentials) throw new RangeError('this client was given a token, not a terminal');
    const issuedAtMs = this.#clock();
    const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(NONCE_BYTES))).toString('hex');
    const message = `tapgate-terminal-session|${credentials.terminalId}|${issuedAtMs}|${nonce}`;
    const signature = Buffer.from(credentials.sign(Buffer.from(message, 'ascii'))).toString('base64');
    const body = { terminalId: credentials.terminalId, issuedAtMs, nonce, signature };
    const answer = await this.#repeat(() =>
      this.#send({
        method: 'POST',
        path: '/v1/terminal-sessions',
        body: JSON.stringify(body),
        type: 'application/json',
        token: null,
      }),
    ).catch((error: unknown) => {
      if (!(error instanceof TapGateError)) throw error;
      throw new TapGateError({ ...factsOf(error), isOfSession: true }, { cause: error });
    });
    const session = parseJson(answer.text);
    if (!isTerminalSession(session)) throw new TapGateError({ code: 'answer_not_understood', status: 200 });
    return session;
  }

  /**
   * Sends one tap record and gets its verdict. The record's own identity (terminal, sequence) makes a repetition harmless: the
   * gateway answers it with the first answer.
   *
   * @throws TapGateError with the gateway's refusal, or a transport code
   */
  async sendTap(record: Uint8Array): Promise<TapAnswer> {
    const answer = await this.#request('POST', '/v1/taps', {
      record: Buffer.from(record).toString('base64'),
    });
    if (!isTapAnswer(answer)) throw new TapGateError({ code: 'answer_not_understood', status: 200 });
    return answer;
  }

  /**
   * Asks what the gateway would say of an act, before the gate decides. Asked once: an answer that is not there in time is of no use.
   *
   * @param draft   sdk/tap-record/tap-draft.ts
   * @param within  how long an answer is of use, ms, for the gateway to know; the signal ends the asking itself
   * @throws TapGateError with the gateway's refusal, or a transport code
   */
  async judgeTap(
    draft: Uint8Array,
    within: { readonly budgetMs: number; readonly signal: AbortSignal },
  ): Promise<TapJudgement> {
    const token = await this.#token();
    try {
      const answer = await this.#send({
        ...{ method: 'POST', path: '/v1/tap-judgements', type: 'application/json', token, within },
        body: JSON.stringify({ draft: Buffer.from(draft).toString('base64') }),
      });
      const judgement = readTapJudgement(parseJson(answer.text));
      if (judgement === null) throw new TapGateError({ code: 'answer_not_understood', status: 200 });
      return judgement;
    } catch (error) {
      if (this.#isStaleSession(error)) this.#session = null;
      throw error;
    }
  }

  /**
   * Sends a backlog in one request, up to BATCH_RECORDS_MAX records, and gets an answer for each in their order: its verdict, or
   * the refusal of that record alone. Fewer answers than records mean that the connection broke in between; what has no answer
   * is not known to be accepted.
   *
   * @throws TapGateError when the upload as a whole was refused or nothing was heard; RangeError for too many records
   */
  async sendTaps(records: readonly Uint8Array[]): Promise<readonly (TapAnswer | TapGateError)[]> {
    if (records.length > BATCH_RECORDS_MAX) throw new RangeError('more records than one upload takes');
    const lines = records.map((record) => JSON.stringify({ record: Buffer.from(record).toString('base64') }));
    const answers = await this.#authenticated((token) =>
      this.#send({ method: 'POST', path: '/v1/tap-batches', body: lines.join('\n'), type: NDJSON, token }),
    );
    return readAnswerLines(answers.text).slice(0, records.length);
  }

  /**
   * What the gateway knows of one tap: verdict, journey and fare, as far as it has come. For an operator's token.
   *
   * @throws TapGateError not_found, token_invalid, or a transport code
   */
  async getTap(terminalId: TerminalId, tapSequence: TapSequence): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#request('GET', `/v1/taps/${terminalId}/${tapSequence}`, null);
    if (!isObject(answer)) throw new TapGateError({ code: 'answer_not_understood', status: 200 });
    return answer;
  }

  /**
   * What this terminal has to fetch.
   *
   * @param held `<kind>:<version>` or `<kind>:<version>:<list key id>` with commas between; '' for nothing
   * @param keyId of the list key that the terminal has; null for none
   * @param signer id of the key under which it takes lists; null for an answer without the way to a newer one
   * @throws TapGateError
   */
  async getListPlan(held: string, keyId: string | null, signer: string | null = null): Promise<ListPlan> {
    const query = new URLSearchParams({
      held,
      ...(keyId === null ? {} : { key: keyId }),
      ...(signer === null ? {} : { signer }),
    });
    const answer = await this.#request('GET', `/v1/lists?${query.toString()}`, null);
    const plan = readListPlan(answer);
    if (plan === null) throw new TapGateError({ code: 'answer_not_understood', status: 200 });
    return plan;
  }

  /**
   * The body of a list from one of its bytes on, as it comes. Not repeated: who has some of it asks again for the rest.
   *
   * @param timeoutMs for the whole of it
   * @throws TapGateError while it is read, too
   */
  async *fetchListBody(
    list: { readonly kind: string; readonly version: number; readonly form: string },
    fromByte: number,
    timeoutMs: number,
  ): AsyncGenerator<Uint8Array> {
    const token = await this.#token();
    try {
      const response = await this.#fetch(
        `${this.#baseUrl}/v1/lists/${list.kind}/${list.version}/${list.form}`,
        {
          headers: {
            authorization: `Bearer ${token}`,
            ...(fromByte === 0 ? {} : { range: `bytes=${fromByte}-` }),
            ...this.#headers(),
          },
          signal: AbortSignal.timeout(timeoutMs),
        },
      );
      if (!response.ok || response.body === null) throw refusalOf(await answerOf(response));
      const isRest = response.status === 206;
      if (fromByte > 0 && !isRest) throw new TapGateError({ code: 'answer_not_understood', status: 200 });
      for await (const part of response.body) yield part as Uint8Array;
    } catch (cause) {
      if (cause instanceof TapGateError) throw cause;
      throw new TapGateError({ code: 'gateway_unreachable' }, { cause });
    }
  }

  /** Tells the gateway how this terminal is. @returns the gateway's clock, ms since the Unix epoch @throws TapGateError */
  async sendTerminalReport(report: object): Promise<{ readonly nowMs: number }> {
    const answer = await this.#request('POST', '/v1/terminal-reports', report);
    const nowMs = isObject(answer) ? answer['nowMs'] : null;
    if (typeof nowMs !== 'number') throw new TapGateError({ code: 'answer_not_understood', status: 200 });
    return { nowMs };
  }

  async #request(method: 'GET' | 'POST', path: string, body: object | null): Promise<unknown> {
    const text = body === null ? null : JSON.stringify(body);
    const answer = await this.#authenticated((token) =>
      this.#send({ method, path, body: text, type: 'application/json', token }),
    );
    return parseJson(answer.text);
  }

  async #authenticated(call: (token: string) => Promise<Answer>): Promise<Answer> {
    const attempt = () => this.#repeat(async () => call(await this.#token()));
    try {
      return await attempt();
    } catch (error) {
      if (!this.#isStaleSession(error)) throw error;
      this.#session = null;
      return attempt();
    }
  }

  /** A gateway that was given a new token key refuses a token that has not expired; a terminal simply proves itself again. */
  #isStaleSession(error: unknown): boolean {
    return (
      !('token' in this.#authentication) && error instanceof TapGateError && error.code === 'token_invalid'
    );
  }

  async #token(): Promise<string> {
    if ('token' in this.#authentication) return this.#authentication.token;
    const held = await this.#session;
    if (held !== null && held.expiresAtMs - RENEWAL_MARGIN_MS > this.#clock()) return held.token;
    const session = this.openTerminalSession();
    this.#session = session;
    try {
      return (await session).token;
    } catch (error) {
      if (this.#session === session) this.#session = null;
      throw error;
    }
  }

  async #repeat(call: () => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof TapGateError)) throw error;
        const decision = decideRetry(error, attempt, this.#retryPolicy, this.#random());
        if (!decision.retry) throw error;
        await this.#sleep(decision.delayMs);
      }
    }
  }

  /** @returns the answer of a 2xx @throws TapGateError for any other, and for none */
  async #send(order: RequestOrder): Promise<Answer> {
    const { method, path, body, type, token, within } = order;
    const answer = await this.#exchange(`${this.#baseUrl}${path}`, {
      method,
      headers: {
        accept: type,
        ...(body === null ? {} : { 'content-type': type }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(within === undefined ? {} : { 'tap-budget-ms': String(within.budgetMs) }),
        ...this.#headers(),
      },
      body,
      signal: within?.signal ?? AbortSignal.timeout(this.#timeoutMs),
    });
    if (answer.ok) return answer;
    throw refusalOf(answer);
  }

  async #exchange(url: string, init: RequestInit): Promise<Answer> {
    try {
      return await answerOf(await this.#fetch(url, init));
    } catch (cause) {
      const timedOut = cause instanceof DOMException && cause.name === 'TimeoutError';
      throw new TapGateError({ code: timedOut ? 'answer_timed_out' : 'gateway_unreachable' }, { cause });
    }
  }
}

function factsOf({ code, status, field, requestId, retryAfterMs }: TapGateError) {
  return { code, status, field, requestId, retryAfterMs };
}

const NDJSON = 'application/x-ndjson';

type RequestOrder = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string | null;
  /** media type of both bodies */
  readonly type: 'application/json' | typeof NDJSON;
  readonly token: string | null;
  /** where late is as good as never, ms */
  readonly within?: { readonly budgetMs: number; readonly signal: AbortSignal };
};

type Answer = {
  readonly ok: boolean;
  readonly status: number;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  readonly text: string;
};

async function answerOf(response: Response): Promise<Answer> {
  return {
    ok: response.ok,
    status: response.status,
    requestId: response.headers.get('request-id'),
    retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
    text: await response.text(),
  };
}

/** What a gateway would have a terminal fetch, in order; each envelope is judged by the terminal itself. */
export type ListPlan = {
  /** the gateway's clock, ms since the Unix epoch */
  readonly nowMs: number;
  readonly lists: readonly { readonly kind: ListKind; readonly steps: readonly ListStep[] }[];
  /** from the key that was named to the one of now, each judged by the terminal itself */
  readonly signingKeys: readonly SigningKeyLink[];
  /** SM2 C1C3C2 for this terminal; null where it said that it has the key */
  readonly listKey: { readonly id: string; readonly sealed: Uint8Array } | null;
};

export type ListStep = {
  readonly version: number;
  readonly form: 'whole' | 'delta';
  readonly envelope: ListEnvelope;
};

function readListPlan(value: unknown): ListPlan | null {
  if (!isObject(value) || typeof value['nowMs'] !== 'number' || !Array.isArray(value['lists'])) return null;
  const lists: { kind: ListKind; steps: ListStep[] }[] = [];
  for (const list of value['lists'] as unknown[]) {
    if (!isObject(list) || typeof list['kind'] !== 'string' || !Array.isArray(list['steps'])) return null;
    // A kind of a newer gateway is none of this terminal's business.
    if (!isListKind(list['kind'])) continue;
    const steps = (list['steps'] as unknown[]).map(readListStep);
    if (!steps.every((step) => step !== null)) return null;
    lists.push({ kind: list['kind'], steps });
  }
  const { listKey, nowMs } = value;
  // A gateway of before this had one key for ever.
  const signingKeys = ((value['signingKeys'] ?? []) as unknown[]).map(readKeyLink);
  if (!signingKeys.every((link) => link !== null)) return null;
  if (listKey === null) return { nowMs, lists, signingKeys, listKey };
  if (!isObject(listKey) || typeof listKey['id'] !== 'string' || typeof listKey['sealed'] !== 'string')
    return null;
  const sealed = Buffer.from(listKey['sealed'], 'base64');
  return { nowMs, lists, signingKeys, listKey: { id: listKey['id'], sealed } };
}

function readKeyLink(value: unknown): SigningKeyLink | null {
  if (!isObject(value)) return null;
  const { statement, signature } = value;
  return typeof statement === 'string' && typeof signature === 'string' ? { statement, signature } : null;
}

function readListStep(value: unknown): ListStep | null {
  if (!isObject(value) || !isObject(value['envelope'])) return null;
  const { version, form, envelope } = value;
  const { statement, keyId, signature } = envelope;
  if (typeof version !== 'number' || (form !== 'whole' && form !== 'delta')) return null;
  if (typeof statement !== 'string' || typeof keyId !== 'string' || typeof signature !== 'string')
    return null;
  return { version, form, envelope: { statement, keyId, signature } };
}

/** The gateway's error body is `{ error: { code, field?, message, requestId } }`; anything else is not a gateway's. */
function refusalOf(answer: Answer): TapGateError {
  const { status, retryAfterMs, requestId } = answer;
  const refusal = readRefusal(parseJson(answer.text));
  if (refusal === null)
    return new TapGateError({ code: 'answer_not_understood', status, retryAfterMs, requestId });
  return new TapGateError({ ...refusal, status, retryAfterMs, requestId: refusal.requestId ?? requestId });
}

type ReadRefusal = {
  readonly code: RefusalCode;
  readonly field: string | null;
  readonly requestId: string | null;
};

function readRefusal(body: unknown): ReadRefusal | null {
  const error = isObject(body) ? body['error'] : undefined;
  if (!isObject(error) || typeof error['code'] !== 'string' || !isRefusalCode(error['code'])) return null;
  return {
    code: error['code'],
    field: textOrNull(error['field']),
    requestId: textOrNull(error['requestId']),
  };
}

/** One answer a line, in order; from the first that cannot be read on, nothing is known. */
function readAnswerLines(text: string): readonly (TapAnswer | TapGateError)[] {
  const answers: (TapAnswer | TapGateError)[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const body = parseJson(line);
    const refusal = readRefusal(body);
    if (refusal !== null) answers.push(new TapGateError(refusal));
    else if (isTapAnswer(body)) answers.push(body);
    else return answers;
  }
  return answers;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds, as RFC 9110 10.2.3 gives them; its date form is not used by a gateway. */
function retryAfterMs(header: string | null): number | null {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function isTerminalSession(value: unknown): value is TerminalSession {
  return isObject(value) && typeof value['token'] === 'string' && typeof value['expiresAtMs'] === 'number';
}

function isTapAnswer(value: unknown): value is TapAnswer {
  return (
    isObject(value) &&
    typeof value['terminalId'] === 'string' &&
    typeof value['tapSequence'] === 'number' &&
    TAP_OUTCOMES.some((outcome) => outcome === value['outcome']) &&
    (value['cause'] === null || typeof value['cause'] === 'string') &&
    typeof value['duplicate'] === 'boolean'
  );
}
