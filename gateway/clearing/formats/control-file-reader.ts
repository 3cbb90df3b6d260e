import { Findings, type FormatReader, type Inspection } from '../inspect/inspection.ts';
import { LineSplitter, type Line } from '../inspect/line-splitter.ts';

/** A line of a control file (control-file.ts says what it is). */
export type ReadControlLine = {
  readonly name: string;
  readonly bytes: number;
  readonly sm3: string;
  readonly sha256: string;
  readonly line: number;
};

const LINE_BYTES_MAX = 512;
const LINE = /^([A-Za-z0-9][A-Za-z0-9._-]{0,140}) (0|[1-9]\d{0,14}) ([0-9A-F]{64}) ([0-9A-F]{64})$/;

/** Reads a control file by itself; the files that it names are judged where they are (load-inspection.ts). */
export class ControlFileReader implements FormatReader {
  readonly #findings = new Findings();
  readonly #lines: LineSplitter;
  readonly #names = new Set<string>();
  readonly #read: ReadControlLine[] = [];

  constructor() {
    this.#lines = new LineSplitter(LINE_BYTES_MAX, (line) => {
      this.#line(line);
    });
  }

  get stopped(): boolean {
    return this.#lines.tooLong || this.#findings.hopeless;
  }

  /** what it names, after `end` */
  get lines(): readonly ReadControlLine[] {
    return this.#read;
  }

  push(bytes: Uint8Array): void {
    this.#lines.push(bytes);
  }

  end(): Inspection {
    const rest = this.#lines.end();
    if (this.#lines.tooLong) this.#findings.add('line_too_long', { line: this.#lines.lineNumber + 1 });
    else if (rest !== null)
      this.#findings.add('truncated', { line: rest.number, byteOffset: rest.byteOffset });
    // The signature is the last of every delivery: without it the list was cut off between two lines.
    else if (this.#read.at(-1)?.name.endsWith('.sig') !== true)
      this.#findings.add('truncated', { line: this.#lines.lineNumber + 1 });
    const schemaValid = !this.#findings.schemaBroken;
    return {
      format: 'control-file',
      schemaValid,
      businessValid: schemaValid && !this.#findings.businessBroken,
      records: this.#read.length,
      totals: [],
      errors: this.#findings.errors,
    };
  }

  #line({ bytes, number, byteOffset }: Line): void {
    const match = LINE.exec(Buffer.from(bytes).toString('latin1'));
    const [, name = '', size = '', sm3 = '', sha256 = ''] = match ?? [];
    if (match === null) {
      this.#findings.add('line_malformed', { line: number, byteOffset });
      return;
    }
    if (this.#names.has(name)) this.#findings.add('id_repeated', { line: number, byteOffset });
    this.#names.add(name);
    this.#read.push({ name, bytes: Number(size), sm3, sha256, line: number });
  }
}
