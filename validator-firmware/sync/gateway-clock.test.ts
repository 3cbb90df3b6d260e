import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GatewayClock } from './gateway-clock.ts';

const NOON = Date.parse('2026-11-22T12:00:00Z');

/** A device's clock, and a gateway that says its own in every answer; null: an answer without a date. */
function devices(aheadMs = 0) {
  const time = { deviceMs: NOON, said: null as string | null };
  const clock = new GatewayClock(() => time.deviceMs, aheadMs);
  const ask = clock.hearing(() =>
    Promise.resolve(new Response('body', { headers: time.said === null ? {} : { date: time.said } })),
  );
  const hear = async (gatewayMs: number) => {
    time.said = new Date(gatewayMs).toUTCString();
    return ask('http://gateway/');
  };
  return { time, clock, ask, hear };
}

describe("the gateway's clock on a device", () => {
  test('before anything was heard it is as far off as it was at enrolment', () => {
    assert.equal(devices(90_000).clock.nowMs(), NOON + 90_000);
  });

  test('an answer that is minutes off is followed, to the middle of its second', async () => {
    for (const aheadMs of [-600_000, 600_000]) {
      const { clock, hear, time } = devices();
      await hear(NOON + aheadMs);
      assert.equal(clock.nowMs(), NOON + aheadMs + 500);
      time.deviceMs += 10_000;
      assert.equal(clock.nowMs(), NOON + aheadMs + 10_500);
    }
  });

  test('what the way of an answer may take is no distance; more than that is', async () => {
    for (const [aheadMs, is] of [
      [2_000, 0],
      [-3_000, 0],
      [3_000, 3_500],
      [-4_000, -3_500],
    ] as const) {
      const { clock, hear } = devices();
      await hear(NOON + aheadMs);
      assert.equal(clock.nowMs() - NOON, is, `${aheadMs} ms`);
    }
  });

  test('a device whose clock was set by hand finds the gateway again', async () => {
    const { clock, hear, time } = devices();
    await hear(NOON);
    time.deviceMs -= 86_400_000;
    assert.equal(clock.nowMs(), NOON - 86_400_000);
    await hear(NOON + 5_000);
    assert.equal(clock.nowMs(), NOON + 5_500);
  });

  test('an answer without a date, or with another thing in its place, changes nothing and is passed on', async () => {
    const { clock, ask, time } = devices(7_000);
    for (const said of [null, 'yesterday']) {
      time.said = said;
      assert.equal(await (await ask('http://gateway/')).text(), 'body');
      assert.equal(clock.nowMs(), NOON + 7_000);
    }
  });

  test('whoever does not answer is heard as before, and the failure is the caller’s', async () => {
    const { clock } = devices(7_000);
    const ask = clock.hearing(() => Promise.reject(new TypeError('no network')));
    await assert.rejects(ask('http://gateway/'), /no network/);
    assert.equal(clock.nowMs(), NOON + 7_000);
  });
});
