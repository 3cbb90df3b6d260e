import { TapGateError } from './error.ts';
import { decideRetry, DEFAULT_RETRY_POLICY, type RetryPolicy } from './retry.ts';
import type { TapSequence, TerminalId } from './wire/identifiers.ts';
import { isRefusalCode } from './wire/refusals.ts';
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
    const answer = await this.#repeat(() => this.#send('POST', '/v1/terminal-sessions', body, null));
    if (!isTerminalSession(answer)) throw new TapGateError({ code: 'answer_not_understood', status: 200 });
    return answer;
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
   * What the gateway knows of one tap: verdict, journey and fare, as far as it has come. For an operator's token.
   *
   * @throws TapGateError not_found, token_invalid, or a transport code
   */
  async getTap(terminalId: TerminalId, tapSequence: TapSequence): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#request('GET', `/v1/taps/${terminalId}/${tapSequence}`, null);
    if (!isObject(answer)) throw new TapGateError({ code: 'answer_not_understood', status: 200 });
    return answer;
  }

  async #request(method: 'GET' | 'POST', path: string, body: object | null): Promise<unknown> {
    try {
      return await this.#repeat(async () => this.#send(method, path, body, await this.#token()));
    } catch (error) {
      if (!this.#isStaleSession(error)) throw error;
      this.#session = null;
      return this.#repeat(async () => this.#send(method, path, body, await this.#token()));
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

  async #repeat(call: () => Promise<unknown>): Promise<unknown> {
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

  async #send(
    method: 'GET' | 'POST',
    path: string,
    body: object | null,
    token: string | null,
  ): Promise<unknown> {
    const response = await this.#exchange(`${this.#baseUrl}${path}`, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === null ? {} : { 'content-type': 'application/json' }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...this.#headers(),
      },
      body: body === null ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
    if (response.ok) return response.json;
    throw refusalOf(response);
  }

  async #exchange(url: string, init: RequestInit): Promise<Answer> {
    try {
      const response = await this.#fetch(url, init);
      const text = await response.text();
      return {
        ok: response.ok,
        status: response.status,
        requestId: response.headers.get('x-request-id'),
        retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
        json: parseJson(text),
      };
    } catch (cause) {
      const timedOut = cause instanceof DOMException && cause.name === 'TimeoutError';
      throw new TapGateError({ code: timedOut ? 'answer_timed_out' : 'gateway_unreachable' }, { cause });
    }
  }
}

type Answer = {
  readonly ok: boolean;
  readonly status: number;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  /** undefined when the body is not JSON */
  readonly json: unknown;
};

/** The gateway's error body is `{ error: { code, field?, message, requestId } }`; anything else is not a gateway's. */
function refusalOf(answer: Answer): TapGateError {
  const { status, retryAfterMs } = answer;
  const error = isObject(answer.json) ? answer.json['error'] : undefined;
  if (!isObject(error) || typeof error['code'] !== 'string' || !isRefusalCode(error['code']))
    return new TapGateError({
      code: 'answer_not_understood',
      status,
      retryAfterMs,
      requestId: answer.requestId,
    });
  return new TapGateError({
    code: error['code'],
    status,
    retryAfterMs,
    field: textOrNull(error['field']),
    requestId: textOrNull(error['requestId']) ?? answer.requestId,
  });
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
