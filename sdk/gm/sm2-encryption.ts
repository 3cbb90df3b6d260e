import { createRequire } from 'node:module';
import { isOnSm2Curve } from './sm2-curve.ts';

/**
 * SM2 public key encryption of short data: the key of an envelope. Through sm-crypto, because node:crypto does not offer it; one
 * encryption a file is not worth a faster way.
 *
 * Two written forms are in use, and a partner names one: GM/T 0009-2012 DER, SEQUENCE { x INTEGER, y INTEGER, hash OCTET STRING,
 * cipher OCTET STRING }, and the bare bytes C1 || C3 || C2 with the leading 04 of C1.
 */
export type Sm2CiphertextForm = 'der' | 'c1c3c2';

type SmCryptoEncryption = {
  readonly sm2: {
    doEncrypt(message: ArrayLike<number>, publicKeyHex: string, mode: 1): string;
    doDecrypt(ciphertextHex: string, privateKeyHex: string, mode: 1, options: { output: 'array' }): number[];
  };
};

const { sm2 } = createRequire(import.meta.url)('sm-crypto') as SmCryptoEncryption;
const C1_BYTES = 64;
const C3_BYTES = 32;
const PLAIN_BYTES_MAX = 1_024;

/**
 * Encrypts under a public key (64 bytes X || Y). Random: two calls give two ciphertexts.
 *
 * @throws RangeError for a key that is not on the curve, and for data that is empty or longer than 1,024 bytes
 */
export function sm2Encrypt(publicKeyXy: Uint8Array, plain: Uint8Array, form: Sm2CiphertextForm): Uint8Array {
  if (publicKeyXy.length !== 64 || !isOnSm2Curve(publicKeyXy))
    throw new RangeError('not a point of the SM2 curve');
  if (plain.length === 0 || plain.length > PLAIN_BYTES_MAX)
    throw new RangeError(`SM2 encrypts 1 to ${PLAIN_BYTES_MAX} bytes here`);
  const bare = Buffer.from(sm2.doEncrypt(plain, `04${Buffer.from(publicKeyXy).toString('hex')}`, 1), 'hex');
  if (form === 'c1c3c2') return Buffer.concat([Uint8Array.of(0x04), bare]);
  const c3 = bare.subarray(C1_BYTES, C1_BYTES + C3_BYTES);
  const c2 = bare.subarray(C1_BYTES + C3_BYTES);
  const content = Buffer.concat([
    derInteger(bare.subarray(0, 32)),
    derInteger(bare.subarray(32, C1_BYTES)),
    derObject(0x04, c3),
    derObject(0x04, c2),
  ]);
  return derObject(0x30, content);
}

/** @returns null when the ciphertext is not of its form, is not under this key, or was changed */
export function sm2Decrypt(
  privateKey: Uint8Array,
  ciphertext: Uint8Array,
  form: Sm2CiphertextForm,
): Uint8Array | null {
  const bare =
    form === 'der' ? bareOfDer(ciphertext) : ciphertext[0] === 0x04 ? ciphertext.subarray(1) : null;
  if (bare === null || bare.length <= C1_BYTES + C3_BYTES) return null;
  if (!isOnSm2Curve(bare.subarray(0, C1_BYTES))) return null;
  const plain = sm2.doDecrypt(Buffer.from(bare).toString('hex'), Buffer.from(privateKey).toString('hex'), 1, {
    output: 'array',
  });
  // sm-crypto gives nothing where the hash inside does not fit.
  return plain.length === 0 ? null : Uint8Array.from(plain);
}

function derInteger(number: Uint8Array): Uint8Array {
  let start = 0;
  while (start < number.length - 1 && number[start] === 0) start += 1;
  const minimal = number.subarray(start);
  return derObject(0x02, (minimal[0] ?? 0) & 0x80 ? Buffer.concat([Uint8Array.of(0), minimal]) : minimal);
}

function derObject(tag: number, value: Uint8Array): Uint8Array {
  const { length } = value;
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.from(head), value]);
}

function bareOfDer(der: Uint8Array): Uint8Array | null {
  const outer = derValue(der, 0, 0x30);
  if (outer === null || outer.end !== der.length) return null;
  const x = derValue(der, outer.start, 0x02);
  const y = x === null ? null : derValue(der, x.end, 0x02);
  const c3 = y === null ? null : derValue(der, y.end, 0x04);
  const c2 = c3 === null ? null : derValue(der, c3.end, 0x04);
  if (x === null || y === null || c3 === null || c2 === null) return null;
  if (c2.end !== der.length || c3.end - c3.start !== C3_BYTES) return null;
  const point = [x, y].map(({ start, end }) => der.subarray(start, end)).map(coordinate);
  const [first, second] = point;
  if (first === undefined || second === undefined || first === null || second === null) return null;
  return Buffer.concat([first, second, der.subarray(c3.start, c3.end), der.subarray(c2.start, c2.end)]);
}

function coordinate(integer: Uint8Array): Uint8Array | null {
  const significant = integer[0] === 0 ? integer.subarray(1) : integer;
  if (significant.length > 32) return null;
  return Buffer.concat([new Uint8Array(32 - significant.length), significant]);
}

function derValue(
  der: Uint8Array,
  at: number,
  tag: number,
): { readonly start: number; readonly end: number } | null {
  if (der[at] !== tag) return null;
  let length = der[at + 1] ?? 0;
  let start = at + 2;
  if (length === 0x81 || length === 0x82) {
    const octets = length & 0x7f;
    length = 0;
    for (let octet = 0; octet < octets; octet += 1) length = length * 256 + (der[start + octet] ?? 0);
    start += octets;
  } else if (length >= 0x80) return null;
  return start + length > der.length ? null : { start, end: start + length };
}
