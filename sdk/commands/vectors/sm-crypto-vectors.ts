import { equalBytes, hex } from '../../emv/hex.ts';
import { sm2VerifyPrehashed } from '../../gm/sm-crypto-provider.ts';
import { importSm2PublicKey, isOnSm2Curve, PBOC_USER_ID, sm2Z } from '../../gm/sm2.ts';
import { sm3 } from '../../gm/sm3.ts';
import { pad80, sm4CbcDecrypt, sm4CbcEncrypt, sm4CbcMac, sm4EcbEncrypt } from '../../gm/sm4.ts';
import {
  computed,
  hexAt,
  textAt,
  unsupported,
  VectorFormError,
  type Judgement,
  type VectorCase,
  type VectorFormat,
} from './vector-case.ts';

const JUDGES: Readonly<Record<string, (vector: VectorCase) => Judgement>> = {
  SM3: (vector) => computed(vector, { digest: hex(sm3(hexAt(vector, 'message_hex'))) }),
  'SM4-ECB': (vector) =>
    computed(vector, { ciphertext: hex(sm4EcbEncrypt(hexAt(vector, 'key'), hexAt(vector, 'plaintext'))) }),
  'SM4-ECB-iterated': (vector) => {
    const key = hexAt(vector, 'key');
    const iterations = vector['iterations'];
    if (typeof iterations !== 'number') throw new VectorFormError('iterations is not a number');
    return computed(vector, {
      ciphertext: hex(encryptRepeatedly(key, hexAt(vector, 'plaintext'), iterations)),
    });
  },
  'SM4-CBC-nopad': (vector) => {
    const ciphertext = sm4CbcEncrypt(hexAt(vector, 'key'), hexAt(vector, 'iv'), hexAt(vector, 'plaintext'));
    return computed(vector, { ciphertext: hex(ciphertext) });
  },
  'SM4-CBC-PKCS7': (vector) => computed(vector, { result: decryptsTo(vector) ? 'valid' : 'invalid' }),
  'SM4-CBC-MAC': (vector) => {
    const mac = sm4CbcMac(hexAt(vector, 'key'), pad80(hexAt(vector, 'message_hex'), 16));
    return computed(vector, { mac16: hex(mac), mac8_leftmost: hex(mac.subarray(0, 8)) });
  },
  'SM2-verify-prehashed': (vector) => {
    const publicKeyXy = hexAt(vector, 'public_key_xy');
    const digest = hexAt(vector, 'e');
    return computed(vector, {
      valid: sm2VerifyPrehashed(publicKeyXy, digest, hexAt(vector, 'signature_rs')),
      e: hex(digest),
      Z: hex(sm2Z(publicKeyXy)),
      Z_default_id: hex(sm2Z(publicKeyXy)),
    });
  },
  'SM2-with-SM3-verify': (vector) => {
    const publicKeyXy = hexAt(vector, 'public_key_xy');
    const userId =
      vector['user_id_ascii'] === undefined
        ? PBOC_USER_ID
        : new TextEncoder().encode(textAt(vector, 'user_id_ascii'));
    const message = hexAt(vector, 'message_hex');
    const z = sm2Z(publicKeyXy, userId);
    const key = importSm2PublicKey(publicKeyXy);
    return computed(vector, {
      valid: key?.verify(message, hexAt(vector, 'signature_rs'), userId) ?? false,
      Z: hex(z),
      Z_default_id: hex(sm2Z(publicKeyXy)),
      e: hex(sm3(z, message)),
    });
  },
  'SM2-point-decode-uncompressed': (vector) => {
    const point = hexAt(vector, 'point_hex');
    return computed(vector, {
      accept: point.length === 65 && point[0] === 0x04 && isOnSm2Curve(point.subarray(1)),
    });
  },
};

export const smCryptoVectors: VectorFormat = {
  name: 'SM algorithm',
  recognises: (vector) => typeof vector['algorithm'] === 'string' && /^SM[234]/.test(vector['algorithm']),
  judge: (vector) => JUDGES[textAt(vector, 'algorithm')]?.(vector) ?? unsupported('algorithm is not known'),
};

/**
 * A block encrypted again and again, as the last block of a CBC encryption of zeros under it: each step of CBC encrypts the
 * block before, xor zero.
 */
function encryptRepeatedly(key: Uint8Array, block: Uint8Array, iterations: number): Uint8Array {
  let state = block;
  for (let left = iterations; left > 0; left -= ITERATIONS_AT_ONCE) {
    const blocks = Math.min(left, ITERATIONS_AT_ONCE);
    state = sm4CbcEncrypt(key, state, new Uint8Array(16 * blocks)).subarray(-16);
  }
  return state;
}
const ITERATIONS_AT_ONCE = 4096;

/** PKCS#7 is no part of PBOC; only these vectors need it. True when the padding is right and the plaintext is the stated one. */
function decryptsTo(vector: VectorCase): boolean {
  const ciphertext = hexAt(vector, 'ciphertext');
  const [key, iv] = [hexAt(vector, 'key'), hexAt(vector, 'iv')];
  if (ciphertext.length === 0 || ciphertext.length % 16 !== 0) return false;
  if (key.length !== 16 || iv.length !== 16) return false;
  const padded = sm4CbcDecrypt(key, iv, ciphertext);
  const count = padded[padded.length - 1] ?? 0;
  if (count < 1 || count > 16) return false;
  if (!padded.subarray(padded.length - count).every((byte) => byte === count)) return false;
  return equalBytes(padded.subarray(0, padded.length - count), hexAt(vector, 'plaintext'));
}
