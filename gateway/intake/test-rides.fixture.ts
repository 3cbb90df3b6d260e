import assert from 'node:assert/strict';
import type { GatewayApp } from '../app.ts';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import { findTerminal, SignedTaps, type FixtureCard } from './signed-taps.fixture.ts';
import type { TestWorld } from './test-gateway.fixture.ts';
import { openSession, sendTap } from './test-requests.fixture.ts';

/** A bus line's gate: one tap is a ride. */
export const BUS = { rail: 'oda', tapKind: 'single' } as const;

/** Riders of a test: cards of the first bank, and their taps on the way that taps take, each under the next number of its gate. */
export class TestRides {
  readonly taps: SignedTaps;
  readonly #world: TestWorld;
  readonly #gateway: Pick<GatewayApp, 'app'>;
  #cards = 0;
  #sequence = 0;

  constructor(world: TestWorld, gateway: Pick<GatewayApp, 'app'>) {
    this.#world = world;
    this.#gateway = gateway;
    this.taps = new SignedTaps(world.keystore);
  }

  newCard(): FixtureCard {
    const bank = this.#world.demo.banks[0];
    assert.ok(bank?.bins[0]);
    this.#cards += 1;
    return this.taps.makeCard({ bankId: bank.bankId, bin: bank.bins[0], number: this.#cards });
  }

  /** Accepted, not yet settled. @param sentAtMs the gateway's time. @returns `<terminal id>/<tap sequence>` */
  async tap(
    act: { readonly card: FixtureCard; readonly atc: number; readonly atMs: number },
    sentAtMs: number,
    placement: TerminalPlacement = findTerminal(this.#world.reference.terminals, BUS),
  ): Promise<string> {
    this.#sequence += 1;
    const token = await openSession(this.#gateway, this.#world.keystore, placement.terminalId, sentAtMs);
    const record = this.taps.makeTap({ ...act, placement, sequence: this.#sequence });
    const answer = await sendTap(this.#gateway, token, record);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return `${placement.terminalId}/${this.#sequence}`;
  }

  /** What the gateway tells an operator. */
  async get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
    const response = await this.#gateway.app.request(url, {
      headers: { Authorization: `Bearer ${this.#world.operatorToken}`, ...headers },
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text) as Record<string, unknown>;
  }

  async journeyOf(tapName: string): Promise<Record<string, unknown>> {
    return (await this.get(`/v1/taps/${tapName}`))['journey'] as Record<string, unknown>;
  }
}
