import { bcdNumber } from '../emv/bcd.ts';
import { type CardIdentity, readCardIdentity } from '../emv/card-identity.ts';
import { parseCardDate } from '../emv/expiry.ts';
import { parseTlv } from '../emv/ber-tlv.ts';
import { type CryptogramType, type Iad, parseIad } from '../emv/iad.ts';
import type { IsoDate } from '../wire/identifiers.ts';
import { type Fen, fen } from '../wire/money.ts';
import { type ProofRefusalCode, type Refusal, refuse } from '../wire/refusals.ts';
import { type CardExchange, collectStaticData, type DataObjects, readCardObjects } from './card-exchange.ts';
import { readCryptogramType } from './cryptogram-type.ts';
import { lengthIn, ObjectTable } from './object-table.ts';

export { readCardObjects } from './card-exchange.ts';

/** Everything that a proof of one tap needs, each object checked for its form and length. */
export type TapEvidence = {
  readonly identity: CardIdentity;
  /** 9F36 */
  readonly atc: number;
  /** 9F26, 8 bytes */
  readonly cryptogram: Uint8Array;
  readonly cryptogramType: CryptogramType;
  /** 9F10, as parsed; its bytes are among cardObjects */
  readonly iad: Iad;
  /** 82, 2 bytes */
  readonly aip: Uint8Array;
  /** 8F */
  readonly caKeyIndex: number;
  /** 90 */
  readonly issuerCertificate: Uint8Array;
  /** 9F46 */
  readonly cardCertificate: Uint8Array;
  /** 9F4B */
  readonly signedDynamicData: Uint8Array;
  /** 9F69; absent with fDDA version 00 */
  readonly cardAuthenticationData: Uint8Array | null;
  /** 9F6C */
  readonly cardTransactionQualifiers: Uint8Array | null;
  readonly staticData: Uint8Array;
  /** all objects of the card, for what only one algorithm or one rail needs (92, 9F32, 9F47, 9F48, ...) */
  readonly cardObjects: DataObjects;
  readonly terminal: TerminalEvidence;
};

/** What the terminal says it told the card. */
export type TerminalEvidence = {
  /** 9F02 in fen */
  readonly amountAuthorisedFen: Fen;
  /** 9F37, 4 bytes */
  readonly unpredictableNumber: Uint8Array;
  /** 9F66, 4 bytes */
  readonly ttq: Uint8Array;
  /** 9A */
  readonly transactionDate: IsoDate;
  readonly objects: DataObjects;
};

export type TapEvidenceResult =
  | { readonly ok: true; readonly evidence: TapEvidence }
  | { readonly ok: false; readonly refusal: Refusal<ProofRefusalCode> };

/** Objects without which there is nothing to prove, in the order in which their absence is named. */
const REQUIRED_OF_CARD = ['82', '94', '9F36', '9F26', '9F10', '8F', '90', '9F46', '9F4B'] as const;
/** Lengths in bytes where the specification fixes them (pboc-contactless.md section 3). */
const FIXED_LENGTHS: readonly (readonly [tag: string, bytes: number])[] = [
  ['82', 2],
  ['9F36', 2],
  ['9F26', 8],
  ['8F', 1],
  ['9F6C', 2],
  ['9F27', 1],
];
/** In the order of a PDOL. */
const REQUIRED_OF_TERMINAL: readonly (readonly [tag: string, bytes: number])[] = [
  ['9F66', 4],
  ['9F02', 6],
  ['9F03', 6],
  ['9F1A', 2],
  ['95', 5],
  ['5F2A', 2],
  ['9A', 3],
  ['9C', 1],
  ['9F37', 4],
];

/**
 * Reads from a card's answers and the terminal's own data what a proof needs, once, for terminal and gateway alike. Decides
 * nothing about validity: signatures, dates and types are judged by those who ask.
 *
 * @refuses in this order: what `readCardObjects` refuses; card_data_missing and card_data_invalid for the identity (5A, 57, 5F34,
 *   5F24); card_data_missing with the tag of the first object of the card that was not read; card_data_invalid with the tag of
 *   one of another length or form; the same for the terminal's objects, with their path E1.E3.<tag>; what
 *   `collectStaticData` refuses
 */
export function readEvidence(exchange: CardExchange): TapEvidenceResult {
  const card = readCardObjects(exchange);
  if (!card.ok) return card;
  const { objects } = card;
  const identity = readCardIdentity(objects);
  if (!identity.ok) return refused(identity.refusal.code, identity.refusal.field);

  for (const tag of REQUIRED_OF_CARD) if (!objects.has(tag)) return refused('card_data_missing', tag);
  for (const [tag, bytes] of FIXED_LENGTHS)
    if ((lengthIn(objects, tag) ?? bytes) !== bytes) return refused('card_data_invalid', tag);
  const iad = parseIad(objectOf(objects, '9F10'));
  if (iad === null) return refused('card_data_invalid', '9F10');
  const cryptogramType = readCryptogramType(iad, objects.get('9F27'));
  if (!cryptogramType.ok) return refused('card_data_invalid', cryptogramType.field);

  const terminal = readTerminalEvidence(exchange.terminalData);
  if (!terminal.ok) return terminal;
  const collected = collectStaticData(objects, exchange.cardRecords);
  if (!collected.ok) return collected;

  return {
    ok: true,
    evidence: new ReadEvidence({
      objects,
      identity: identity.identity,
      iad,
      cryptogramType: cryptogramType.type,
      terminal: terminal.terminal,
      staticData: collected.staticData,
    }),
  };
}

