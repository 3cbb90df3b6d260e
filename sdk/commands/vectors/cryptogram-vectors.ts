import { hex } from '../../emv/hex.ts';
import { Pan } from '../../emv/card-identity.ts';
import {
  deriveSessionKey,
  deriveUdk,
  type SessionKeyMethod,
  type SymmetricAlgorithm,
} from '../../emv/card-keys.ts';
import {
  blockBytes,
  buildCryptogramInput,
  cardMac,
  CRYPTOGRAM_VERSIONS,
  findCryptogramVersion,
  FULL_CRYPTOGRAM_INPUT,
  makeArpc,
  makeCryptogram,
  padCryptogramInput,
  type CryptogramPadding,
  type CryptogramVersion,
} from '../../emv/cryptogram.ts';
import { parseIad } from '../../emv/iad.ts';
import { pad80 } from '../../gm/sm4.ts';
import {
  computed,
  hexAt,
  isObject,
  objectAt,
  optionalHexAt,
  textAt,
  unsupported,
  VectorFormError,
  type Judgement,
  type VectorCase,
  type VectorFormat,
} from './vector-case.ts';

/** PBOC-3DES, PBOC-SM4, EMV-3DES, EMV-SM4, and the first two with -IAD-MAC. */
const ALGORITHM = /^(PBOC|EMV)-(3DES|SM4)(-IAD-MAC)?$/;
const ASSEMBLY = 'cryptogram-input-assembly';
/** The last byte of what the MAC in the issuer discretionary data covers (pboc-contactless.md 5.2). */
const DISCRETIONARY_MAC_END = 0x00;

/** Visa's version 10 has the input of PBOC's 01 and pads with zeros (pboc-contactless.md 5.4): no part of the product. */
const OTHER_SCHEMES: readonly CryptogramVersion[] = [
  { name: 'Visa CVN 10', codes: [0x0a], fields: FULL_CRYPTOGRAM_INPUT, padding: 'zeros' },
];

export const cryptogramVectors: VectorFormat = {
  name: 'application cryptogram',
  recognises: (vector) => {
    const algorithm = vector['algorithm'];
    return typeof algorithm === 'string' && (ALGORITHM.test(algorithm) || algorithm === ASSEMBLY);
  },
  judge(vector) {
    const name = textAt(vector, 'algorithm');
    if (name === ASSEMBLY) return judgeAssembly(vector);
    const match = ALGORITHM.exec(name);
    const algorithm: SymmetricAlgorithm = match?.[2] === 'SM4' ? 'SM4' : '3DES';
    const method = sessionKeyMethod(vector, match?.[1] === 'EMV' ? null : 'PBOC');
    if (method === null) return unsupported('session key method is not known');
    return match?.[3] === undefined
      ? judgeCryptogram(vector, algorithm, method)
      : judgeDiscretionaryMac(vector, algorithm, method);
  },
};

/** The method a case names in words; null where it names one that is not known, or none although it must. */
function sessionKeyMethod(vector: VectorCase, unstated: SessionKeyMethod | null): SessionKeyMethod | null {
  const stated = vector['session_key_method'];
  if (stated === undefined) return unstated;
  const words = typeof stated === 'string' ? stated : '';
  if (/^none\b/i.test(words)) return 'none';
  if (/\b(csk|common session key)\b/i.test(words)) return 'EMV-CSK';
  return /^pboc\b/i.test(words) ? 'PBOC' : null;
}

function keysOf(
  vector: VectorCase,
  masterKey: 'imk_ac' | 'imk_mac',
  algorithm: SymmetricAlgorithm,
  method: SessionKeyMethod,
): { readonly udk: Uint8Array; readonly sessionKey: Uint8Array } {
  const pan = Pan.of(textAt(vector, 'pan'));
  if (pan === null) throw new VectorFormError('pan is not 8 to 19 digits');
  const panSequenceNumber = typeof vector['psn'] === 'string' && vector['psn'] !== '' ? vector['psn'] : '00';
  const option = vector['udk_option'] === 'B' ? 'B' : 'A';
  const udk = deriveUdk(algorithm, hexAt(vector, masterKey), { pan, panSequenceNumber }, option);
  return { udk, sessionKey: deriveSessionKey(algorithm, udk, hexAt(vector, 'atc'), method) };
}

