/**
 * Money: a safe integer number of fen (1 yuan = 100 fen). Branded, so that a count or a price in yuan cannot be
 * passed where fen are meant. Every division names its rounding.
 */
export type Fen = number & { readonly __unit: 'fen' };

/** @throws RangeError when the value is not a safe integer: money is never rounded by accident. */
export function fen(value: number): Fen {
  if (!Number.isSafeInteger(value)) throw new RangeError('not an integer number of fen');
  return value as Fen;
}

export const ZERO_FEN: Fen = fen(0);

export function addFen(a: Fen, b: Fen): Fen {
  return fen(a + b);
}

export function subtractFen(a: Fen, b: Fen): Fen {
  return fen(a - b);
}

export function sumFen(amounts: Iterable<Fen>): Fen {
  let total = 0;
  for (const amount of amounts) total += amount;
  return fen(total);
}

/** How a fraction of a fen is decided; a rule set names exactly one. */
export type Rounding = 'floor' | 'halfUp' | 'ceil';

/**
 * amount x permille / 1000, with the named rounding. Amounts of a fare are not negative, so `halfUp` and `floor` need no
 * convention for negative fractions; a negative amount is refused.
 *
 * @throws RangeError for a negative amount or permille
 */
export function multiplyPermille(amount: Fen, permille: number, rounding: Rounding): Fen {
  return divideFen(fen(amount * permille), 1000, rounding);
}

/** @throws RangeError for a negative amount or a divisor that is not a positive integer */
export function divideFen(amount: Fen, divisor: number, rounding: Rounding): Fen {
  if (amount < 0) throw new RangeError('a negative amount has no rounding rule here');
  if (!Number.isSafeInteger(divisor) || divisor <= 0)
    throw new RangeError('divisor must be a positive integer');
  const remainder = amount % divisor;
  const floor = (amount - remainder) / divisor;
  switch (rounding) {
    case 'floor':
      return fen(floor);
    case 'halfUp':
      return fen(remainder * 2 >= divisor ? floor + 1 : floor);
    case 'ceil':
      return fen(remainder > 0 ? floor + 1 : floor);
  }
}

/** "12.05": two decimals, for people and for ISO 20022; never parsed back into money by arithmetic. */
export function formatYuan(amount: Fen): string {
  const sign = amount < 0 ? '-' : '';
  const absolute = Math.abs(amount);
  const cents = String(absolute % 100).padStart(2, '0');
  return `${sign}${Math.floor(absolute / 100)}.${cents}`;
}
