import type { Fen } from '@tapgate/sdk/wire/money';
import type { RuleSet } from './rule-set.ts';

export type Currency = RuleSet['currency'];

const DECIMALS: Record<Currency, number> = { CNY: 2, GBP: 2, SGD: 2, HKD: 2, KRW: 0 };
const UNIT_ZH: Record<Currency, string> = { CNY: '元', GBP: '英镑', SGD: '新元', HKD: '港元', KRW: '韩元' };

/** Amounts of a fare are few, and a trace writes several each time. */
const written = new Map<Currency, string[]>();

/** "3.00": for people, in the minor unit's own decimals. */
export function amountText(currency: Currency, amount: Fen): string {
  let texts = written.get(currency);
  if (!texts) written.set(currency, (texts = []));
  const known = amount >= 0 && amount < 100_000 ? texts[amount] : undefined;
  if (known !== undefined) return known;
  const decimals = DECIMALS[currency];
  const scale = 10 ** decimals;
  const whole = Math.trunc(amount / scale);
  const text =
    decimals === 0
      ? String(amount)
      : `${String(whole)}.${String(Math.abs(amount % scale)).padStart(decimals, '0')}`;
  if (amount >= 0 && amount < 100_000) texts[amount] = text;
  return text;
}

export function amountZh(currency: Currency, amount: Fen): string {
  return `${amountText(currency, amount)} ${UNIT_ZH[currency]}`;
}

export function amountEn(currency: Currency, amount: Fen): string {
  return `${currency} ${amountText(currency, amount)}`;
}
