/**
 * Decimal numbers of messages, exactly: an integer of 10^-17, the finest that a control sum may have. Never a float, and money
 * of ours only after it was shown to be whole in its currency.
 */
const SCALE_DIGITS = 17;

/** @returns null for text that is no decimal number, or finer than 17 places */
export function parseDecimal(text: string): bigint | null {
  const match = /^\s*([+-]?)(\d*)(?:\.(\d*))?\s*$/.exec(text);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = ''] = match;
  if (whole === '' && fraction === '') return null;
  const digits = fraction.replace(/0+$/, '');
  if (digits.length > SCALE_DIGITS || whole.length > 30) return null;
  const value = BigInt(`${whole}${digits.padEnd(SCALE_DIGITS, '0')}`);
  return sign === '-' ? -value : value;
}

/** Currencies whose smallest unit is not a hundredth (ISO 4217, list one, as of 2026-11). */
const DECIMALS_OF: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ').map((code) => [code, 0]),
  ),
  ...Object.fromEntries('BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3])),
  ...Object.fromEntries('CLF UYW'.split(' ').map((code) => [code, 4])),
};

export function currencyDecimals(currency: string): number {
  return DECIMALS_OF[currency] ?? 2;
}

/** The number in the smallest unit of its currency, and whether anything was finer than that. */
export function inMinorUnits(
  value: bigint,
  currency: string,
): { readonly minor: bigint; readonly exact: boolean } {
  const divisor = 10n ** BigInt(SCALE_DIGITS - currencyDecimals(currency));
  return { minor: value / divisor, exact: value % divisor === 0n };
}
