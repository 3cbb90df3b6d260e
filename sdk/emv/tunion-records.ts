import { splitByLayout, type ByteLayout } from './byte-layout.ts';
import { hex } from './hex.ts';

/**
 * T-Union purse records, decoding only (pboc-contactless.md 6.3, sure). Amounts are big-endian binary fen; times are BCD
 * YYYYMMDDhhmmss and are given as the digits of the record.
 */
const BALANCE_RESPONSE: ByteLayout<'balance' | 'statusWord'> = [
  ['balance', 4],
  ['statusWord', 2],
];

/** SFI 15, the card's public data. */
const SFI15: ByteLayout<
  'issuer' | 'reserved8' | 'version' | 'cardNumber' | 'issued' | 'validUntil' | 'reserved28'
> = [
  ['issuer', 8],
  ['reserved8', 1],
  ['version', 1],
  ['cardNumber', 10], // BCD with leading zeros
  ['issued', 4],
  ['validUntil', 4],
  ['reserved28', 2],
];

/** SFI 18, one purse transaction. Type 02 load, 06 single, 09 compound. */
const SFI18: ByteLayout<'sequence' | 'overdraft' | 'amount' | 'type' | 'terminal' | 'datetime'> = [
  ['sequence', 2],
  ['overdraft', 3],
  ['amount', 4],
  ['type', 1],
  ['terminal', 6],
  ['datetime', 7],
];

/** SFI 1E, one ride. Type 03 entry, 04 exit, 06 single; mode 01 metro, 02 bus. */
const SFI1E: ByteLayout<
  | 'type'
  | 'terminal'
  | 'mode'
  | 'lineStation'
  | 'amount'
  | 'balance'
  | 'datetime'
  | 'city'
  | 'institution'
  | 'reserved'
> = [
  ['type', 1],
  ['terminal', 8],
  ['mode', 1],
  ['lineStation', 7],
  ['amount', 4],
  ['balance', 4],
  ['datetime', 7],
  ['city', 2],
  ['institution', 8],
  ['reserved', 6],
];

export type TUnionCardData = {
  readonly issuer: string;
  readonly version: string;
  readonly cardNumber: string;
  readonly issued: string;
  readonly validUntil: string;
};
export type TUnionTransaction = {
  readonly sequence: number;
  readonly overdraftFen: number;
  readonly amountFen: number;
  readonly type: string;
  readonly terminal: string;
  readonly datetime: string;
};
export type TUnionRide = {
  readonly type: string;
  readonly terminal: string;
  readonly mode: string;
  readonly lineStation: string;
  readonly amountFen: number;
  readonly balanceFen: number;
  readonly datetime: string;
  readonly city: string;
  readonly institution: string;
};

/** 'empty': a slot of zeros, which is no record. null: not of this record's length. */
export type TUnionSlot<TRecord> = TRecord | 'empty' | null;

/** Balance in fen of the answer to 805C000204 with its status word; null unless it is 4 bytes and 9000. */
export function parseTUnionBalance(response: Uint8Array): number | null {
  const fields = splitByLayout(BALANCE_RESPONSE, response);
  return fields === null || hex(fields.statusWord) !== '9000' ? null : numberOf(fields.balance);
}

export function parseTUnionCardData(record: Uint8Array): TUnionSlot<TUnionCardData> {
  const fields = splitByLayout(SFI15, record);
  if (fields === null) return null;
  if (isEmptySlot(record)) return 'empty';
  return {
    issuer: hex(fields.issuer),
    version: hex(fields.version),
    cardNumber: hex(fields.cardNumber),
    issued: hex(fields.issued),
    validUntil: hex(fields.validUntil),
  };
}

export function parseTUnionTransaction(record: Uint8Array): TUnionSlot<TUnionTransaction> {
  const fields = splitByLayout(SFI18, record);
  if (fields === null) return null;
  if (isEmptySlot(record)) return 'empty';
  return {
    sequence: numberOf(fields.sequence),
    overdraftFen: numberOf(fields.overdraft),
    amountFen: numberOf(fields.amount),
    type: hex(fields.type),
    terminal: hex(fields.terminal),
    datetime: hex(fields.datetime),
  };
}

export function parseTUnionRide(record: Uint8Array): TUnionSlot<TUnionRide> {
  const fields = splitByLayout(SFI1E, record);
  if (fields === null) return null;
  if (isEmptySlot(record)) return 'empty';
  return {
    type: hex(fields.type),
    terminal: hex(fields.terminal),
    mode: hex(fields.mode),
    lineStation: hex(fields.lineStation),
    amountFen: numberOf(fields.amount),
    balanceFen: numberOf(fields.balance),
    datetime: hex(fields.datetime),
    city: hex(fields.city),
    institution: hex(fields.institution),
  };
}

function isEmptySlot(record: Uint8Array): boolean {
  return record.every((byte) => byte === 0);
}

/** Big-endian; at most 4 bytes, so always a safe integer. */
function numberOf(field: Uint8Array): number {
  return field.reduce((value, byte) => value * 256 + byte, 0);
}
