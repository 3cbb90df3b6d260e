import {
  ERRORS_MAX,
  Findings,
  INSPECTION_CODES,
  type ExpectedParty,
  type FormatReader,
  type Inspection,
  type InspectionError,
} from '../inspect/inspection.ts';
import { BookingRules } from './booking-rules.ts';
import { CollectionRules } from './collection-rules.ts';
import { inMinorUnits } from './decimal.ts';
import { GrammarCheck, type Place } from './grammar-check.ts';
import { grammarOf, isUnsupportedVersion } from './message-grammars.ts';
import { isBlank } from './simple-types.ts';
import { CommonRules, frozen, type MessageRules } from './message-rules.ts';
import { StatusRules } from './status-rules.ts';
import { XmlReader, type XmlConsumer, type XmlElement } from './xml-reader.ts';

const NAMESPACE = /^urn:iso:std:iso:20022:tech:xsd:([a-z]{4}\.\d{3}\.\d{3}\.\d{2})$/;

/** The message that a namespace names, e.g. pain.008.001.08. */
export function messageOfNamespace(namespace: string): string | null {
  return NAMESPACE.exec(namespace)?.[1] ?? null;
}

/** What a schema said of a file, with the lines of its errors. */
export type SchemaVerdict = { readonly valid: boolean; readonly lines: readonly number[] };

type OpenMessage = {
  readonly depth: number;
  readonly namespace: string;
  readonly check: GrammarCheck | null;
  readonly common: CommonRules;
  readonly rules: MessageRules | null;
  readonly path: string[];
  readonly attributes: ReadonlyMap<string, string>[];
};

/**
 * Judges an ISO 20022 file: every Document in it by the rules of its message, whatever envelope stands around. A message that
 * is not one of ours is well formed and no more is said of it.
 *
 * `schemaValid` is by our own typed rules, and null where there are none; the caller replaces it by a schema's verdict when it
 * has one. What does not hold its form has no business meaning either: then `businessValid` is false too.
 */
export class MessageReader implements FormatReader, XmlConsumer {
  readonly #findings = new Findings();
  readonly #xml = new XmlReader(this.#findings, this);
  readonly #expected: ExpectedParty | null;
  #depth = 0;
  #open: OpenMessage | null = null;
  #message: string | null = null;
  /** the first element in the namespace of a message, whatever its name */
  #stray: { readonly name: string; readonly place: Place } | null = null;
  #judged = false;
  #ruled = false;
  #unsupported = false;
  #records = 0;
  readonly #sums = new Map<string, bigint>();

  constructor(expected: ExpectedParty | null) {
    this.#expected = expected;
  }

  get stopped(): boolean {
    return this.#xml.stopped;
  }

  push(bytes: Uint8Array): void {
    this.#xml.push(bytes);
  }

