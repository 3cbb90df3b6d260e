import { ActSet } from '../inspect/act-set.ts';
import {
  Findings,
  type ExpectedParty,
  type FormatReader,
  type Inspection,
  type InspectionCode,
} from '../inspect/inspection.ts';
import { isDate, isMonthDay, isTimeOfDay } from '../inspect/value-forms.ts';
import { readTemplate } from '../text-template.ts';

/**
 * Reads and judges `cup-tc-526` (clearing.md 1.2). It shares no table with the writer: a mistake in one of the two shows as a
 * difference. Records come one by one, so a file of any size is read in the memory of one.
 */
const RECORD = 526;
const HEADER = 46;
const TRAILER = 49;
/** header and trailer of our default profile */
const OWN_TRAILERS = [
  'TGTC526T01{records:0>10}{totalFen:0>16}             ',
  'TGTC526T02{records:0>10}{totalFen:0>13}{refunds:0>6}{refundFen:0>10}',
];

/**
 * How a field is filled: n digits with zeros in front; d digits, blanks behind; h hex digits, blanks behind; H hex digits, full; a
 * ASCII, blanks behind; g GB18030, blanks behind; o digits or blanks only.
 */
type Fill = 'n' | 'd' | 'h' | 'H' | 'a' | 'g' | 'o';

// prettier-ignore
const LAYOUT: readonly (readonly [from: number, bytes: number, fill: Fill])[] = [
  // segment 0, base
  [0, 3, 'n'], [3, 4, 'a'], [7, 19, 'd'], [26, 12, 'n'], [38, 3, 'n'], [41, 10, 'n'], [51, 6, 'n'], [57, 6, 'a'], [63, 4, 'o'], [67, 12, 'n'],
  [79, 11, 'd'], [90, 11, 'd'], [101, 4, 'n'], [105, 8, 'a'], [113, 15, 'a'], [128, 40, 'g'], [168, 23, 'a'], [191, 4, 'a'], [195, 1, 'a'], [196, 9, 'a'],
  [205, 11, 'd'], [216, 11, 'd'], [227, 1, 'a'], [228, 2, 'a'], [230, 1, 'a'], [231, 8, 'a'], [239, 2, 'a'], [241, 12, 'a'], [253, 1, 'a'], [254, 15, 'a'],
  // segment 2, IC
  [269, 16, 'H'], [285, 3, 'n'], [288, 3, 'n'], [291, 1, 'a'], [292, 1, 'a'], [293, 6, 'h'], [299, 10, 'H'], [309, 8, 'H'], [317, 8, 'a'], [325, 64, 'h'],
  [389, 4, 'H'], [393, 4, 'H'], [397, 6, 'n'], [403, 3, 'n'], [406, 2, 'a'], [408, 2, 'H'], [410, 12, 'n'], [422, 3, 'n'], [425, 1, 'a'], [426, 4, 'o'],
  [430, 2, 'H'], [432, 12, 'o'], [444, 6, 'h'], [450, 2, 'h'], [452, 32, 'h'], [484, 4, 'h'], [488, 8, 'o'], [496, 30, 'a'],
];

const FORMS: Readonly<Record<Exclude<Fill, 'g'>, readonly [RegExp, InspectionCode]>> = {
  n: [/^\d+$/, 'field_not_digits'],
  d: [/^\d* *$/, 'field_not_digits'],
  o: [/^(\d+| +)$/, 'field_not_digits'],
  h: [/^[0-9A-F]* *$/, 'field_not_hex'],
  H: [/^[0-9A-F]+$/, 'field_not_hex'],
  a: [/^[\x20-\x7e]*$/, 'encoding_invalid'],
};

const BEGINNING_OF_RECORD = /^\d{3}[0-9A-Fa-f ]{4}(?=[\d ]{19})\d{12,19} {0,7}\d{12}\d{3}\d{8}$/;

/** ISO 4217 number of the currencies that were seen in such files. */
const CURRENCY_OF_NUMBER: Readonly<Record<string, string>> = {
  '156': 'CNY',
  '344': 'HKD',
  '446': 'MOP',
  '840': 'USD',
};

/** What one record says, for a caller that wants more than the verdict. */
export type Tc526Record = {
  readonly pan: string;
  readonly psn: string;
  readonly atc: string;
  readonly amountFen: number;
  /** month to second and trace number of the purchase that this record gives back; null for a purchase */
  readonly refundOf: string | null;
  readonly merchantName: string;
  readonly field: (from: number, bytes: number) => string;
};

