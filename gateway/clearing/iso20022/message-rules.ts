import { isCnapsCode } from '../cnaps-code.ts';
import type { ExpectedParty, Findings } from '../inspect/inspection.ts';
import { inMinorUnits, parseDecimal } from './decimal.ts';
import type { Place } from './grammar-check.ts';

/** An element of a message that has just ended; `path` is below Document, e.g. CstmrDrctDbtInitn/GrpHdr/NbOfTxs. */
export type ClosedElement = {
  readonly path: string;
  readonly text: string;
  readonly attributes: ReadonlyMap<string, string>;
};

/** What no schema can say of one family of messages. */
export type MessageRules = {
  opened?(path: string): void;
  closed(element: ClosedElement, place: Place): void;
  /** items counted, and their sums by currency in units of decimal.ts */
  readonly records: number;
  readonly sums: ReadonlyMap<string, bigint>;
};

export const OUR_CURRENCY = 'CNY';

/**
 * Rules of every message: amounts have no more decimals than their currency (trailing zeros are free), a member of the clearing
 * system CNAPS has a right check digit. Under a profile the currency is ours.
 */
export class CommonRules {
  readonly #findings: Findings;
  readonly #expected: ExpectedParty | null;
  #systemCode = '';
  #member = '';

  constructor(findings: Findings, expected: ExpectedParty | null) {
    this.#findings = findings;
    this.#expected = expected;
  }

  closed({ path, text, attributes }: ClosedElement, place: Place): void {
    // What an envelope holds is no part of the message.
    if (path.includes('/Envlp/')) return;
    const currency = attributes.get('Ccy');
    if (currency !== undefined) {
      const value = parseDecimal(text);
      if (value !== null && !inMinorUnits(value, currency).exact)
        this.#findings.add('amount_decimals', place);
      if (this.#expected !== null && currency !== OUR_CURRENCY) {
        this.#findings.add('currency_not_of_profile', place);
      }
    }
    if (path.endsWith('/ClrSysMmbId/ClrSysId/Cd')) this.#systemCode = text;
    if (path.endsWith('/ClrSysMmbId/MmbId')) this.#member = text;
    if (path.endsWith('/ClrSysMmbId')) {
      if (this.#systemCode === 'CNAPS' && !isCnapsCode(this.#member)) {
        this.#findings.add('cnaps_check_digit_wrong', place);
      }
      this.#systemCode = '';
      this.#member = '';
    }
  }
}

/** Counts and sums of one level of a message, held against what the level says of itself. */
export class Level {
  #statedCount: { readonly value: bigint; readonly place: Place } | null = null;
  #statedSum: { readonly value: bigint; readonly place: Place } | null = null;
  #count = 0n;
  #sum = 0n;
  readonly #currencies = new Set<string>();

  stateCount(text: string, place: Place): void {
    const value = /^\s*\d+\s*$/.test(text) ? BigInt(text.trim()) : null;
    if (value !== null) this.#statedCount = { value, place: frozen(place) };
  }

  stateSum(text: string, place: Place): void {
    const value = parseDecimal(text);
    if (value !== null) this.#statedSum = { value, place: frozen(place) };
  }

  item(amount: bigint | null, currency: string): void {
    this.#count += 1n;
    this.#sum += amount ?? 0n;
    this.#currencies.add(currency);
  }

  get count(): bigint {
    return this.#count;
  }

  judge(findings: Findings): void {
    if (this.#statedCount !== null && this.#statedCount.value !== this.#count) {
      findings.add('count_wrong', this.#statedCount.place);
    }
    if (this.#statedSum === null) return;
    if (this.#currencies.size > 1) findings.add('sum_over_currencies', this.#statedSum.place);
    else if (this.#statedSum.value !== this.#sum) findings.add('sum_wrong', this.#statedSum.place);
  }
}

/** A place knows its path only while the element is open. */
export function frozen(place: Place): Place {
  return { line: place.line, xpath: place.xpath };
}
