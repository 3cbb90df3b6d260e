import { divideFen, fen, multiplyPermille, type Fen, type Rounding } from '@tapgate/sdk/wire/money';
import type { Stage } from './rule-set.ts';

/**
 * One step of a fare. The list of steps is stored with the fare: an auditor, the rider and the finance bureau read it, and the
 * fare can be computed again from it alone. It holds answers about a person ("age_from_70": true), never facts.
 */
export type TraceStep = {
  readonly stage: Stage | 'rule_set';
  readonly ruleId: string;
  /** version of the rule set that the rule stands in */
  readonly version: number;
  /** false: the rule was looked at and changed nothing; `saw` says why */
  readonly applied: boolean;
  readonly saw: Readonly<Record<string, string | number | boolean | null>>;
  readonly operation: Operation;
  readonly fenIn: Fen;
  readonly fenOut: Fen;
  readonly zh: string;
  readonly en: string;
};

/** What a step does to the amount, with every number it needs. */
export type Operation =
  | { readonly op: 'keep' }
  | { readonly op: 'set'; readonly fen: Fen }
  | {
      readonly op: 'band';
      readonly metres: number;
      readonly overMetres: number;
      readonly upToMetres: number | null;
      readonly fen: Fen;
    }
  | { readonly op: 'permille'; readonly permille: number; readonly rounding: Rounding }
  | { readonly op: 'minus'; readonly fen: Fen }
  /** the amount, or this if it is lower */
  | { readonly op: 'at_most'; readonly fen: Fen }
  | { readonly op: 'add'; readonly fen: Fen }
  /** parts of the amount at different tiers; rounded once, at the end */
  | { readonly op: 'split'; readonly parts: readonly SplitPart[]; readonly rounding: Rounding }
  | { readonly op: 'cap'; readonly capFen: Fen; readonly paidFen: Fen }
  | { readonly op: 'round'; readonly unitFen: number; readonly rounding: Rounding };

/** `micro` = this part of the undiscounted fare in millionths of a fen, as an exact integer. */
export type SplitPart = { readonly micro: number; readonly permille: number };

export const KEEP: Operation = { op: 'keep' };
const MICRO = 1_000_000;

/** The one meaning of an operation. @throws RangeError for an amount that is not a safe integer, or a band that does not hold the distance */
export function applyOperation(amount: Fen, operation: Operation): Fen {
  switch (operation.op) {
    case 'keep':
      return amount;
    case 'set':
      return operation.fen;
    case 'band':
      if (operation.metres > (operation.upToMetres ?? Number.POSITIVE_INFINITY))
        throw new RangeError('beyond its band');
      return operation.fen;
    case 'permille':
      return multiplyPermille(amount, operation.permille, operation.rounding);
    case 'minus':
      return amount > operation.fen ? fen(amount - operation.fen) : fen(0);
    case 'at_most':
      return amount < operation.fen ? amount : operation.fen;
    case 'add':
      return fen(amount + operation.fen);
    case 'split': {
      let micro = 0;
      for (const part of operation.parts) micro += Math.round((part.micro * part.permille) / 1000);
      return divideFen(fen(micro), MICRO, operation.rounding);
    }
    case 'cap': {
      const left = Math.max(0, operation.capFen - operation.paidFen);
      return amount < left ? amount : fen(left);
    }
    case 'round':
      return operation.unitFen === 1
        ? amount
        : fen(divideFen(amount, operation.unitFen, operation.rounding) * operation.unitFen);
  }
}

export type Recomputed =
  | { readonly ok: true; readonly listFareFen: Fen; readonly fareFen: Fen }
  | {
      readonly ok: false;
      readonly step: number;
      readonly reason: 'chain_broken' | 'operation_differs' | 'no_list_fare';
    };

/** Computes a fare again from nothing but its trace, and says at which step a trace that was altered breaks. */
export function recomputeTrace(trace: readonly TraceStep[]): Recomputed {
  let amount = fen(0);
  let listFareFen: Fen | null = null;
  for (const [index, step] of trace.entries()) {
    if (step.fenIn !== amount) return { ok: false, step: index, reason: 'chain_broken' };
    const after = step.applied ? applyOperation(amount, step.operation) : amount;
    if (after !== step.fenOut) return { ok: false, step: index, reason: 'operation_differs' };
    amount = after;
    if (step.stage === 'list_fare' && step.applied) listFareFen = after;
  }
  if (listFareFen === null) return { ok: false, step: trace.length, reason: 'no_list_fare' };
  return { ok: true, listFareFen, fareFen: amount };
}