export class Tc526Reader implements FormatReader {
  readonly #findings = new Findings();
  readonly #expected: ExpectedParty | null;
  readonly #onRecord: (record: Tc526Record) => void;
  readonly #acts = new ActSet();
  readonly #gb18030 = new TextDecoder('gb18030', { fatal: true });
  readonly #sums = new Map<string, number>();
  /** given back so far of each purchase, by card and ATC */
  readonly #refunds = new Map<string, number>();
  #refundRecords = 0;
  #refundFen = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #offset = 0;
  #records = 0;
  #header: string | null = null;

  constructor(expected: ExpectedParty | null, onRecord: (record: Tc526Record) => void = () => undefined) {
    this.#expected = expected;
    this.#onRecord = onRecord;
  }

  get stopped(): boolean {
    return this.#findings.hopeless;
  }

  push(bytes: Uint8Array): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    let from = 0;
    if (this.#header === null) {
      if (this.#buffer.length < HEADER) return;
      this.#header = this.#buffer.toString('latin1', 0, HEADER);
      from = HEADER;
    }
    // The last TRAILER bytes may be the trailer: a record is one only when as much follows it.
    while (this.#buffer.length - from >= RECORD + TRAILER) {
      this.#record(this.#buffer.subarray(from, from + RECORD), this.#offset + from);
      from += RECORD;
    }
    this.#offset += from;
    this.#buffer = Buffer.from(this.#buffer.subarray(from));
  }

  end(): Inspection {
    const findings = this.#findings;
    if (this.stopped) return this.#inspection();
    if (this.#header === null || this.#buffer.length !== TRAILER) {
      findings.add('truncated', { byteOffset: this.#offset + this.#buffer.length });
    } else {
      this.#judgeEnds(this.#header, this.#buffer.toString('latin1'));
    }
    // The layout's own rule is one record at least; a profile may agree on less, and our own default does.
    const emptyIsAgreed =
      this.#expected === null
        ? this.#header?.startsWith('TGTC526H') === true
        : this.#expected.emptyFile === 'file';
    if (this.#records === 0 && !emptyIsAgreed) findings.add('no_records', { byteOffset: HEADER });
    return this.#inspection();
  }

  #inspection(): Inspection {
    const findings = this.#findings;
    const schemaValid = !findings.schemaBroken;
    return {
      format: 'cup-tc-526',
      schemaValid,
      businessValid: schemaValid && !findings.businessBroken,
      records: this.#records,
      totals: [...this.#sums]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([currency, minor]) => ({ currency, minor })),
      errors: findings.errors,
    };
  }

  #record(record: Buffer, byteOffset: number): void {
    this.#records += 1;
    const text = record.toString('latin1');
    const field = (from: number, bytes: number): string => text.slice(from, from + bytes);
    let merchantName = '';
    for (const [from, bytes, fill] of LAYOUT) {
      const place = { byteOffset: byteOffset + from };
      if (fill === 'g') {
        merchantName = this.#name(record.subarray(from, from + bytes), place.byteOffset);
        continue;
      }
      const [form, code] = FORMS[fill];
      if (!form.test(field(from, bytes))) this.#findings.add(code, place);
    }
    // A record that names an original transaction gives it back.
    const original = field(168, 23);
    const isRefund = original.trim() !== '';
    this.#judgeValues(field, byteOffset, isRefund);
    const amount = Number(field(26, 12));
    const amountFen = Number.isSafeInteger(amount) ? amount : 0;
    if (isRefund) this.#judgeRefund(field, byteOffset, amountFen);
    const number = field(38, 3);
    const currency = CURRENCY_OF_NUMBER[number] ?? number;
    this.#sums.set(currency, (this.#sums.get(currency) ?? 0) + (isRefund ? -amountFen : amountFen));
    const pan = field(7, 19).trimEnd();
    this.#onRecord({
      pan,
      psn: field(288, 3),
      atc: field(389, 4),
      amountFen,
      merchantName,
      field,
      refundOf: isRefund ? original.slice(3, 19) : null,
    });
  }

