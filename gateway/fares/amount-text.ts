import type { Fen } from '@tapgate/sdk/wire/money';
import type { RuleSet } from './rule-set.ts';

export type Currency = RuleSet['currency'];

const DECIMALS: Record<Currency, number> = { CNY: 2, GBP: 2, SGD: 2, HKD: 2, KRW: 0 };
const UNIT_ZH: Record<Currency, string> = { CNY: '元', GBP: '英镑', SGD: '新元', HKD: '港元', KRW: '韩元' };

/** Amounts of a fare are few, and a trace writes several each time: each is written once. */
type Written = { readonly zh: string; readonly en: string };
const written: Record<Currency, Written[]> = { CNY: [], GBP: [], SGD: [], HKD: [], KRW: [] };
const LAST_KEPT = 100_000;

/** "3.00": for people, in the minor unit's own decimals. */
export function amountText(currency: Currency, amount: Fen): string {
  const decimals = DECIMALS[currency];
  if (decimals === 0) return String(amount);
  const scale = 10 ** decimals;
  return `${String(Math.trunc(amount / scale))}.${String(Math.abs(amount % scale)).padStart(decimals, '0')}`;
}

/** An amount with its unit, in both languages of a trace. */
export function writeAmount(currency: Currency, amount: Fen): Written {
  const known = written[currency][amount];
  if (known) return known;
  const text = amountText(currency, amount);
  const both: Written = { zh: `${text} ${UNIT_ZH[currency]}`, en: `${currency} ${text}` };
  if (amount >= 0 && amount < LAST_KEPT) written[currency][amount] = both;
  return both;
}
