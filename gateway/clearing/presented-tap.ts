import { bytesFromHex, hex } from '@tapgate/sdk/emv/hex';
import { firstCryptogramType, parseIad, type CryptogramType } from '@tapgate/sdk/emv/iad';
import { TAP_KINDS } from '@tapgate/sdk/wire/rails';
import type { PresentedTap, Withheld } from './clearing-batch.ts';

const PAN_LENGTHS = /^\d{12,19}$/;
const REQUIRED = ['9F26', '9F36', '9F37', '9F02'] as const;

/** Where each object of interest is taken from: the card's own (GPO response and records) or what the terminal sent it. */
const CARD_OBJECTS: ReadonlyMap<number, string> = tagNames('9F26 9F27 9F10 9F36 82 9F09 5A 57 5F24');
const TERMINAL_OBJECTS: ReadonlyMap<number, string> = tagNames(
  '9F37 9F02 9F03 95 9A 9C 9F1A 5F2A 9F33 9F1E 9F34 9F35 9F09 9F41',
);

function tagNames(tags: string): ReadonlyMap<number, string> {
  return new Map(tags.split(' ').map((tag) => [Number.parseInt(tag, 16), tag]));
}

/**
 * Reads from a tap record what a bank must see. The bytes are those that were accepted (their SM3 was compared when they were
 * opened), so their form was judged then; here they are only walked, because a day has ten million of them and building the
 * trees of the parsers takes five times as long. A record of which the walk falls out is withheld, not the whole batch.
 *
 * The terminal's own version number (9F09) stands before the card's (9F08 is the card's; a card that returns 9F09 does not count).
 *
 * @refuses evidence_unreadable for a record that does not walk; evidence_missing without PAN, AC, ATC, 9F37 or 9F02
 */
export function readPresentedTap(recordBytes: Uint8Array): PresentedTap | Withheld {
  const walk = new RecordWalk(recordBytes);
  if (!walk.run()) return { withheld: 'evidence_unreadable' };
  const { objects } = walk;
  const iad = objects.get('9F10');
  if (!objects.has('9F27') && iad !== undefined) {
    const cid = derivedCid(bytesFromHex(iad));
    if (cid !== null) objects.set('9F27', cid);
  }
  const pan = panDigits(walk.own('5A'), walk.own('57'));
  const expiry = walk.own('5F24') ?? '';
  if (pan === null || REQUIRED.some((tag) => !objects.has(tag))) return { withheld: 'evidence_missing' };
  const tapKind = TAP_KINDS[walk.number('C6')];
  if (tapKind === undefined) return { withheld: 'evidence_unreadable' };
  return {
    terminalId: walk.text('C2'),
    tapSequence: walk.number('C3'),
    tappedAtMs: walk.number('C4'),
    tapKind,
    lineId: walk.text('C7'),
    stationId: walk.text('C8') || null,
    pan,
    expiry,
    dfName: walk.own('CD') ?? '',
    objects,
  };
}

const RECORD_FIELDS: ReadonlyMap<number, string> = tagNames('C2 C3 C4 C6 C7 C8 CD');

