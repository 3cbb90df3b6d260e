import type { AskingParameters } from '@tapgate/sdk/lists/asking-parameters';

/** How the last questions to the gateway went: whether another one may keep a rider waiting. */
export type AskCircuit = {
  /** in a row, without a judgement in time */
  readonly failures: number;
  /** how long the last rest was, ms; 0 while there was none */
  readonly restMs: number;
  /** null: it does not rest */
  readonly restsUntilMs: number | null;
};

export type CircuitRules = Pick<AskingParameters, 'failuresMax' | 'restMs' | 'restMaxMs'>;

export const CLOSED_CIRCUIT: AskCircuit = { failures: 0, restMs: 0, restsUntilMs: null };

/** ask: and wait for the answer. try: ask, but decide without waiting. rest: ask nobody. */
export function circuitSays(circuit: AskCircuit, nowMs: number): 'ask' | 'try' | 'rest' {
  if (circuit.restsUntilMs === null) return 'ask';
  return nowMs < circuit.restsUntilMs ? 'rest' : 'try';
}

/** One question tries; the others rest until it has had its time. */
export function circuitWhileTrying(circuit: AskCircuit, nowMs: number): AskCircuit {
  return { ...circuit, restsUntilMs: nowMs + circuit.restMs };
}

/** After a question has ended. One judgement in time closes the circuit; the failure that is one too many, and each after it, opens it for longer. */
export function circuitAfter(
  circuit: AskCircuit,
  wasInTime: boolean,
  nowMs: number,
  rules: CircuitRules,
): AskCircuit {
  if (wasInTime) return CLOSED_CIRCUIT;
  const failures = circuit.failures + 1;
  if (failures < rules.failuresMax) return { ...circuit, failures };
  const restMs = Math.min(circuit.restMs === 0 ? rules.restMs : 2 * circuit.restMs, rules.restMaxMs);
  return { failures, restMs, restsUntilMs: nowMs + restMs };
}