type EvidenceParts = Pick<TapEvidence, 'identity' | 'cryptogramType' | 'iad' | 'staticData' | 'terminal'> & {
  readonly objects: DataObjects;
};

/** What is only needed where signatures are checked is cut out of the record when it is asked for. */
class ReadEvidence implements TapEvidence {
  readonly identity: CardIdentity;
  readonly atc: number;
  readonly cryptogram: Uint8Array;
  readonly cryptogramType: CryptogramType;
  readonly iad: Iad;
  readonly staticData: Uint8Array;
  readonly cardObjects: DataObjects;
  readonly terminal: TerminalEvidence;

  constructor(parts: EvidenceParts) {
    const atc = objectOf(parts.objects, '9F36');
    this.identity = parts.identity;
    this.atc = (atc[0] ?? 0) * 256 + (atc[1] ?? 0);
    this.cryptogram = objectOf(parts.objects, '9F26');
    this.cryptogramType = parts.cryptogramType;
    this.iad = parts.iad;
    this.staticData = parts.staticData;
    this.cardObjects = parts.objects;
    this.terminal = parts.terminal;
  }

  get aip(): Uint8Array {
    return objectOf(this.cardObjects, '82');
  }

  get caKeyIndex(): number {
    return objectOf(this.cardObjects, '8F')[0] ?? 0;
  }

  get issuerCertificate(): Uint8Array {
    return objectOf(this.cardObjects, '90');
  }

  get cardCertificate(): Uint8Array {
    return objectOf(this.cardObjects, '9F46');
  }

  get signedDynamicData(): Uint8Array {
    return objectOf(this.cardObjects, '9F4B');
  }

  get cardAuthenticationData(): Uint8Array | null {
    return this.cardObjects.get('9F69') ?? null;
  }

  get cardTransactionQualifiers(): Uint8Array | null {
    return this.cardObjects.get('9F6C') ?? null;
  }
}

const SM2_ISSUER_CERTIFICATE_BYTES = 142;
const SM2_ISSUER_CERTIFICATE_FORMAT = 0x12;

/**
 * Which chain a card has chosen to prove itself with, by the form of its issuer certificate: an SM2 one is 142 bytes that begin
 * with 12 in clear; an RSA one is a number of its CA's length, and no CA has a modulus of 142 bytes.
 *
 * @spec pboc-contactless.md 4.1, 4.3; the card picks by DF69 (2.4)
 */
export function chainOf(evidence: Pick<TapEvidence, 'issuerCertificate'>): 'SM2' | 'RSA' {
  const { issuerCertificate } = evidence;
  const isSm2 =
    issuerCertificate.length === SM2_ISSUER_CERTIFICATE_BYTES &&
    issuerCertificate[0] === SM2_ISSUER_CERTIFICATE_FORMAT;
  return isSm2 ? 'SM2' : 'RSA';
}

type TerminalEvidenceResult =
  | { readonly ok: true; readonly terminal: TerminalEvidence }
  | { readonly ok: false; readonly refusal: Refusal<ProofRefusalCode> };

function readTerminalEvidence(terminalData: Uint8Array): TerminalEvidenceResult {
  const objects = readTerminalObjects(terminalData);
  if (objects === null) return refused('card_data_invalid', 'E1.E3');
  for (const [tag, bytes] of REQUIRED_OF_TERMINAL) {
    const length = lengthIn(objects, tag);
    if (length === undefined) return refused('card_data_missing', `E1.E3.${tag}`);
    if (length !== bytes) return refused('card_data_invalid', `E1.E3.${tag}`);
  }
  const amount = bcdNumber(objectOf(objects, '9F02'));
  if (amount === null) return refused('card_data_invalid', 'E1.E3.9F02');
  const transactionDate = parseCardDate(objectOf(objects, '9A'));
  if (transactionDate === null) return refused('card_data_invalid', 'E1.E3.9A');
  return {
    ok: true,
    terminal: {
      amountAuthorisedFen: fen(amount),
      unpredictableNumber: objectOf(objects, '9F37'),
      ttq: objectOf(objects, '9F66'),
      transactionDate,
      objects,
    },
  };
}

/** @returns null when they cannot be read */
function readTerminalObjects(terminalData: Uint8Array): DataObjects | null {
  const table = new ObjectTable();
  if (table.addAll(terminalData, 0, terminalData.length)) return table;
  const parsed = parseTlv(terminalData);
  return parsed.ok ? new Map(parsed.nodes.map((node) => [node.tag, node.value])) : null;
}

function objectOf(objects: DataObjects, tag: string): Uint8Array {
  const value = objects.get(tag);
  if (value === undefined) throw new RangeError('an object that was found to be there is not there');
  return value;
}

function refused(
  code: ProofRefusalCode,
  field: string,
): { readonly ok: false; readonly refusal: Refusal<ProofRefusalCode> } {
  return { ok: false, refusal: refuse(code, field) };
}
