import { isCnapsCode } from '../cnaps-code.ts';
import {
  Findings,
  type ExpectedParty,
  type FormatReader,
  type Inspection,
  type InspectionCode,
} from '../inspect/inspection.ts';
import { ActSet } from '../inspect/act-set.ts';
import { AdjustmentLines } from '../inspect/adjustment-lines.ts';
import { LineSplitter, type Line } from '../inspect/line-splitter.ts';
import { isDate, isDigits, isFen, isHex, isInstant } from '../inspect/value-forms.ts';

/** Reads and judges `deferred-charge`, editions 1 and 2, after deferred-charge.md; shares no code with the writer. */
const LINE_BYTES_MAX = 4_096;
const FIELDS_OF = {
  1: { H: 8, C: 10, T: 22, Z: 4 },
  2: { H: 8, C: 10, T: 22, A: 14, Z: 8 },
} as const satisfies Record<number, Readonly<Record<string, number>>>;

/** What one charge says, for a caller that wants more than the verdict. */
export type ReadCharge = {
  readonly pan: string;
  readonly psn: string;
  readonly serviceDate: string;
  readonly amountFen: number;
  readonly taps: readonly ReadTap[];
};
export type ReadTap = {
  readonly terminalId: string;
  readonly tapSequence: number;
  readonly tappedAt: string;
  readonly cryptogram: string;
  readonly atc: string;
  readonly unpredictableNumber: string;
  readonly amount9F02: string;
};

/** What one line of an adjustment says. */
export type ReadAdjustment = {
  readonly adjustmentId: string;
  readonly pan: string;
  readonly psn: string;
  readonly serviceDate: string;
  readonly terminalId: string;
  readonly tapSequence: number;
  readonly atc: string;
  readonly beforeFen: number;
  readonly afterFen: number;
  readonly differenceFen: number;
  readonly reason: string;
  readonly presentedOn: string;
};

type OpenCharge = {
  readonly fields: readonly string[];
  readonly expectedTaps: number;
  readonly taps: ReadTap[];
};

export class DeferredChargeReader implements FormatReader {
  readonly #findings = new Findings();
  readonly #expected: ExpectedParty | null;
  readonly #onCharge: (charge: ReadCharge) => void;
  readonly #onAdjustment: (adjustment: ReadAdjustment) => void;
  readonly #acts = new ActSet();
  readonly #adjustments = new AdjustmentLines();
  readonly #lines: LineSplitter;
  #place: { line: number; byteOffset: number } = { line: 1, byteOffset: 0 };
  #phase: 'header' | 'body' | 'end' = 'header';
  #open: OpenCharge | null = null;
  #records = 0;
  #taps = 0;
  #sum = 0;
  #edition: 1 | 2 = 1;
  #clearingDate = '';

