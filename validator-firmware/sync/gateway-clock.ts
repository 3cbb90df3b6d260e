/** Answers name whole seconds: what lies within is no distance. */
const RESOLUTION_MS = 1_000;
/** The clock is not followed for less than this: the way of an answer takes a second at times. */
const FOLLOWED_FROM_MS = 3_000;

/**
 * The gateway's clock as this device knows it: its own clock and the distance that the answers have shown. A session is proven by the
 * gateway's time, so that a device whose clock has stopped is let in and can say so. Nothing else is done with it: records carry
 * the device's own clock, as it is.
 */
export class GatewayClock {
  readonly #clock: () => number;
  #aheadMs: number;

  /** @param aheadMs how far the gateway's clock was ahead of this one when last heard */
  constructor(clock: () => number, aheadMs: number) {
    this.#clock = clock;
    this.#aheadMs = aheadMs;
  }

  nowMs(): number {
    return this.#clock() + this.#aheadMs;
  }

  /** A fetch that hears the `Date` of every answer. */
  hearing(ask: typeof fetch): typeof fetch {
    return async (input, init) => {
      const answer = await ask(input, init);
      const said = Date.parse(answer.headers.get('date') ?? '');
      if (!Number.isNaN(said)) this.#hear(said + RESOLUTION_MS / 2);
      return answer;
    };
  }

  #hear(gatewayNowMs: number): void {
    if (Math.abs(gatewayNowMs - this.nowMs()) > FOLLOWED_FROM_MS)
      this.#aheadMs = gatewayNowMs - this.#clock();
  }
}
