import { isUtf8 } from 'node:buffer';
import { SaxesParser, type SaxesTagNS } from 'saxes';
import type { Findings } from '../inspect/inspection.ts';
import type { Place } from './grammar-check.ts';

/**
 * Reads XML as a stream. saxes is used because it checks well-formedness strictly, knows namespaces and expands no entity but
 * the five of XML; it reads a document type without acting on it, and we refuse one where it begins.
 */
export const XML_BYTES_MAX = 1024 * 1024 * 1024;
const DEPTH_MAX = 64;
const TEXT_CHARACTERS_MAX = 1_000_000;

export type XmlElement = {
  readonly name: string;
  readonly namespace: string;
  /** without namespace declarations and xsi attributes; but for xsi:nil, as no element of a message may be nil */
  readonly attributes: ReadonlyMap<string, string>;
};

export type XmlConsumer = {
  open(element: XmlElement, place: Place): void;
  close(text: string, place: Place): void;
};

const XSI = 'http://www.w3.org/2001/XMLSchema-instance';

/** Says why nothing more is read. */
class Stop extends Error {}

export class XmlReader {
  readonly #findings: Findings;
  readonly #consumer: XmlConsumer;
  readonly #parser: SaxesParser<{ xmlns: true }>;
  #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #path: { readonly step: string; readonly seen: Map<string, number> }[] = [];
  readonly #texts: string[] = [];
  #bytes = 0;
  #stopped = false;
  #started = false;
  /** a decoder of that name would take windows-1252 */
  #asciiOnly = false;

  constructor(findings: Findings, consumer: XmlConsumer) {
    this.#findings = findings;
    this.#consumer = consumer;
    const parser = new SaxesParser({ xmlns: true });
    this.#parser = parser;
    parser.on('error', () => this.#refuse('xml_not_well_formed'));
    parser.on('doctype', () => this.#refuse('xml_doctype_refused'));
    parser.on('opentag', (tag) => {
      this.#open(tag);
    });
    parser.on('closetag', () => {
      this.#close();
    });
    const addText = (text: string): void => {
      const at = this.#texts.length - 1;
      if (at < 0) return;
      const joined = (this.#texts[at] ?? '') + text;
      if (joined.length > TEXT_CHARACTERS_MAX) this.#refuse('xml_text_too_long');
      this.#texts[at] = joined;
    };
    parser.on('text', addText);
    parser.on('cdata', addText);
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  push(bytes: Uint8Array): void {
    if (this.#stopped) return;
    this.#bytes += bytes.length;
    try {
      if (this.#bytes > XML_BYTES_MAX) this.#refuse('file_too_large');
      if (!this.#started) this.#chooseEncoding(bytes);
      this.#write(bytes);
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
    }
  }

  end(): void {
    if (this.#stopped) return;
    try {
      this.#write(null);
      this.#parser.close();
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
    }
  }

  /** Only UTF-8 is agreed; another encoding that is declared is read so that the rest can be judged, and named as an error. */
  #chooseEncoding(first: Uint8Array): void {
    this.#started = true;
    const head = Buffer.from(first.subarray(0, 200)).toString('latin1');
    const utf16 = /^(\xff\xfe|<\0)/.test(head)
      ? 'utf-16le'
      : /^(\xfe\xff|\0<)/.test(head)
        ? 'utf-16be'
        : null;
    const declared =
      utf16 ?? /^(?:\xef\xbb\xbf)?<\?xml[^>]*\bencoding\s*=\s*["']([\w.-]+)["']/.exec(head)?.[1];
    if (declared === undefined || /^utf-?8$/i.test(declared)) return;
    if (/^(us-)?ascii$/i.test(declared)) {
      this.#asciiOnly = true;
      return;
    }
    this.#findings.add('encoding_not_utf8', { line: 1 });
    try {
      this.#decoder = new TextDecoder(declared, { fatal: true });
    } catch {
      this.#refuse('encoding_invalid');
    }
  }

  #write(bytes: Uint8Array | null): void {
    const offset = this.#bytes - (bytes?.length ?? 0);
    const good = bytes === null ? 0 : this.#decodable(bytes);
    let text: string;
    try {
      // What was decoded so far is kept by the decoder: only a character that was begun can be broken now.
      text =
        bytes === null
          ? this.#decoder.decode()
          : this.#decoder.decode(bytes.subarray(0, good), { stream: true });
    } catch {
      this.#refuse('encoding_invalid', offset);
    }
    this.#parser.write(text);
    if (bytes !== null && good < bytes.length) this.#refuse('encoding_invalid', offset + good);
  }

  /** How many bytes from the beginning are characters: all, in a good file. */
  #decodable(bytes: Uint8Array): number {
    if (this.#asciiOnly) {
      const wrong = bytes.findIndex((byte) => byte > 0x7f);
      return wrong < 0 ? bytes.length : wrong;
    }
    // Where a piece begins inside a character, the decoder that reads it knows more than a fresh one; only UTF-8 is searched.
    if (this.#decoder.encoding !== 'utf-8' || isUtf8(bytes)) return bytes.length;
    let from = 0;
    while (from < 3 && ((bytes[from] ?? 0) & 0xc0) === 0x80) from += 1;
    const decodes = (upTo: number): boolean => {
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(from, upTo), { stream: true });
        return true;
      } catch {
        return false;
      }
    };
    if (decodes(bytes.length)) return bytes.length;
    let [good, bad] = [from, bytes.length];
    while (bad - good > 1) {
      const middle = (good + bad) >> 1;
      if (decodes(middle)) good = middle;
      else bad = middle;
    }
    return good;
  }

  #refuse(
    code:
      | 'xml_not_well_formed'
      | 'xml_doctype_refused'
      | 'xml_too_deep'
      | 'xml_text_too_long'
      | 'file_too_large'
      | 'encoding_invalid',
    byteOffset?: number,
  ): never {
    const place = { line: this.#parser.line, ...(byteOffset === undefined ? {} : { byteOffset }) };
    if (!this.#stopped) this.#findings.add(code, place);
    this.#stopped = true;
    throw new Stop();
  }

  #open(tag: SaxesTagNS): void {
    const parent = this.#path.at(-1);
    const number = (parent?.seen.get(tag.local) ?? 0) + 1;
    parent?.seen.set(tag.local, number);
    if (this.#path.length >= DEPTH_MAX) this.#refuse('xml_too_deep');
    this.#path.push({ step: number === 1 ? tag.local : `${tag.local}[${number}]`, seen: new Map() });
    this.#texts.push('');
    const attributes = new Map<string, string>();
    for (const attribute of Object.values(tag.attributes)) {
      if (attribute.value.length > TEXT_CHARACTERS_MAX) this.#refuse('xml_text_too_long');
      if (
        (attribute.uri === XSI && attribute.local !== 'nil') ||
        attribute.prefix === 'xmlns' ||
        attribute.name === 'xmlns'
      )
        continue;
      attributes.set(attribute.uri === '' ? attribute.local : attribute.name, attribute.value);
    }
    this.#consumer.open({ name: tag.local, namespace: tag.uri, attributes }, this.#place());
  }

  #close(): void {
    this.#consumer.close(this.#texts.pop() ?? '', this.#place());
    this.#path.pop();
  }

  #place(): Place {
    const line = this.#parser.line;
    const path = this.#path;
    return {
      line,
      get xpath() {
        return `/${path.map((entry) => entry.step).join('/')}`;
      },
    };
  }
}
