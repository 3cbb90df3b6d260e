import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { ParseOption, XmlDocument, XmlElement, XmlValidateError, XsdValidator } from 'libxml2-wasm';
import type { SchemaVerdict } from './message-reader.ts';

/** A document is held in memory as a tree of about ten times its size. */
export const SCHEMA_BYTES_MAX = 128 * 1024 * 1024;

const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:';
const MESSAGES = `//*[local-name()='Document' or local-name()='AppHdr'][starts-with(namespace-uri(), '${NAMESPACE}')]`;
/** A schema and what it says of a file never reach for the network, another file or an entity. */
const OPTIONS = {
  option: ParseOption.XML_PARSE_NONET | ParseOption.XML_PARSE_NO_XXE | ParseOption.XML_PARSE_BIG_LINES,
};

/**
 * Schemas of a folder, one file a message (`pain.008.001.08.xsd`), each compiled when it is first needed. libxml2-wasm is libxml2
 * itself, compiled to WebAssembly: no native build, and its verdicts are xmllint's.
 */
export class SchemaFolder {
  readonly #folder: string;
  readonly #validators = new Map<string, XsdValidator | null>();

  /** @throws Error when the folder is not there */
  constructor(folder: string) {
    if (!existsSync(folder)) throw new Error('the folder of schemas is not there');
    this.#folder = folder;
  }

  /**
   * Validates every Document and AppHdr of a file against the schema of its message, whatever envelope stands around. Null where
   * none of them has a schema in the folder, or the file is too large for a tree. Texts of libxml2 quote values, so only places are reported.
   */
  judge(file: string): SchemaVerdict | null {
    if (statSync(file).size > SCHEMA_BYTES_MAX) return null;
    let document: XmlDocument;
    try {
      document = XmlDocument.fromBuffer(readFileSync(file), OPTIONS);
    } catch {
      return { valid: false, lines: [] };
    }
    try {
      const lines: number[] = [];
      let judged = false;
      let valid = true;
      for (const node of document.find(MESSAGES)) {
        if (!(node instanceof XmlElement)) continue;
        const validator = this.#validatorOf(node.namespaceUri.slice(NAMESPACE.length));
        if (validator === null) continue;
        judged = true;
        const errors = errorLines(validator, node);
        if (errors !== null) {
          valid = false;
          lines.push(...errors);
        }
      }
      return judged ? { valid, lines } : null;
    } finally {
      document.dispose();
    }
  }

  #validatorOf(message: string): XsdValidator | null {
    const present = this.#validators.get(message);
    if (present !== undefined) return present;
    const made = this.#compile(message);
    this.#validators.set(message, made);
    return made;
  }

  #compile(message: string): XsdValidator | null {
    if (!/^[a-z]{4}\.\d{3}\.\d{3}\.\d{2}$/.test(message)) return null;
    const file = path.join(this.#folder, `${message}.xsd`);
    if (!existsSync(file)) return null;
    const schema = XmlDocument.fromBuffer(readFileSync(file), OPTIONS);
    try {
      return XsdValidator.fromDoc(schema);
    } finally {
      schema.dispose();
    }
  }
}

/** @returns null when the element is valid */
function errorLines(validator: XsdValidator, element: XmlElement): number[] | null {
  try {
    validator.validate(element);
    return null;
  } catch (error) {
    if (error instanceof XmlValidateError) return error.details.map((detail) => detail.line);
    throw error;
  }
}
