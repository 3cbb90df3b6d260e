import { isRefusalCode, type RefusalCode } from './wire/refusals.ts';

/**
 * Codes of what goes wrong between a client and the gateway, beside the gateway's own refusals: nothing answered at all, it
 * answered too late, or what answered is not a gateway.
 */
export type TransportCode = 'gateway_unreachable' | 'answer_timed_out' | 'answer_not_understood';
export type TapGateErrorCode = RefusalCode | TransportCode;

/**
 * The one error of this client. `code` is stable and is what a program compares; the message is for people and holds no value
 * that was sent.
 */
export class TapGateError extends Error {
  override readonly name = 'TapGateError';
  readonly code: TapGateErrorCode;
  /** HTTP status, null when there was no answer */
  readonly status: number | null;
  /** path of the field that was refused, as the gateway names it */
  readonly field: string | null;
  /** what the gateway's log calls this request */
  readonly requestId: string | null;
  /** how long the gateway asks to wait before the next attempt */
  readonly retryAfterMs: number | null;
  /** whether the terminal itself was not let in: nothing is said of what it wanted to send */
  readonly isOfSession: boolean;

  constructor(
    facts: {
      code: TapGateErrorCode;
      status?: number | null;
      field?: string | null;
      requestId?: string | null;
      retryAfterMs?: number | null;
      isOfSession?: boolean;
    },
    options?: ErrorOptions,
  ) {
    const field = facts.field ?? null;
    super(`tapgate: ${facts.code}${field === null ? '' : ` at ${field}`}`, options);
    this.code = facts.code;
    this.status = facts.status ?? null;
    this.field = field;
    this.requestId = facts.requestId ?? null;
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.isOfSession = facts.isOfSession ?? false;
  }

  /** Whether the gateway itself said no, as opposed to never having been heard. */
  isRefusal(): boolean {
    return isRefusalCode(this.code);
  }
}