  open(element: XmlElement, place: Place): void {
    this.#depth += 1;
    const message = this.#open;
    if (message !== null) {
      message.path.push(element.name);
      message.attributes.push(element.attributes);
      message.check?.open({ ...element, inNamespace: element.namespace === message.namespace }, place);
      message.rules?.opened?.(message.path.join('/'));
      return;
    }
    const name = messageOfNamespace(element.namespace);
    if (name === null) return;
    this.#stray ??= { name, place: frozen(place) };
    if (element.name === 'AppHdr') this.#message ??= name;
    if (element.name !== 'Document') return;
    this.#begin(name, element.namespace, place);
    if (this.#open?.check && element.attributes.size > 0) this.#findings.add('attribute_unexpected', place);
  }

  close(text: string, place: Place): void {
    this.#depth -= 1;
    const message = this.#open;
    if (message === null) return;
    if (this.#depth < message.depth) {
      if (message.check !== null && !isBlank(text)) this.#findings.add('text_unexpected', place);
      message.check?.end(place);
      this.#end(message);
      return;
    }
    const path = message.path.join('/');
    const attributes = message.attributes.at(-1) ?? new Map<string, string>();
    message.check?.close(text, place);
    if (message.rules !== null) message.common.closed({ path, text, attributes }, place);
    message.rules?.closed({ path, text, attributes }, place);
    message.path.pop();
    message.attributes.pop();
  }

  #begin(name: string, namespace: string, place: Place): void {
    this.#message = name;
    const grammar = grammarOf(name);
    this.#unsupported ||= isUnsupportedVersion(name);
    if (isUnsupportedVersion(name)) this.#findings.add('message_version_unsupported', place);
    this.#judged ||= grammar !== null;
    const rules = grammar === null ? null : this.#rulesOf(name);
    this.#ruled ||= rules !== null;
    this.#open = {
      depth: this.#depth,
      namespace,
      check: grammar === null ? null : new GrammarCheck(grammar, this.#findings),
      common: new CommonRules(this.#findings, this.#expected),
      rules,
      path: [],
      attributes: [],
    };
  }

  #rulesOf(message: string): MessageRules | null {
    if (message.startsWith('pain.008.')) return new CollectionRules(this.#findings, this.#expected);
    if (message.startsWith('pain.002.')) return new StatusRules(this.#findings);
    if (message.startsWith('camt.053.')) return new BookingRules(this.#findings, 'BkToCstmrStmt', 'Stmt');
    if (message.startsWith('camt.054.'))
      return new BookingRules(this.#findings, 'BkToCstmrDbtCdtNtfctn', 'Ntfctn');
    return null;
  }

  #end(message: OpenMessage): void {
    this.#open = null;
    if (message.rules === null) return;
    this.#records += message.rules.records;
    for (const [currency, sum] of message.rules.sums) {
      this.#sums.set(currency, (this.#sums.get(currency) ?? 0n) + sum);
    }
  }

  /** @param schema the verdict of a schema, which then counts in place of our own rules */
  end(schema: SchemaVerdict | null = null): Inspection {
    this.#xml.end();
    const findings = this.#findings;
    const wellFormed = !this.stopped;
    if (wellFormed && this.#message === null && this.#stray !== null) {
      this.#message = this.#stray.name;
      this.#ruled = true;
      this.#judged = true;
      findings.add('element_unexpected', this.#stray.place);
    }
    const bySchema = wellFormed ? schema : null;
    const schemaValid = bySchema?.valid ?? (wellFormed && !this.#judged ? null : !findings.schemaBroken);
    const ruled = this.#ruled || this.#unsupported;
    const businessValid =
      wellFormed && !ruled && !findings.businessBroken
        ? null
        : !findings.businessBroken && schemaValid !== false;
    return {
      format: this.#message ?? 'xml',
      schemaValid,
      businessValid,
      records: this.#records,
      totals: [...this.#sums]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([currency, sum]) => ({ currency, minor: plain(inMinorUnits(sum, currency).minor) })),
      errors: bySchema === null ? findings.errors : withSchemaErrors(findings.errors, bySchema),
    };
  }
}

/** A number where it is exact, which it is for every sum that was ever collected. */
function plain(minor: bigint): number | bigint {
  const number = Number(minor);
  return Number.isSafeInteger(number) ? number : minor;
}

/** Our own rules say the same in other words, with a path: they stay where the schema agrees that something is wrong. */
function withSchemaErrors(errors: readonly InspectionError[], schema: SchemaVerdict): InspectionError[] {
  const isOfForm = (error: InspectionError): boolean => INSPECTION_CODES[error.code].of === 'schema';
  if (schema.valid) return errors.filter((error) => !isOfForm(error));
  if (errors.some(isOfForm)) return [...errors];
  const named: InspectionError[] = schema.lines
    .slice(0, ERRORS_MAX)
    .map((line) => ({ code: 'schema_invalid', line }));
  return [...(named.length === 0 ? [{ code: 'schema_invalid', line: 1 } as const] : named), ...errors];
}