/** One pass over a record's bytes. Its hex is made once; every object is a part of that text. */
class RecordWalk {
  readonly objects = new Map<string, string>();
  readonly #own = new Map<string, string>();
  readonly #bytes: Uint8Array;
  readonly #hex: string;
  #valueStart = 0;
  #valueEnd = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#hex = hex(bytes);
  }

  /** A field of the record or an object that is not presented under its tag, in hex. */
  own(tag: string): string | undefined {
    return this.#own.get(tag);
  }

  text(tag: string): string {
    const digits = this.#own.get(tag) ?? '';
    let text = '';
    for (let at = 0; at < digits.length; at += 2)
      text += String.fromCharCode(Number.parseInt(digits.slice(at, at + 2), 16));
    return text;
  }

  number(tag: string): number {
    return Number.parseInt(this.#own.get(tag) ?? '', 16);
  }

  /** @returns false when an object reaches beyond what holds it */
  run(): boolean {
    if (this.#next(0, this.#bytes.length) !== 0xe1 || this.#valueEnd !== this.#bytes.length) return false;
    const end = this.#valueEnd;
    for (let at = this.#valueStart; at < end;) {
      const tag = this.#next(at, end);
      if (tag < 0) return false;
      const { start, stop } = this.#value();
      at = stop;
      const field = RECORD_FIELDS.get(tag);
      if (field !== undefined) this.#own.set(field, this.#slice(start, stop));
      else if (tag === 0xe3 && !this.#collect(start, stop, TERMINAL_OBJECTS)) return false;
      else if (tag === 0xe4 && !this.#gpoResponse(start, stop)) return false;
      // A record is kept behind its SFI and number.
      else if (tag === 0xe5 && !this.#template(start + 2, stop)) return false;
    }
    return true;
  }

  #value(): { readonly start: number; readonly stop: number } {
    return { start: this.#valueStart, stop: this.#valueEnd };
  }

  /** Template 80 holds the AIP and the AFL and nothing else; template 77 holds objects. */
  #gpoResponse(start: number, stop: number): boolean {
    if (this.#bytes[start] !== 0x80) return this.#template(start, stop);
    if (this.#next(start, stop) < 0) return false;
    this.objects.set('82', this.#slice(this.#valueStart, this.#valueStart + 2));
    return true;
  }

  #template(start: number, stop: number): boolean {
    if (this.#next(start, stop) < 0) return false;
    return this.#collect(this.#valueStart, this.#valueEnd, CARD_OBJECTS);
  }

  #collect(start: number, stop: number, wanted: ReadonlyMap<number, string>): boolean {
    for (let at = start; at < stop;) {
      const constructed = ((this.#bytes[at] ?? 0) & 0x20) !== 0;
      const tag = this.#next(at, stop);
      if (tag < 0) return false;
      const value = this.#value();
      at = value.stop;
      const name = wanted.get(tag);
      if (name !== undefined) this.#keep(name, this.#slice(value.start, value.stop), wanted);
      else if (constructed && !this.#collect(value.start, value.stop, wanted)) return false;
    }
    return true;
  }

  #keep(name: string, value: string, from: ReadonlyMap<number, string>): void {
    if (name === '5A' || name === '57' || name === '5F24') this.#own.set(name, value);
    else if (name === '9F09' && from === CARD_OBJECTS && this.objects.has(name)) return;
    else this.objects.set(name, value);
  }

  /** Reads tag and length at `at`; the value's place is left in the fields. @returns the tag, or -1 when it does not fit */
  #next(at: number, stop: number): number {
    const bytes = this.#bytes;
    let tag = bytes[at] ?? 0;
    let next = at + 1;
    if ((tag & 0x1f) === 0x1f) {
      let more = 0x80;
      while ((more & 0x80) !== 0 && next < stop) {
        more = bytes[next] ?? 0;
        tag = tag * 256 + more;
        next += 1;
      }
    }
    let length = bytes[next] ?? 0;
    next += 1;
    if (length > 0x80) {
      const octets = length & 0x7f;
      if (octets > 3) return -1;
      length = 0;
      for (let octet = 0; octet < octets; octet += 1) length = length * 256 + (bytes[next + octet] ?? 0);
      next += octets;
    }
    if (next + length > stop) return -1;
    this.#valueStart = next;
    this.#valueEnd = next + length;
    return tag;
  }

  #slice(start: number, stop: number): string {
    return this.#hex.slice(start * 2, stop * 2);
  }
}

const CID_OF_TYPE: Readonly<Record<CryptogramType, string>> = { AAC: '00', TC: '40', ARQC: '80' };

/**
 * A contactless card usually returns no 9F27; its type of cryptogram stands in the card verification results then
 * (pboc-contactless.md 2.5), and a bank's layout asks for the CID that this stands for.
 */
function derivedCid(iad: Uint8Array): string | null {
  const parsed = parseIad(iad);
  const type = parsed === null ? null : firstCryptogramType(parsed.cvr);
  return type === null ? null : CID_OF_TYPE[type];
}

/** PAN of 5A (padded with F), or of track 2 up to its separator D; both in hex. */
function panDigits(pan: string | undefined, track2: string | undefined): string | null {
  const digits = pan?.replace(/F+$/, '') ?? track2?.split('D')[0] ?? '';
  return PAN_LENGTHS.test(digits) ? digits : null;
}

/** The amount in a six-byte BCD object (9F02, 9F03) in fen; null when it is not twelve digits. */
export function amountObjectFen(digits: string | undefined): number | null {
  return digits !== undefined && /^\d{12}$/.test(digits) ? Number(digits) : null;
}
