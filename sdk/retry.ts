/**
 * Whether, and when, one logical call is sent again. A pure decision: the caller owns clock, randomness and sleep. Every call of
 * this SDK may be repeated, because a tap carries its own identity (terminal, sequence) and a session or a read changes nothing.
 */
export type CallFailure = {
  /** HTTP status of the answer, null when none came or it could not be read */
  readonly status: number | null;
  /** the wait that the gateway asked for (Retry-After), null when it did not */
  readonly retryAfterMs: number | null;
};

export type RetryPolicy = {
  /** attempts in all, the first included */
  readonly attemptsMax: number;
  /** upper bound of the wait after the first failure; it doubles with each further one */
  readonly firstDelayMs: number;
  readonly delayMaxMs: number;
};

export type RetryDecision = { readonly retry: false } | { readonly retry: true; readonly delayMs: number };

/** Ten seconds in all at most: a caller that can wait longer keeps the record and calls again (the forwarder does). */
export const DEFAULT_RETRY_POLICY: RetryPolicy = { attemptsMax: 3, firstDelayMs: 200, delayMaxMs: 5_000 };

const REQUEST_TIMEOUT = 408;
const TOO_EARLY = 425;
const TOO_MANY_REQUESTS = 429;

/**
 * Decides what follows a failed attempt.
 *
 * @param attempt 1 for the first
 * @param jitter  0 <= jitter < 1, uniform; drawn by the caller
 */
export function decideRetry(
  failure: CallFailure,
  attempt: number,
  policy: RetryPolicy,
  jitter: number,
): RetryDecision {
  // The gateway read the request and said no: the same bytes get the same answer.
  if (isFinalStatus(failure.status)) return { retry: false };

  // Patience of this call is over; what is not delivered stays with the caller.
  if (attempt >= policy.attemptsMax) return { retry: false };

  // The gateway knows its own load better than we do, but it may not put us to sleep for longer than the policy allows. It says
  // the same to all whom it sends away: up to as long again, by chance, so that they do not stand at its door together.
  if (failure.retryAfterMs !== null) {
    const asked = Math.min(failure.retryAfterMs, policy.delayMaxMs);
    return { retry: true, delayMs: Math.floor(asked * (1 + jitter)) };
  }

  // Nobody answered, or it broke (5xx): double the bound, and draw from all of it, so that the validators of a whole depot do
  // not come back in step.
  const bound = Math.min(policy.firstDelayMs * 2 ** (attempt - 1), policy.delayMaxMs);
  return { retry: true, delayMs: Math.floor(bound * jitter) };
}

/** A 4xx is final, save those that speak of the moment and not of the request. */
export function isFinalStatus(status: number | null): boolean {
  if (status === null || status < 400 || status >= 500) return false;
  return status !== REQUEST_TIMEOUT && status !== TOO_EARLY && status !== TOO_MANY_REQUESTS;
}
