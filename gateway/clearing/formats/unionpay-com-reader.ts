import {
  Findings,
  type ExpectedParty,
  type FormatReader,
  type Inspection,
  type InspectionCode,
} from '../inspect/inspection.ts';
import { LineSplitter, type Line } from '../inspect/line-splitter.ts';
import { isMonthDay, isTimeOfDay } from '../inspect/value-forms.ts';

/**
 * Reads the interchange network's general transaction detail (COM family, clearing.md 1.4): one line a transaction, GBK, one blank
 * between fields. Fields up to byte 268 agree between two sources, [likely]; behind them editions differ, so a longer line is read by
 * the positions that are known and its tail is left alone.
 */
const LINE_BYTES_MAX = 4_096;
const KNOWN_BYTES = 268;

type Fill = 'd' | 'n' | 'a' | 'x';
/** from 0; n digits, d digits and blanks, x a letter C or D or a blank in front of digits, a anything printable */
// prettier-ignore
const LAYOUT: readonly (readonly [from: number, bytes: number, fill: Fill])[] = [
  [0, 11, 'd'], [12, 11, 'd'], [24, 6, 'n'], [31, 10, 'n'], [42, 19, 'd'], [62, 12, 'n'], [75, 12, 'd'], [88, 12, 'x'], [101, 4, 'n'], [106, 6, 'n'],
  [113, 4, 'd'], [118, 8, 'a'], [127, 15, 'a'], [143, 12, 'a'], [156, 2, 'a'], [159, 6, 'a'], [166, 11, 'd'], [178, 6, 'd'], [185, 2, 'a'], [188, 3, 'd'],
  [192, 12, 'x'], [205, 12, 'x'], [218, 12, 'x'], [231, 1, 'a'], [233, 3, 'd'], [237, 1, 'a'], [239, 1, 'a'], [241, 10, 'd'], [252, 11, 'd'], [264, 1, 'a'],
  [266, 2, 'a'],
];

const FORMS: Readonly<Record<Fill, RegExp>> = {
  n: /^\d+$/,
  d: /^[\d ]*$/,
  x: /^[CD ]?[\d ]*$/,
  a: /^[\x20-\x7e]*$/,
};

export class UnionpayComReader implements FormatReader {
  readonly #findings = new Findings();
  readonly #expected: ExpectedParty | null;
  // GB18030 holds all of GBK, and its decoder is the stricter one.
  readonly #gbk = new TextDecoder('gb18030', { fatal: true });
  readonly #keys = new Set<string>();
  readonly #lines: LineSplitter;
  #records = 0;
  #sum = 0;
  #place: { line: number; byteOffset: number } = { line: 1, byteOffset: 0 };

  constructor(expected: ExpectedParty | null) {
    this.#expected = expected;
    this.#lines = new LineSplitter(LINE_BYTES_MAX, (line) => {
      this.#line(line);
    });
  }

  get stopped(): boolean {
    return this.#lines.tooLong || this.#findings.hopeless;
  }

  push(bytes: Uint8Array): void {
    this.#lines.push(bytes);
  }

  end(): Inspection {
    const rest = this.#lines.end();
    if (this.#lines.tooLong) this.#findings.add('line_too_long', { line: this.#lines.lineNumber + 1 });
    // A last line without its end may be cut off: what is missing cannot be told.
    else if (rest !== null)
      this.#findings.add('truncated', { line: rest.number, byteOffset: rest.byteOffset });
    const schemaValid = !this.#findings.schemaBroken;
    return {
      format: 'unionpay-com',
      schemaValid,
      businessValid: schemaValid && !this.#findings.businessBroken,
      records: this.#records,
      totals: this.#records === 0 ? [] : [{ currency: 'CNY', minor: this.#sum }],
      errors: this.#findings.errors,
    };
  }

  #line(line: Line): void {
    this.#place = { line: line.number, byteOffset: line.byteOffset };
    this.#records += 1;
    const bytes = line.bytes.at(-1) === 0x0d ? line.bytes.subarray(0, -1) : line.bytes;
    const text = Buffer.from(bytes).toString('latin1');
    if (text.length < KNOWN_BYTES) {
      this.#add('truncated');
      return;
    }
    try {
      this.#gbk.decode(bytes);
    } catch {
      this.#add('encoding_invalid');
    }
    for (const [from, length, fill] of LAYOUT) {
      if (from > 0 && text[from - 1] !== ' ') this.#add('line_malformed', from - 1);
      if (!FORMS[fill].test(text.slice(from, from + length))) this.#add('field_not_digits', from);
    }
    this.#judgeValues(text);
  }

  #judgeValues(text: string): void {
    if (!isMonthDay(text.slice(31, 35)) || !isTimeOfDay(text.slice(35, 41))) this.#add('date_invalid', 31);
    const amount = Number(text.slice(62, 74));
    if (Number.isSafeInteger(amount)) this.#sum += amount;
    // Acquirer, forwarder, trace number and transmission time: the strongest key of reconciliation.
    const key = text.slice(0, 41);
    if (this.#keys.has(key)) this.#add('id_repeated', 0);
    this.#keys.add(key);
    const issuer = text.slice(252, 263).trim();
    if (this.#expected !== null && issuer !== '' && issuer !== this.#expected.institutionId) {
      this.#add('bank_not_of_profile', 252);
    }
  }

  #add(code: InspectionCode, at = 0): void {
    this.#findings.add(code, { line: this.#place.line, byteOffset: this.#place.byteOffset + at });
  }
}
