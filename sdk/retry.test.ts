import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decideRetry, DEFAULT_RETRY_POLICY, isFinalStatus, type RetryPolicy } from './retry.ts';

const POLICY: RetryPolicy = { attemptsMax: 5, firstDelayMs: 100, delayMaxMs: 1_000 };
const silence = { status: null, retryAfterMs: null };

describe('what follows a failed attempt', () => {
  // status, Retry-After ms, attempt, jitter, expected
  const cases = [
    [400, null, 1, 0.5, { retry: false }],
    [401, null, 1, 0.5, { retry: false }],
    [409, null, 1, 0.5, { retry: false }],
    [422, 100, 1, 0.5, { retry: false }],
    [408, null, 1, 0.5, { retry: true, delayMs: 50 }],
    [425, null, 1, 0.5, { retry: true, delayMs: 50 }],
    [429, 700, 1, 0, { retry: true, delayMs: 700 }],
    [503, 300, 1, 0.5, { retry: true, delayMs: 450 }],
    [503, 60_000, 1, 0.5, { retry: true, delayMs: 1_500 }],
    [500, null, 2, 0.5, { retry: true, delayMs: 100 }],
    [null, null, 3, 0.999, { retry: true, delayMs: 399 }],
    [null, null, 4, 0, { retry: true, delayMs: 0 }],
    [null, null, 5, 0.5, { retry: false }],
    [503, 300, 5, 0.5, { retry: false }],
  ] as const;
  for (const [status, retryAfterMs, attempt, jitter, expected] of cases) {
    test(`status ${String(status)}, Retry-After ${String(retryAfterMs)}, attempt ${attempt}`, () => {
      assert.deepEqual(decideRetry({ status, retryAfterMs }, attempt, POLICY, jitter), expected);
    });
  }

  test('the wait never passes the bound of the policy, whatever the attempt', () => {
    for (let attempt = 1; attempt < 200; attempt++) {
      const decision = decideRetry(silence, attempt, { ...POLICY, attemptsMax: 1_000 }, 0.999_999);
      assert.ok(decision.retry && decision.delayMs < POLICY.delayMaxMs);
    }
  });

  test('the default policy gives up within ten seconds', () => {
    const waits = [1, 2].map((attempt) => decideRetry(silence, attempt, DEFAULT_RETRY_POLICY, 0.999_999));
    const total = waits.reduce((sum, decision) => sum + (decision.retry ? decision.delayMs : 0), 0);
    assert.ok(total <= 10_000);
    assert.deepEqual(decideRetry(silence, 3, DEFAULT_RETRY_POLICY, 0.5), { retry: false });
  });

  test('only 4xx are final, and of these not the three that speak of the moment', () => {
    const final = Array.from({ length: 600 }, (_, status) => status).filter(isFinalStatus);
    assert.equal(final.length, 97);
    assert.ok(!final.includes(408) && !final.includes(425) && !final.includes(429));
  });
});
