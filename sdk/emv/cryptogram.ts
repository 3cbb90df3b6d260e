import { timingSafeEqual } from 'node:crypto';
import { pad80, sm4CbcMac, sm4EcbEncrypt } from '../gm/sm4.ts';
import {
  deriveSessionKey,
  deriveUdk,
  type CardKeyOwner,
  type SessionKeyMethod,
  type SymmetricAlgorithm,
  type UdkOption,
} from './card-keys.ts';
import { discretionaryMacInput, type Iad } from './iad.ts';
import { DES_BLOCK_BYTES, retailMac, tripleDesEncrypt } from './triple-des.ts';

export const CRYPTOGRAM_BYTES = 8;

/** 80: PBOC, pboc-contactless.md 5.4. zeros: seen in other schemes only. */
export type CryptogramPadding = '80' | 'zeros';

/** One object of a cryptogram's input: a tag, or a part of the IAD. */
export type CryptogramField = {
  readonly from: 'object' | 'cvr' | 'iad byte 5';
  readonly tag: string;
  readonly bytes: number;
};

export type CryptogramVersion = {
  readonly name: string;
  /** values of the IAD's version byte that mean this version */
  readonly codes: readonly number[];
  readonly fields: readonly CryptogramField[];
  readonly padding: CryptogramPadding;
};

const object = (tag: string, bytes: number): CryptogramField => ({ from: 'object', tag, bytes });
const CVR: CryptogramField = { from: 'cvr', tag: '9F10', bytes: 4 };

/** The input of version 01, 37 bytes. */
export const FULL_CRYPTOGRAM_INPUT: readonly CryptogramField[] = [
  object('9F02', 6),
  object('9F03', 6),
  object('9F1A', 2),
  object('95', 5),
  object('5F2A', 2),
  object('9A', 3),
  object('9C', 1),
  object('9F37', 4),
  object('82', 2),
  object('9F36', 2),
  CVR,
];

/**
 * Cryptogram versions as data, pboc-contactless.md 5.3. Version 17 is written 11 (hex) in one source and 17 in another: both
 * codes mean one profile until a card settles it [unsure].
 */
export const CRYPTOGRAM_VERSIONS: readonly CryptogramVersion[] = [
  { name: 'CVN 01', codes: [0x01], fields: FULL_CRYPTOGRAM_INPUT, padding: '80' },
  {
    name: 'CVN 17',
    codes: [0x11, 0x17],
    fields: [
      object('9F02', 6),
      object('9F37', 4),
      object('9F36', 2),
      { from: 'iad byte 5', tag: '9F10', bytes: 1 },
    ],
    padding: '80',
  },
];

export function findCryptogramVersion(code: number): CryptogramVersion | undefined {
  return CRYPTOGRAM_VERSIONS.find((version) => version.codes.includes(code));
}

export type CryptogramRefusal = {
  readonly code:
    | 'iad_invalid'
    | 'cryptogram_version_unknown'
    | 'cryptogram_algorithm_unknown'
    | 'input_missing'
    | 'input_length_invalid'
    | 'cryptogram_length_invalid'
    | 'cryptogram_mismatch';
  /** tag of the object in question */
  readonly field?: string;
};
export type CryptogramInput =
  | { readonly ok: true; readonly data: Uint8Array }
  | { readonly ok: false; readonly refusal: CryptogramRefusal };

/**
 * Puts together what a cryptogram covers, unpadded, from the objects by tag as they were exchanged (95 as sent at GPO, not the
 * final one) and the IAD.
 *
 * @refuses input_missing, input_length_invalid with the tag
 */
export function buildCryptogramInput(
  version: CryptogramVersion,
  objects: Pick<ReadonlyMap<string, Uint8Array>, 'get'>,
  iad: Pick<Iad, 'cvr'>,
): CryptogramInput {
  const parts: Uint8Array[] = [];
  for (const { from, tag, bytes } of version.fields) {
    const part = from === 'object' ? objects.get(tag) : from === 'cvr' ? iad.cvr : iad.cvr.subarray(1, 2);
    if (part === undefined) return { ok: false, refusal: { code: 'input_missing', field: tag } };
    if (part.length !== bytes) return { ok: false, refusal: { code: 'input_length_invalid', field: tag } };
    parts.push(part);
  }
  return { ok: true, data: Buffer.concat(parts) };
}

/** Bytes of a block of the cipher. */
export function blockBytes(algorithm: SymmetricAlgorithm): number {
  return algorithm === 'SM4' ? 16 : DES_BLOCK_BYTES;
}

/** Pads to whole blocks; with zeros only where the last block is not full (pboc-contactless.md 5.4). */
export function padCryptogramInput(
  data: Uint8Array,
  algorithm: SymmetricAlgorithm,
  padding: CryptogramPadding,
): Uint8Array {
  const block = blockBytes(algorithm);
  if (padding === '80') return pad80(data, block);
  const padded = new Uint8Array(Math.ceil(data.length / block) * block);
  padded.set(data);
  return padded;
}

/** The MAC under which cryptograms are made: 8 bytes, of SM4's 16 the leftmost (pboc-contactless.md 5.4). */
export function cardMac(algorithm: SymmetricAlgorithm, key: Uint8Array, paddedData: Uint8Array): Uint8Array {
  return algorithm === 'SM4'
    ? sm4CbcMac(key, paddedData).subarray(0, CRYPTOGRAM_BYTES)
    : retailMac(key, paddedData);
}

/** Which keys a card's cryptograms are made with: the issuer's master key, and whose card. */
export type CryptogramKeys = {
  readonly algorithm: SymmetricAlgorithm;
  readonly masterKey: Uint8Array;
  readonly owner: CardKeyOwner;
  readonly udkOption?: UdkOption;
  readonly sessionKeyMethod?: SessionKeyMethod;
};

