import { Findings, type FormatReader, type Inspection, type InspectionCode } from '../inspect/inspection.ts';
import { LineSplitter, type Line } from '../inspect/line-splitter.ts';
import { isDate, isFen, isInstant } from '../inspect/value-forms.ts';

/** Reads and judges `subsidy-claim` (subsidy-claim.ts says what it is); shares no code with the writer. */
const LINE_BYTES_MAX = 4_096;
const COLUMNS =
  'service_date,journey_id,card_pseudonym,operator_id,line_id,mode,rider_category,concession_rule_id,rule_set_version,started_at,entry_tap,exit_tap,list_fare_fen,fare_fen,shortfall_fen,claimed_fen';

export class SubsidyClaimReader implements FormatReader {
  readonly #findings = new Findings();
  readonly #rides = new Set<string>();
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true });
  readonly #lines: LineSplitter;
  #place: { line: number; byteOffset: number } = { line: 1, byteOffset: 0 };
  #ended = false;
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
      records: this.#records,
      totals: this.#records === 0 ? [] : [{ currency: 'CNY', minor: this.#sum }],
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
    } else this.#ride(text);
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
    if (edition !== '1') this.#add('edition_unsupported');
    if (!isDate(date)) this.#add('date_invalid');
  }

  #ride(text: string): void {
    const fields = fieldsOf(text);
    if (fields?.[0] === 'total' && fields.length === 3) {
      this.#total(fields[1] ?? '', fields[2] ?? '');
      return;
    }
    if (fields?.length !== 16) {
      this.#add('line_malformed');
      return;
    }
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

  #total(records: string, sum: string): void {
    this.#ended = true;
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