  /** The amount that the card signed stands in 9F02: all refunds of a purchase together give back no more. */
  #judgeRefund(field: (from: number, bytes: number) => string, byteOffset: number, amountFen: number): void {
    const add = (code: InspectionCode, from: number): void => {
      this.#findings.add(code, { byteOffset: byteOffset + from });
    };
    this.#refundRecords += 1;
    this.#refundFen += amountFen;
    const act = `${field(7, 19)}${field(288, 3)}${field(389, 4)}`;
    const givenBack = (this.#refunds.get(act) ?? 0) + amountFen;
    this.#refunds.set(act, givenBack);
    if (givenBack > Number(field(410, 12))) add('adjustment_beyond_original', 26);
    if (!/^\d{16}$/.test(field(171, 16))) add('field_not_digits', 171);
    else if (!isMonthDay(field(171, 4)) || !isTimeOfDay(field(175, 6))) add('date_invalid', 171);
    const refund = this.#expected?.tc526.refund;
    if (refund !== undefined && refund?.transactionCode !== field(0, 3)) add('field_value_invalid', 0);
  }

  #name(bytes: Buffer, byteOffset: number): string {
    try {
      return this.#gb18030.decode(bytes).trimEnd();
    } catch {
      this.#findings.add('encoding_invalid', { byteOffset });
      return '';
    }
  }

  #judgeValues(field: (from: number, bytes: number) => string, byteOffset: number, isRefund: boolean): void {
    const add = (code: InspectionCode, from: number): void => {
      this.#findings.add(code, { byteOffset: byteOffset + from });
    };
    if (!/^\d{12,19} *$/.test(field(7, 19))) add('field_value_invalid', 7);
    if (!isMonthDay(field(41, 4)) || !isTimeOfDay(field(45, 6))) add('date_invalid', 41);
    const date = field(397, 6);
    if (!isDate(`20${date.slice(0, 2)}-${date.slice(2, 4)}-${date.slice(4)}`)) add('date_invalid', 397);
    const expiry = field(426, 4);
    if (expiry.trim() !== '' && !/^\d\d(0[1-9]|1[0-2])$/.test(expiry)) add('date_invalid', 426);
    if (!/^([0-9A-F]{2})* *$/.test(field(325, 64))) add('field_not_hex', 325);
    if (field(430, 2) !== '40') add('field_value_invalid', 430);
    if (Number(field(26, 12)) === 0) add('amount_zero', 26);
    const isSigned = isRefund || field(26, 12) === field(410, 12);
    if (!isSigned || field(38, 3) !== field(422, 3)) add('amounts_differ', 410);
    if (!isRefund && !this.#acts.add(`${field(7, 19)}${field(288, 3)}${field(389, 4)}`))
      add('presentment_repeated', 389);
    if (this.#expected === null) return;
    if (field(38, 3) !== '156') add('currency_not_of_profile', 38);
    if (field(216, 11).trimEnd() !== this.#expected.institutionId) add('bank_not_of_profile', 216);
  }

  /** Header and trailer are the partner's: only a profile says what they hold. Our own default trailer is known without one. */
  #judgeEnds(header: string, trailer: string): void {
    const trailerAt = { byteOffset: this.#offset };
    const expected = this.#expected;
    // Whatever a partner's trailer holds, it is not the beginning of a record: there the file was cut off.
    if (BEGINNING_OF_RECORD.test(trailer)) this.#findings.add('truncated', trailerAt);
    if (expected !== null) {
      const fields = readTemplate(expected.tc526.header, header);
      if (fields === null) this.#findings.add('header_not_of_profile', { byteOffset: 0 });
      else if (
        (fields['institution'] ?? expected.institutionId) !== expected.institutionId ||
        (fields['party'] ?? expected.party) !== expected.party
      ) {
        this.#findings.add('bank_not_of_profile', { byteOffset: 0 });
      }
    }
    const templates = expected === null ? OWN_TRAILERS : [expected.tc526.trailer];
    const totals = templates.map((template) => readTemplate(template, trailer)).find((read) => read !== null);
    if (totals === undefined) {
      if (expected !== null || trailer.startsWith('TGTC526T') || header.startsWith('TGTC526H')) {
        this.#findings.add('header_not_of_profile', trailerAt);
      }
      return;
    }
    const net = [...this.#sums.values()].reduce((a, b) => a + b, 0);
    const differs = (name: string, value: number): boolean =>
      totals[name] !== undefined && Number(totals[name]) !== value;
    if (differs('records', this.#records - this.#refundRecords) || differs('refunds', this.#refundRecords))
      this.#findings.add('count_wrong', trailerAt);
    if (differs('totalFen', net + this.#refundFen) || differs('refundFen', this.#refundFen))
      this.#findings.add('sum_wrong', trailerAt);
    // A trailer that does not count refunds would let them be added or taken away unseen.
    if (this.#refundRecords > 0 && totals['refunds'] === undefined)
      this.#findings.add('count_wrong', trailerAt);
  }
}