/** The session key of one transaction, straight from the master key. @param atc 9F36 */
export function transactionKey(keys: CryptogramKeys, atc: Uint8Array): Uint8Array {
  const udk = deriveUdk(keys.algorithm, keys.masterKey, keys.owner, keys.udkOption);
  return deriveSessionKey(keys.algorithm, udk, atc, keys.sessionKeyMethod);
}

/**
 * Makes a TC, ARQC or AAC, 8 bytes: the same key and input for all three, only the CVR bits differ (pboc-contactless.md 5.5).
 */
export function makeCryptogram(
  algorithm: SymmetricAlgorithm,
  sessionKey: Uint8Array,
  data: Uint8Array,
  padding: CryptogramPadding = '80',
): Uint8Array {
  return cardMac(algorithm, sessionKey, padCryptogramInput(data, algorithm, padding));
}

export type CryptogramCheck =
  { readonly ok: true } | { readonly ok: false; readonly refusal: CryptogramRefusal };

/**
 * Decides whether a cryptogram is the card's own over what was exchanged. Algorithm and version are what the IAD states.
 *
 * @param cryptogram 9F26
 * @param iad 9F10 as parsed; null for one that could not be parsed
 * @refuses iad_invalid, cryptogram_version_unknown, cryptogram_algorithm_unknown (also when it is not that of the key),
 *   cryptogram_length_invalid, input_missing, input_length_invalid, cryptogram_mismatch
 */
export function verifyCryptogram(
  cryptogram: Uint8Array,
  iad: Iad | null,
  objects: Pick<ReadonlyMap<string, Uint8Array>, 'get'>,
  keys: CryptogramKeys,
): CryptogramCheck {
  if (iad === null) return failed('iad_invalid', '9F10');
  const version = findCryptogramVersion(iad.cryptogramVersion);
  if (version === undefined) return failed('cryptogram_version_unknown', '9F10');
  if (iad.algorithm !== keys.algorithm) return failed('cryptogram_algorithm_unknown', '9F10');
  if (cryptogram.length !== CRYPTOGRAM_BYTES) return failed('cryptogram_length_invalid', '9F26');
  const input = buildCryptogramInput(version, objects, iad);
  if (!input.ok) return input;
  const atc = objects.get('9F36');
  if (atc === undefined) return failed('input_missing', '9F36');
  const expected = makeCryptogram(keys.algorithm, transactionKey(keys, atc), input.data, version.padding);
  return timingSafeEqual(expected, cryptogram) ? { ok: true } : failed('cryptogram_mismatch', '9F26');
}

function failed(code: CryptogramRefusal['code'], field: string): CryptogramCheck {
  return { ok: false, refusal: { code, field } };
}

/**
 * The issuer's answer to an ARQC, 8 bytes, method 1: the ARQC xor the response code and zeros, encrypted under the session
 * key; with SM4 the block is filled up with zeros and the leftmost 8 bytes are taken.
 *
 * @param responseCode 8A, 2 bytes
 * @throws RangeError for an ARQC that is not 8 bytes or a code that is not 2
 * @spec pboc-contactless.md 5.5: sure for 3DES, likely for SM4
 */
export function makeArpc(
  algorithm: SymmetricAlgorithm,
  sessionKey: Uint8Array,
  arqc: Uint8Array,
  responseCode: Uint8Array,
): Uint8Array {
  if (arqc.length !== CRYPTOGRAM_BYTES) throw new RangeError('an ARQC has 8 bytes');
  if (responseCode.length !== 2) throw new RangeError('an authorisation response code has 2 bytes');
  const block = new Uint8Array(blockBytes(algorithm));
  block.set(arqc);
  block[0] = (block[0] ?? 0) ^ (responseCode[0] ?? 0);
  block[1] = (block[1] ?? 0) ^ (responseCode[1] ?? 0);
  const encrypted =
    algorithm === 'SM4' ? sm4EcbEncrypt(sessionKey, block) : tripleDesEncrypt(sessionKey, block);
  return encrypted.subarray(0, CRYPTOGRAM_BYTES);
}

/** What a card decides on EXTERNAL AUTHENTICATE or a second GENERATE AC: is this the issuer's answer to my ARQC. */
export function verifyArpc(
  algorithm: SymmetricAlgorithm,
  sessionKey: Uint8Array,
  arqc: Uint8Array,
  responseCode: Uint8Array,
  arpc: Uint8Array,
): boolean {
  if (arpc.length !== CRYPTOGRAM_BYTES || responseCode.length !== 2) return false;
  return timingSafeEqual(makeArpc(algorithm, sessionKey, arqc, responseCode), arpc);
}

/**
 * The 4-byte MAC in the issuer discretionary data of 9F10.
 *
 * @param sessionKey derived from the issuer's MAC master key, not from the cryptogram's
 * @spec pboc-contactless.md 5.2 (sure: 3DES)
 */
export function makeDiscretionaryMac(
  algorithm: SymmetricAlgorithm,
  sessionKey: Uint8Array,
  atc: Uint8Array,
  discretionary: NonNullable<Iad['discretionary']>,
): Uint8Array {
  const input = pad80(discretionaryMacInput(atc, discretionary), blockBytes(algorithm));
  return cardMac(algorithm, sessionKey, input).subarray(0, 4);
}

/** Decides whether the issuer discretionary data carries the card's own MAC. */
export function verifyDiscretionaryMac(
  algorithm: SymmetricAlgorithm,
  sessionKey: Uint8Array,
  atc: Uint8Array,
  discretionary: NonNullable<Iad['discretionary']>,
): boolean {
  const expected = makeDiscretionaryMac(algorithm, sessionKey, atc, discretionary);
  return timingSafeEqual(expected, discretionary.mac);
}
