import type { IsoDate } from '../wire/identifiers.ts';
import { bcdDigits, compressedDigits, compressedFromDigits } from './bcd.ts';
import { lastDayOfMonthYymm, parseCardDate } from './expiry.ts';
import { hex } from './hex.ts';

const MASK = '[PAN]';
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * A primary account number that cannot be printed by accident: as a string, as JSON and when inspected it is one fixed mask,
 * without a hint at its length. Only reveal() gives the digits.
 */
export class Pan {
  readonly #digits: string;

  private constructor(digits: string) {
    this.#digits = digits;
  }

  /** @returns null unless the text is 8 to 19 digits */
  static of(digits: string): Pan | null {
    return isDigits(digits, 8, 19) ? new Pan(digits) : null;
  }

  /** The digits, for a token, a key derivation or a clearing record; never for a log. */
  reveal(): string {
    return this.#digits;
  }

  equals(other: Pan): boolean {
    return this.#digits === other.#digits;
  }

  /** Ten bytes, digits then F: as tag 5A and a card certificate may write it. */
  toCompressed(): Uint8Array {
    return compressedFromDigits(this.#digits, 10);
  }

  /** Decides whether the digits of an issuer identifier, 3 to 8 of them, are the leftmost of this PAN. */
  hasIssuerIdentifier(identifierDigits: string): boolean {
    return isDigits(identifierDigits, 3, 8) && this.#digits.startsWith(identifierDigits);
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [INSPECT](): string {
    return MASK;
  }
}

/** Whether a text is so many decimal digits. By characters: a tap asks it six times, and a regular expression is another machine to start. */
function isDigits(text: string, least: number, most: number): boolean {
  if (text.length < least || text.length > most) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

const EXPIRY_DIGITS = 4;

export type Track2 = { readonly pan: Pan; readonly expiry: IsoDate };

/** The PAN of tag 5A; null when it is not 8 to 19 digits with trailing F. */
export function parsePan(value: Uint8Array): Pan | null {
  const digits = value.length <= 10 ? compressedDigits(value) : null;
  return digits === null ? null : Pan.of(digits);
}

/** Tag 57: PAN, D, expiry YYMM, service code and the issuer's own digits, trailing F. Null when it is not of that form. */
export function parseTrack2(value: Uint8Array): Track2 | null {
  if (value.length > 19) return null;
  const text = hex(value);
  const separator = text.indexOf('D');
  if (separator < 0) return null;
  const expiryEnd = separator + 1 + EXPIRY_DIGITS;
  const isOfIssuer = isDigits(text.slice(expiryEnd, text.endsWith('F') ? -1 : undefined), 0, text.length);
  const pan = Pan.of(text.slice(0, separator));
  const expiry = lastDayOfMonthYymm(text.slice(separator + 1, expiryEnd));
  return pan === null || expiry === null || !isOfIssuer ? null : { pan, expiry };
}

export type CardIdentity = {
  readonly pan: Pan;
  /** two digits; 00 where the card gives no 5F34 (pboc-contactless.md 5.1) */
  readonly panSequenceNumber: string;
  /** last day on which the application is valid */
  readonly expiry: IsoDate;
};

export type CardIdentityRefusal = {
  readonly code: 'card_data_missing' | 'card_data_invalid';
  /** the tag in question */
  readonly field: string;
};
export type CardIdentityResult =
  | { readonly ok: true; readonly identity: CardIdentity }
  | { readonly ok: false; readonly refusal: CardIdentityRefusal };

/**
 * Decides which card this is, from its data objects by tag: the PAN of 5A or 57, the sequence number of 5F34, the expiry of
 * 5F24 or else of 57.
 *
 * @refuses card_data_invalid for 5A, 57, 5F34 or 5F24 of a wrong form, or a 57 that names another PAN than 5A (field 57);
 *   card_data_missing for a card without 5A and 57 (field 5A), or without 5F24 and 57 (field 5F24)
 * @spec pboc-contactless.md 2.5 (the PAN often comes only from 57), 2.6 (conflicting instances are refused)
 */
export function readCardIdentity(objects: Pick<ReadonlyMap<string, Uint8Array>, 'get'>): CardIdentityResult {
  const pan5a = parseOptional(objects.get('5A'), parsePan);
  if (pan5a === null) return refused('card_data_invalid', '5A');
  const track2 = parseOptional(objects.get('57'), parseTrack2);
  if (track2 === null) return refused('card_data_invalid', '57');
  const sequenceNumber = parseOptional(objects.get('5F34'), (value) =>
    value.length === 1 ? bcdDigits(value) : null,
  );
  if (sequenceNumber === null) return refused('card_data_invalid', '5F34');
  const expiry5f24 = parseOptional(objects.get('5F24'), parseCardDate);
  if (expiry5f24 === null) return refused('card_data_invalid', '5F24');

  const pan = pan5a ?? track2?.pan;
  if (pan === undefined) return refused('card_data_missing', '5A');
  if (track2 !== undefined && !track2.pan.equals(pan)) return refused('card_data_invalid', '57');
  const expiry = expiry5f24 ?? track2?.expiry;
  if (expiry === undefined) return refused('card_data_missing', '5F24');
  return { ok: true, identity: { pan, panSequenceNumber: sequenceNumber ?? '00', expiry } };
}

/** undefined where the card gave nothing, null where it gave something of a wrong form. */
function parseOptional<Parsed>(
  value: Uint8Array | undefined,
  parse: (value: Uint8Array) => Parsed | null,
): Parsed | null | undefined {
  return value === undefined ? undefined : parse(value);
}

function refused(code: CardIdentityRefusal['code'], field: string): CardIdentityResult {
  return { ok: false, refusal: { code, field } };
}
