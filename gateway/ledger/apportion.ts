import { fen, type Fen } from '@tapgate/sdk/wire/money';

/** How much of a journey an operator carried: any non-negative integer measure, such as metres. */
export type OperatorWeight = { readonly operatorId: string; readonly weight: number };
export type OperatorShare = { readonly operatorId: string; readonly amountFen: Fen };

/**
 * Divides an amount among operators by largest remainder: each gets the floor of its share, and the fen that are left go one
 * each to the largest remainders; equal remainders are served in order of operator id (code units), so that the same journey
 * is always divided alike (clearing.md section 5). The shares sum to the amount exactly; they come in order of operator id.
 *
 * @throws RangeError for a negative amount, no operator, a repeated operator, a bad weight, or weights that are all zero
 */
export function apportion(amountFen: Fen, weights: readonly OperatorWeight[]): OperatorShare[] {
  if (amountFen < 0) throw new RangeError('only an amount that is not negative is apportioned');
  const ordered = [...weights].sort((a, b) => compareIds(a.operatorId, b.operatorId));
  let totalWeight = 0n;
  let previous: string | null = null;
  for (const { operatorId, weight } of ordered) {
    if (!Number.isSafeInteger(weight) || weight < 0)
      throw new RangeError('a weight is a non-negative integer');
    if (operatorId === previous) throw new RangeError('an operator has one weight');
    previous = operatorId;
    totalWeight += BigInt(weight);
  }
  if (totalWeight === 0n) throw new RangeError('weights must not all be zero');

  // Metres times fen can pass 2^53; the division is exact in BigInt.
  const amount = BigInt(amountFen);
  const parts = ordered.map(({ operatorId, weight }) => {
    const product = amount * BigInt(weight);
    return { operatorId, floor: product / totalWeight, remainder: product % totalWeight };
  });
  const left = Number(amount - parts.reduce((sum, part) => sum + part.floor, 0n));
  const byRemainder = [...parts].sort((a, b) =>
    a.remainder === b.remainder ? compareIds(a.operatorId, b.operatorId) : a.remainder > b.remainder ? -1 : 1,
  );
  const extra = new Set(byRemainder.slice(0, left).map((part) => part.operatorId));
  return parts.map(({ operatorId, floor }) => ({
    operatorId,
    amountFen: fen(Number(floor) + (extra.has(operatorId) ? 1 : 0)),
  }));
}

function compareIds(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