function judgeCryptogram(
  vector: VectorCase,
  algorithm: SymmetricAlgorithm,
  method: SessionKeyMethod,
): Judgement {
  const { udk, sessionKey } = keysOf(vector, 'imk_ac', algorithm, method);
  const stated = optionalHexAt(vector, 'data_hex');
  const assembled = vector['fields'] === undefined ? undefined : assembledFields(vector, stated?.length);
  const data = stated ?? assembled;
  if (data === undefined) throw new VectorFormError('neither data_hex nor the fields of an input are given');
  const padding: CryptogramPadding = vector['padding'] === '00' ? 'zeros' : '80';
  const ac = makeCryptogram(algorithm, sessionKey, data, padding);
  const responseCode = optionalHexAt(vector, 'arc_hex');
  const values = {
    udk: hex(udk),
    session_key: hex(sessionKey),
    mac_key: hex(sessionKey),
    padded_data: hex(padCryptogramInput(data, algorithm, padding)),
    ac: hex(ac),
    arpc_method1: responseCode && hex(makeArpc(algorithm, sessionKey, ac, responseCode)),
  };
  if (assembled === undefined) return computed(vector, values);
  // A case that states the objects of its input states by them what the input must be.
  const expected = { ...objectAt(vector, 'expected'), data_hex: hex(data) };
  return {
    kind: 'computed',
    values: new Map(Object.entries({ ...values, data_hex: hex(assembled) })),
    expected,
  };
}

function judgeDiscretionaryMac(
  vector: VectorCase,
  algorithm: SymmetricAlgorithm,
  method: SessionKeyMethod,
): Judgement {
  const { udk, sessionKey } = keysOf(vector, 'imk_mac', algorithm, method);
  const amount = optionalHexAt(vector, 'amount5');
  const assembled =
    amount && Buffer.concat([hexAt(vector, 'atc'), amount, Uint8Array.of(DISCRETIONARY_MAC_END)]);
  const data = optionalHexAt(vector, 'data_hex') ?? assembled;
  if (data === undefined) throw new VectorFormError('neither data_hex nor amount5 is given');
  const padded = pad80(data, blockBytes(algorithm));
  const values = {
    udk: hex(udk),
    session_key: hex(sessionKey),
    mac_key: hex(sessionKey),
    padded_data: hex(padded),
    mac4: hex(cardMac(algorithm, sessionKey, padded).subarray(0, 4)),
  };
  if (assembled === undefined) return computed(vector, values);
  // As for a cryptogram: what is stated of the input in parts must be the input.
  return {
    kind: 'computed',
    values: new Map(Object.entries({ ...values, data_hex: hex(assembled) })),
    expected: { ...objectAt(vector, 'expected'), data_hex: hex(data) },
  };
}

/** The input that the named fields give: under the version of the stated length, else under the first that finds all its fields. */
function assembledFields(vector: VectorCase, bytes: number | undefined): Uint8Array | undefined {
  const fields = objectAt(vector, 'fields');
  const cvr = optionalHexAt(fields, 'CVR');
  if (cvr === undefined) return undefined;
  for (const version of CRYPTOGRAM_VERSIONS) {
    const input = buildCryptogramInput(version, objectsOf(fields), { cvr });
    if (input.ok && (bytes === undefined || input.data.length === bytes)) return input.data;
  }
  return undefined;
}

function objectsOf(fields: VectorCase): ReadonlyMap<string, Uint8Array> {
  return new Map(
    Object.keys(fields)
      .filter((tag) => tag !== 'CVR')
      .map((tag) => [tag.toUpperCase(), hexAt(fields, tag)]),
  );
}

function layoutBytes(version: CryptogramVersion): number {
  return version.fields.reduce((total, field) => total + field.bytes, 0);
}

/**
 * Assembly under the version that the IAD names. Where a case states no values of the other objects, they are taken from the
 * expected data at the places that the version gives them, and what is checked is the layout: its length, that the bytes from
 * the IAD stand where they must, and the padding.
 */
function judgeAssembly(vector: VectorCase): Judgement {
  const iad = parseIad(hexAt(vector, 'iad'));
  const version = iad && versionOf(iad.cryptogramVersion);
  if (!iad || !version) return unsupported('cryptogram version of the IAD is not known');
  const expected = objectAt(vector, 'expected');
  const fields = vector['fields'];
  const stated = isObject(fields)
    ? objectsOf(fields)
    : objectsByPlace(version, optionalHexAt(expected, 'data'));
  const input = buildCryptogramInput(version, stated, iad);
  if (!input.ok) return computed(vector, { data: undefined, padded: undefined });
  return computed(vector, {
    data: hex(input.data),
    padded: hex(padCryptogramInput(input.data, iad.algorithm ?? '3DES', version.padding)),
  });
}

function versionOf(code: number): CryptogramVersion | undefined {
  return findCryptogramVersion(code) ?? OTHER_SCHEMES.find((version) => version.codes.includes(code));
}

function objectsByPlace(
  version: CryptogramVersion,
  data: Uint8Array | undefined,
): ReadonlyMap<string, Uint8Array> {
  const objects = new Map<string, Uint8Array>();
  if (data?.length !== layoutBytes(version)) return objects;
  let at = 0;
  for (const { from, tag, bytes } of version.fields) {
    if (from === 'object') objects.set(tag, data.subarray(at, at + bytes));
    at += bytes;
  }
  return objects;
}
