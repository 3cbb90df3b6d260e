import type { SymmetricAlgorithm } from './card-keys.ts';

/**
 * Issuer application data, tag 9F10 (pboc-contactless.md 5.2).
 *
 *   1     length of the mandatory part that follows, 07 (06 in versions without an algorithm byte)
 *   2     derivation key index
 *   3     cryptogram version number
 *   4-7   card verification results, the first byte its length 03
 *   8     algorithm: 01 3DES, 04 SM4
 *   9     length of the issuer discretionary data
 *   10    its id; 11.. amounts of 5 BCD bytes each; last 4 bytes MAC
 */
export type Iad = {
  readonly mandatoryLength: number;
  readonly derivationKeyIndex: number;
  readonly cryptogramVersion: number;
  /** 4 bytes with the length byte, as the cryptogram of version 01 takes them */
  readonly cvr: Uint8Array;
  /** null: the card states none, or one that is not known */
  readonly algorithm: SymmetricAlgorithm | null;
  /** the byte itself, null where the mandatory part ends before it */
  readonly algorithmIndicator: number | null;
  /** null where the card gives none, or one that cannot be read: no decision rests on it */
  readonly discretionary: IssuerDiscretionaryData | null;
};

export type IssuerDiscretionaryData = {
  readonly length: number;
  /** 01 balance, 02 cumulative amount, 03 both, 04 cumulative amount and its limit, 05 available offline amount (likely: JS) */
  readonly id: number;
  /** every byte between id and MAC */
  readonly amounts: Uint8Array;
  readonly mac: Uint8Array;
};

export type CryptogramType = 'AAC' | 'TC' | 'ARQC';

const MAX_IAD_BYTES = 32;
const MAC_BYTES = 4;

/** @returns null when the mandatory part is not there whole, or holds no card verification results of 3 bytes */
export function parseIad(value: Uint8Array): Iad | null {
  const mandatoryLength = value[0] ?? 0;
  if (value.length > MAX_IAD_BYTES || mandatoryLength < 6 || value.length < 1 + mandatoryLength) return null;
  const cvr = value.subarray(3, 7);
  if (cvr[0] !== 0x03) return null;
  const algorithmIndicator = mandatoryLength >= 7 ? (value[7] ?? 0) : null;
  const rest = value.subarray(1 + mandatoryLength);
  return {
    mandatoryLength,
    derivationKeyIndex: value[1] ?? 0,
    cryptogramVersion: value[2] ?? 0,
    cvr,
    algorithm: ALGORITHM_OF_INDICATOR.get(algorithmIndicator ?? -1) ?? null,
    algorithmIndicator,
    discretionary: parseDiscretionary(rest),
  };
}

const ALGORITHM_OF_INDICATOR: ReadonlyMap<number, SymmetricAlgorithm> = new Map([
  [0x01, '3DES'],
  [0x04, 'SM4'],
]);

function parseDiscretionary(bytes: Uint8Array): IssuerDiscretionaryData | null {
  // Most cards give none, and a read beyond the end of an array costs V8 a microsecond.
  if (bytes.length < 2 + MAC_BYTES) return null;
  const length = bytes[0] ?? 0;
  if (bytes.length !== 1 + length) return null;
  return {
    length,
    id: bytes[1] ?? 0,
    amounts: bytes.subarray(2, bytes.length - MAC_BYTES),
    mac: bytes.subarray(bytes.length - MAC_BYTES),
  };
}

/**
 * Which cryptogram the card gave in GPO or the first GENERATE AC: bits 6-5 of the first status byte of the CVR. So a reader
 * knows it although 9F27 is absent (pboc-contactless.md 2.5). Null for the value that is not defined.
 */
export function firstCryptogramType(cvr: Uint8Array): CryptogramType | null {
  return CRYPTOGRAM_TYPES[((cvr[1] ?? 0) >> 4) & 0x03] ?? null;
}

/** The same for the second GENERATE AC, bits 8-7: 10 is "not requested". */
export function secondCryptogramType(cvr: Uint8Array): CryptogramType | 'not requested' | null {
  const bits = ((cvr[1] ?? 0) >> 6) & 0x03;
  return bits === 2 ? 'not requested' : bits === 3 ? null : (CRYPTOGRAM_TYPES[bits] ?? null);
}

const CRYPTOGRAM_TYPES: readonly (CryptogramType | null)[] = ['AAC', 'TC', 'ARQC', null];

/** The type that the cryptogram information data states, tag 9F27, bits 8-7; null for the value that is not defined. */
export function cryptogramTypeOfCid(cid: Uint8Array): CryptogramType | null {
  return cid.length === 1 ? (CRYPTOGRAM_TYPES[((cid[0] ?? 0) >> 6) & 0x03] ?? null) : null;
}

/**
 * What the MAC in the issuer discretionary data covers: ATC, the amounts, one byte 00 (before padding).
 *
 * @spec pboc-contactless.md 5.2, sure for one amount of 5 bytes; more amounts are taken in their order [unsure]
 */
export function discretionaryMacInput(atc: Uint8Array, discretionary: IssuerDiscretionaryData): Uint8Array {
  return Buffer.concat([atc, discretionary.amounts, Uint8Array.of(0x00)]);
}
