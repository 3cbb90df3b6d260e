import { Findings, type FormatReader, type Inspection, type InspectionCode } from '../inspect/inspection.ts';
import { AdjustmentLines } from '../inspect/adjustment-lines.ts';
import { LineSplitter, type Line } from '../inspect/line-splitter.ts';
import { isDate, isFen, isInstant } from '../inspect/value-forms.ts';

/** Reads and judges `subsidy-claim` (subsidy-claim.ts says what it is); shares no code with the writer. */
const LINE_BYTES_MAX = 4_096;
const COLUMNS =
  'service_date,journey_id,card_pseudonym,operator_id,line_id,mode,rider_category,concession_rule_id,rule_set_version,started_at,entry_tap,exit_tap,list_fare_fen,fare_fen,shortfall_fen,claimed_fen';
const CHANGE_COLUMNS =
  'adjustment_id,journey_id,service_date,card_pseudonym,operator_id,line_id,concession_rule_id,reason,claimed_on,claimed_before_fen,claimed_after_fen,difference_fen';

export class SubsidyClaimReader implements FormatReader {
  readonly #findings = new Findings();
  readonly #rides = new Set<string>();
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true });
  readonly #lines: LineSplitter;
  #place: { line: number; byteOffset: number } = { line: 1, byteOffset: 0 };
  #ended = false;
  readonly #changes = new AdjustmentLines();
  #edition = '1';
  #clearingDate = '';
  #inChanges = false;
  #records = 0;
  #sum = 0;

  constructor() {
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
    else if (!this.#ended) this.#findings.add('truncated', this.#place);
    const schemaValid = !this.#findings.schemaBroken;
    return {
      format: 'subsidy-claim',
      schemaValid,
      businessValid: schemaValid && !this.#findings.businessBroken,
      records: this.#records + this.#changes.lines,
      totals:
        this.#records + this.#changes.lines === 0
          ? []
          : [{ currency: 'CNY', minor: this.#sum + this.#changes.netFen }],
      errors: this.#findings.errors,
    };
  }

  #line(line: Line): void {
    this.#place = { line: line.number, byteOffset: line.byteOffset };
    const text = this.#decoded(line);
    if (text === null) return;
    if (this.#ended) {
      this.#add('trailing_bytes');
      return;
    }
    if (line.number === 1) this.#title(text);
    else if (line.number === 2) {
      if (text !== COLUMNS) this.#add('line_malformed');
    } else if (this.#edition === '2' && !this.#inChanges && text === CHANGE_COLUMNS) this.#inChanges = true;
    else this.#body(text);
  }

  #body(text: string): void {
    const fields = fieldsOf(text);
    if (fields?.[0] === 'total' && fields.length === (this.#edition === '2' ? 7 : 3)) this.#total(fields);
    else if (fields?.length === 16 && !this.#inChanges) this.#ride(fields);
    else if (fields?.length === 12 && this.#inChanges) this.#change(fields);
    else this.#add('line_malformed');
  }

  #decoded(line: Line): string | null {
    if (line.bytes.at(-1) !== 0x0d) {
      this.#add('line_end_wrong');
      return null;
    }
    try {
      return this.#utf8.decode(line.bytes.subarray(0, -1));
    } catch {
      this.#add('encoding_invalid');
      return null;
    }
  }

  #title(text: string): void {
    // TextDecoder takes the byte order mark off.
    const [name, edition, funder, date = '', sequence = ''] = fieldsOf(text) ?? [];
    if (name !== 'TapGate subsidy claim' || funder === undefined || !/^\d+$/.test(sequence))
      this.#add('line_malformed');
    if (edition !== '1' && edition !== '2') this.#add('edition_unsupported');
    this.#edition = edition ?? '';
    this.#clearingDate = date;
    if (!isDate(date)) this.#add('date_invalid');
  }

  #change(fields: readonly string[]): void {
    const [adjustmentId = '', journey = '', date = '', card = ''] = fields;
    const [reason = '', claimedOn = '', before = '', after = '', difference = ''] = fields.slice(7);
    if (!isDate(date) || (claimedOn !== '' && !isDate(claimedOn))) this.#add('date_invalid');
    const ids = [adjustmentId, journey, card];
    if (!ids.every((id) => /^[0-9A-F]{32,64}$/.test(id))) this.#add('field_not_hex');
    // Claimed before the change with the ride, or with it; never after it.
    if (claimedOn > this.#clearingDate) this.#add('adjustment_out_of_turn');
    const line = { adjustmentId, ride: journey, before, after, difference, reason };
    for (const code of this.#changes.judge(line)) this.#add(code);
  }

  #ride(fields: readonly string[]): void {
    this.#records += 1;
    const [date = '', journey = '', card = '', , , , , , , startedAt = ''] = fields;
    if (!isDate(date) || !isInstant(startedAt)) this.#add('date_invalid');
    if (!/^[0-9A-F]{32,64}$/.test(journey) || !/^[0-9A-F]{32}$/.test(card)) this.#add('field_not_hex');
    if (this.#rides.has(journey)) this.#add('id_repeated');
    this.#rides.add(journey);
    const amounts = fields.slice(12);
    if (!amounts.every(isFen)) {
      this.#add('field_not_digits');
      return;
    }
    const [list = 0, fare = 0, shortfall = 0, claimed = 0] = amounts.map(Number);
    if (list - fare !== shortfall) this.#add('claim_arithmetic_wrong');
    this.#sum += claimed;
  }

  #total(fields: readonly string[]): void {
    const [, records = '', sum = '', lines = '', extra = '', reduced = '', net = ''] = fields;
    this.#ended = true;
    if (this.#edition === '2') {
      if (!this.#inChanges) this.#add('line_misplaced');
      const codes = this.#changes.judgeSums({ lines, extra, reduced, net }, this.#sum);
      for (const code of codes) this.#add(code);
    }
    if (!isFen(records) || !isFen(sum)) this.#add('field_not_digits');
    if (Number(records) !== this.#records) this.#add('count_wrong');
    if (Number(sum) !== this.#sum) this.#add('sum_wrong');
  }

  #add(code: InspectionCode): void {
    this.#findings.add(code, this.#place);
  }
}

/** Fields of a line of CSV (RFC 4180) that holds no line end inside; null when its quotes do not close. */
function fieldsOf(text: string): string[] | null {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = field.exec(text);
    if (match === null) return null;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') return fields;
  }
}
