import { z } from 'zod';
import { TapHistoryBody } from '@tapgate/gateway/http/wire-schemas';
import type { CityCard } from './city.ts';

export type TapHistory = z.output<typeof TapHistoryBody>;

/** What people of the operator do by HTTP: publish a hotlist, enrol a card, look up a tap. */
export class OperatorDesk {
  readonly baseUrl: string;
  readonly #token: string;
  readonly #nowMs: () => number;

  constructor(options: { readonly baseUrl: string; readonly token: string; readonly nowMs: () => number }) {
    this.baseUrl = options.baseUrl;
    this.#token = options.token;
    this.#nowMs = options.nowMs;
  }

  /** @returns the version that holds from now on */
  async publishHotlist(cards: readonly CityCard[]): Promise<number> {
    const add = cards.map(({ pan, psn }) => ({ pan, psn, reason: 'reported_lost' }));
    const answer = await this.#send('POST', '/v1/hotlist-versions', { add, remove: [] });
    return z.object({ version: z.int() }).parse(answer).version;
  }

  /** Enrols an older rider; whether age gives a right today is not asked at the desk. */
  async enrolSenior(card: CityCard, birthDate: string, category = 'senior-70'): Promise<void> {
    await this.#send('POST', '/v1/concession-enrolments', {
      card: { pan: card.pan, psn: card.psn },
      category,
      evidenceKind: 'senior_card',
      birthDate,
      validFrom: '2020-01-01',
      validTo: null,
    });
  }

  /** What became of a tap, once it is settled, or refused to wait; asks for as long as `patienceMs`. */
  async settledTap(terminalId: string, tapSequence: number, patienceMs = 15_000): Promise<TapHistory> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const answer = await this.#send('GET', `/v1/taps/${terminalId}/${tapSequence}`, null);
      const history = TapHistoryBody.parse(answer);
      if (history.settlement === 'settled' || history.settlement === 'none') return history;
      if (performance.now() > deadline) return history;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #send(method: 'GET' | 'POST', path: string, body: object | null): Promise<unknown> {
    const response = await fetch(`${this.baseUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        'demo-time': new Date(this.#nowMs()).toISOString(),
        ...(body === null ? {} : { 'content-type': 'application/json' }),
      },
      body: body === null ? null : JSON.stringify(body),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`${method} ${path} was refused: ${JSON.stringify(answer)}`);
    return answer;
  }
}
