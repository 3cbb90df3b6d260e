import type { AskingParameters } from '@tapgate/sdk/lists/asking-parameters';
import type { AskedGateway, AskingEnd } from '@tapgate/sdk/tap-record/asked-gateway';
import type { TapJudgement } from '@tapgate/sdk/wire/judgement';
import { refuse } from '@tapgate/sdk/wire/refusals';
import { circuitSays, type AskCircuit } from './ask-circuit.ts';
import type { GateDecision } from './decide-gate.ts';

export type AskPlan =
  /** waits: false where the answer is for the circuit and for the next tap, not for this one */
  | { readonly asks: true; readonly waits: boolean; readonly budgetMs: number }
  | { readonly asks: false; readonly end: 'not_needed' | 'used_up' | 'resting' };

/** What was heard of the gateway; null: nothing yet. */
export type Heard =
  | { readonly kind: 'judged'; readonly judgement: TapJudgement }
  | { readonly kind: 'refused' | 'not_understood' | 'unreachable' };

/**
 * Decides whether the gateway is asked about a tap on which the gate has made up its own mind. In this order: a refusal is final
 * (not_needed); with less than `leastMs` left there is no time (used_up); a circuit that rests asks nobody (resting).
 *
 * @param spentMs of the tap's time, since the card came into the field
 */
export function planAsk(
  alone: GateDecision,
  spentMs: number,
  parameters: Pick<AskingParameters, 'tapMs' | 'keepMs' | 'leastMs'>,
  circuit: AskCircuit,
  nowMs: number,
): AskPlan {
  if (alone.decision === 'deny') return { asks: false, end: 'not_needed' };
  const budgetMs = Math.floor(parameters.tapMs - parameters.keepMs - spentMs);
  if (budgetMs < parameters.leastMs) return { asks: false, end: 'used_up' };
  const says = circuitSays(circuit, nowMs);
  return says === 'rest' ? { asks: false, end: 'resting' } : { asks: true, waits: says === 'ask', budgetMs };
}

/** How asking has ended after so long. Whatever is heard one millisecond after the budget is late. */
export function endOfAsking(heard: Heard | null, budgetMs: number, elapsedMs: number): AskedGateway {
  const waitedMs = Math.min(Math.ceil(elapsedMs), 0xffff);
  const isInTime = heard !== null && waitedMs <= budgetMs;
  const end: AskingEnd = isInTime ? heard.kind : 'late';
  const hotlistVersion = isInTime && heard.kind === 'judged' ? heard.judgement.hotlistVersion : 0;
  return { end, budgetMs, waitedMs, hotlistVersion };
}

export function notAsked(end: 'not_needed' | 'used_up' | 'resting'): AskedGateway {
  return { end, budgetMs: 0, waitedMs: 0, hotlistVersion: 0 };
}

/**
 * The decision of gate and gateway together: an answer may refuse what the gate would let through, and never the other way round.
 *
 * @param judgement   the gateway's, in time; null where there is none
 * @param isToldListed an earlier answer named the card, and no newer list has come since; it holds where there is no judgement
 */
export function decisionAfter(
  alone: GateDecision,
  judgement: TapJudgement | null,
  isToldListed: boolean,
): GateDecision {
  if (alone.decision === 'deny') return alone;
  const cause = judgement === null ? (isToldListed ? 'hotlisted' : null) : judgement.cause;
  return cause === null ? alone : { decision: 'deny', refusal: refuse(cause) };
}
