import type { TapGateClient } from '@tapgate/sdk/client';
import { TapGateError } from '@tapgate/sdk/error';
import type { AskingParameters } from '@tapgate/sdk/lists/asking-parameters';
import type { AskedGateway, AskingEnd } from '@tapgate/sdk/tap-record/asked-gateway';
import { encodeTapDraft } from '@tapgate/sdk/tap-record/tap-draft';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import type { AskingCounts } from '@tapgate/sdk/terminals/asking-counts';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { circuitAfter, circuitWhileTrying, CLOSED_CIRCUIT, type AskCircuit } from '../gate/ask-circuit.ts';
import { decisionAfter, endOfAsking, notAsked, planAsk, type Heard } from '../gate/asking.ts';
import type { GateDecision } from '../gate/decide-gate.ts';
import { rememberTold, wasToldListed, type ToldRefusals } from '../gate/told-refusals.ts';
import type { Consultation, Counsel, TapInQuestion } from './counsel.ts';

export type GatewayCounselParts = {
  readonly client: Pick<TapGateClient, 'judgeTap'>;
  readonly terminalId: TerminalId;
  /** 32 bytes, the key of the terminal's records */
  readonly macKey: Uint8Array;
  /** asked anew for each tap; null: the gate does not ask */
  readonly parameters: () => AskingParameters | null;
  /** ms from anywhere */
  readonly stopwatch?: () => number;
  /** calls back after so many ms, and not any more when what it gives is called */
  readonly timer?: (ms: number, done: () => void) => () => void;
};

/** After the budget nobody waits any more, but what is heard is good for the card's next tap; beyond this it is given up. */
const LATE_MS = 2_000;

const nodeTimer = (ms: number, done: () => void): (() => void) => {
  const timer = setTimeout(done, ms);
  return () => {
    clearTimeout(timer);
  };
};

/** Asks the gateway, and takes its no where it comes in time (README.md). One tap after the other, as a gate has them. */
export class GatewayCounsel implements Counsel {
  readonly #parts: GatewayCounselParts;
  readonly #stopwatch: () => number;
  readonly #timer: NonNullable<GatewayCounselParts['timer']>;
  readonly #ends = new Map<AskingEnd, number>();
  #refusedLate = 0;
  #circuit: AskCircuit = CLOSED_CIRCUIT;
  #told: ToldRefusals = new Map();

  constructor(parts: GatewayCounselParts) {
    this.#parts = parts;
    this.#stopwatch = parts.stopwatch ?? (() => performance.now());
    this.#timer = parts.timer ?? nodeTimer;
  }

  /** How asking has ended since the start. */
  counts(): Omit<AskingCounts, 'sinceMs'> {
    return { ends: Object.fromEntries(this.#ends), refusedLate: this.#refusedLate };
  }

  async consult(alone: GateDecision, tap: TapInQuestion | null): Promise<Consultation> {
    const parameters = this.#parts.parameters();
    if (parameters === null) return { decision: alone, asked: null };
    const spentMs = tap?.spentMs ?? 0;
    const plan = planAsk(alone, spentMs, parameters, this.#circuit, this.#stopwatch());
    if (tap === null || !plan.asks) {
      const asked = notAsked(plan.asks ? 'not_needed' : plan.end);
      return this.#conclude(alone, tap, asked, null);
    }
    const { budgetMs } = plan;
    if (!plan.waits) {
      this.#circuit = circuitWhileTrying(this.#circuit, this.#stopwatch());
      void this.#ask(tap, budgetMs, parameters, () => true);
      return this.#conclude(alone, tap, notAsked('resting'), null);
    }
    const { asked, heard } = await this.#askWithin(tap, budgetMs, parameters);
    return this.#conclude(alone, tap, asked, asked.end === 'judged' ? heard : null);
  }

  #conclude(
    alone: GateDecision,
    tap: TapInQuestion | null,
    asked: AskedGateway,
    heard: Heard | null,
  ): Consultation {
    this.#ends.set(asked.end, (this.#ends.get(asked.end) ?? 0) + 1);
    const isTold = tap !== null && wasToldListed(this.#told, tap.cardKey, tap.heldHotlistVersion);
    const judgement = heard?.kind === 'judged' ? heard.judgement : null;
    return { decision: decisionAfter(alone, judgement, isTold), asked };
  }

  /** Waits for the answer and for the budget, whichever is first. The question itself goes on for a while. */
  #askWithin(
    tap: TapInQuestion,
    budgetMs: number,
    parameters: AskingParameters,
  ): Promise<{ readonly asked: AskedGateway; readonly heard: Heard | null }> {
    return new Promise((resolve) => {
      const startedMs = this.#stopwatch();
      let isOver = false;
      const end = (heard: Heard | null): void => {
        if (isOver) return;
        isOver = true;
        stopWaiting();
        const asked = endOfAsking(heard, budgetMs, this.#stopwatch() - startedMs);
        if (heard === null) this.#noteEnd(false, parameters);
        resolve({ asked, heard });
      };
      const stopWaiting = this.#timer(budgetMs, () => {
        end(null);
      });
      void this.#ask(tap, budgetMs, parameters, () => !isOver).then(end);
    });
  }

  /**
   * One question, whoever waits for it: what is heard is remembered for the card, and the circuit learns of it.
   *
   * @param counts whether this end is news to the circuit: of a question that was late it has heard already
   */
  async #ask(
    tap: TapInQuestion,
    budgetMs: number,
    parameters: AskingParameters,
    counts: () => boolean,
  ): Promise<Heard> {
    const startedMs = this.#stopwatch();
    const ending = new AbortController();
    const stopTimer = this.#timer(budgetMs + LATE_MS, () => {
      ending.abort();
    });
    const heard = await this.#hear(tap, budgetMs, ending.signal);
    stopTimer();
    const { end } = endOfAsking(heard, budgetMs, this.#stopwatch() - startedMs);
    if (heard.kind === 'judged') {
      this.#told = rememberTold(this.#told, tap.cardKey, heard.judgement);
      if (end === 'late' && heard.judgement.judgement === 'refuse') this.#refusedLate++;
    }
    if (counts()) this.#noteEnd(end === 'judged', parameters);
    return heard;
  }

  #noteEnd(wasInTime: boolean, parameters: AskingParameters): void {
    this.#circuit = circuitAfter(this.#circuit, wasInTime, this.#stopwatch(), parameters);
  }

  async #hear(tap: TapInQuestion, budgetMs: number, signal: AbortSignal): Promise<Heard> {
    const { client, terminalId, macKey } = this.#parts;
    try {
      const { pan, panSequenceNumber } = tap.card;
      const draft = encodeTapDraft({ terminalId, pan, panSequenceNumber, atc: tap.atc }, (input) =>
        hmacSm3(macKey, input),
      );
      const judgement = await client.judgeTap(draft, { budgetMs, signal });
      return { kind: 'judged', judgement };
    } catch (error) {
      // Whatever it is, a rider stands before the gate, and the gate can decide alone.
      if (!(error instanceof TapGateError)) return { kind: 'not_understood' };
      if (error.isRefusal()) return { kind: 'refused' };
      return { kind: error.code === 'answer_not_understood' ? 'not_understood' : 'unreachable' };
    }
  }
}