  constructor(
    expected: ExpectedParty | null,
    onCharge: (charge: ReadCharge) => void = () => undefined,
    onAdjustment: (adjustment: ReadAdjustment) => void = () => undefined,
  ) {
    this.#expected = expected;
    this.#onCharge = onCharge;
    this.#onAdjustment = onAdjustment;
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
    else if (rest !== null)
      this.#findings.add('truncated', { line: rest.number, byteOffset: rest.byteOffset });
    else if (this.#phase !== 'end') this.#findings.add('truncated', this.#place);
    const schemaValid = !this.#findings.schemaBroken;
    return {
      format: 'deferred-charge',
      schemaValid,
      businessValid: schemaValid && !this.#findings.businessBroken,
      records: this.#records + this.#adjustments.lines,
      totals:
        this.#records + this.#adjustments.lines === 0
          ? []
          : [{ currency: 'CNY', minor: this.#sum + this.#adjustments.netFen }],
      errors: this.#findings.errors,
    };
  }

  #line(line: Line): void {
    this.#place = { line: line.number, byteOffset: line.byteOffset };
    const text = Buffer.from(line.bytes).toString('latin1');
    if (!/^[\x20-\x7e]*$/.test(text)) {
      this.#add('encoding_invalid');
      return;
    }
    const [letter = '', ...fields] = text.split('|');
    if (this.#phase === 'end') {
      this.#add('trailing_bytes');
      return;
    }
    const fieldsOf: Readonly<Record<string, number>> = FIELDS_OF[this.#edition];
    if (fields.length + 1 !== fieldsOf[letter]) {
      this.#add('line_malformed');
      return;
    }
    if ((letter === 'H') !== (this.#phase === 'header')) {
      this.#add('line_misplaced');
      return;
    }
    switch (letter) {
      case 'H':
        this.#header(fields);
        return;
      case 'C':
        this.#closeCharge();
        this.#charge(fields);
        return;
      case 'T':
        this.#tap(fields);
        return;
      case 'A':
        this.#closeCharge();
        this.#adjustment(fields);
        return;
      default:
        this.#closeCharge();
        this.#trailer(fields);
    }
  }

  #header([, edition, party, cnaps = '', date = '', sequence = '', currency]: readonly string[]): void {
    this.#phase = 'body';
    if (edition !== '1' && edition !== '2') this.#add('edition_unsupported');
    this.#edition = edition === '2' ? 2 : 1;
    this.#clearingDate = date;
    if (!isDate(date)) this.#add('date_invalid');
    if (!isDigits(sequence) || currency !== '156') this.#add('field_value_invalid');
    if (!isCnapsCode(cnaps)) this.#add('cnaps_check_digit_wrong');
    const expected = this.#expected;
    if (expected === null) return;
    if (party !== expected.party || (expected.cnapsCode !== null && cnaps !== expected.cnapsCode)) {
      this.#add('bank_not_of_profile');
    }
  }

  #charge(fields: readonly string[]): void {
    const [no, pan = '', psn = '', expiry = '', date = '', amount = '', first = '', last = '', taps = ''] =
      fields;
    if (this.#adjustments.lines > 0) this.#add('line_misplaced');
    this.#records += 1;
    if (no !== String(this.#records)) this.#add('item_number_wrong');
    if (!/^\d{12,19}$/.test(pan) || !/^\d{2}$/.test(psn) || !/^(\d{2}(0[1-9]|1[0-2]))?$/.test(expiry))
      this.#add('field_value_invalid');
    if (!isDate(date) || !isInstant(first) || !isInstant(last)) this.#add('date_invalid');
    else if (first > last) this.#add('times_reversed');
    if (!isFen(amount) || !isDigits(taps)) this.#add('field_not_digits');
    else if (amount === '0') this.#add('amount_zero');
    this.#sum += isFen(amount) ? Number(amount) : 0;
    this.#open = { fields, expectedTaps: Number(taps), taps: [] };
  }

  #tap(fields: readonly string[]): void {
    const open = this.#open;
    const [no, terminalId = '', sequence = '', at = '', kind = '', lineId = '', , ...objects] = fields;
    if (open === null || no !== open.fields[0]) {
      this.#add('line_misplaced');
      return;
    }
    this.#taps += 1;
    if (!/^[0-9A-Z]{8}$/.test(terminalId) || !['entry', 'exit', 'single'].includes(kind) || lineId === '')
      this.#add('field_value_invalid');
    if (!isDigits(sequence)) this.#add('field_not_digits');
    if (!isInstant(at)) this.#add('date_invalid');
    if (!objects.every(isHex)) this.#add('field_not_hex');
    const [cryptogram = '', , , atc = '', , number = '', amount9F02 = ''] = objects;
    if (cryptogram.length !== 16 || atc.length !== 4 || number.length !== 8 || !/^\d{12}$/.test(amount9F02))
      this.#add('field_value_invalid');
    const [, pan = '', psn = ''] = open.fields;
    if (!this.#acts.add(`${pan}|${psn}|${atc}`)) this.#add('presentment_repeated');
    open.taps.push({
      terminalId,
      tapSequence: Number(sequence),
      tappedAt: at,
      cryptogram,
      atc,
      unpredictableNumber: number,
      amount9F02,
    });
  }

  #adjustment(fields: readonly string[]): void {
    const [no, adjustmentId = '', pan = '', psn = '', serviceDate = '', terminalId = ''] = fields;
    const [sequence = '', atc = '', before = '', after = '', difference = '', reason = ''] = fields.slice(6);
    const presentedOn = fields[12] ?? '';
    if (no !== String(this.#adjustments.lines + 1)) this.#add('item_number_wrong');
    if (!/^[0-9A-F]{32}$/.test(adjustmentId) || !/^[0-9A-F]{4}$/.test(atc)) this.#add('field_not_hex');
    if (!/^\d{12,19}$/.test(pan) || !/^\d{2}$/.test(psn) || !/^[0-9A-Z]{8}$/.test(terminalId))
      this.#add('field_value_invalid');
    if (!isDigits(sequence)) this.#add('field_not_digits');
    if (!isDate(serviceDate) || !isDate(presentedOn)) this.#add('date_invalid');
    // A change may come with its ride and never before it.
    if (presentedOn > this.#clearingDate) this.#add('adjustment_out_of_turn');
    const ride = `${pan}|${psn}|${atc}`;
    const codes = this.#adjustments.judge({ adjustmentId, ride, before, after, difference, reason });
    for (const code of codes) this.#add(code);
    this.#onAdjustment({
      ...{ adjustmentId, pan, psn, serviceDate, terminalId, atc, reason, presentedOn },
      tapSequence: Number(sequence),
      beforeFen: Number(before),
      afterFen: Number(after),
      differenceFen: Number(difference),
    });
  }

  #closeCharge(): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    if (open.taps.length !== open.expectedTaps || open.taps.length === 0) this.#add('line_misplaced');
    const [, pan = '', psn = '', , serviceDate = '', amount = '', first, last] = open.fields;
    const times = open.taps.map((tap) => tap.tappedAt).sort();
    if (times[0] !== first || times.at(-1) !== last) this.#add('field_value_invalid');
    this.#onCharge({ pan, psn, serviceDate, amountFen: Number(amount), taps: open.taps });
  }

  #trailer(fields: readonly string[]): void {
    const [charges = '', taps = '', total = '', lines = '', extra = '', reduced = '', net = ''] = fields;
    this.#phase = 'end';
    if (![charges, taps, total].every(isFen)) {
      this.#add('field_not_digits');
      return;
    }
    if (Number(charges) !== this.#records || Number(taps) !== this.#taps) this.#add('count_wrong');
    if (Number(total) !== this.#sum) this.#add('sum_wrong');
    if (this.#edition === 1) return;
    for (const code of this.#adjustments.judgeSums({ lines, extra, reduced, net }, this.#sum))
      this.#add(code);
  }

  #add(code: InspectionCode): void {
    this.#findings.add(code, this.#place);
  }
}
