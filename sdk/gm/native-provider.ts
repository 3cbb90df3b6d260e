import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createPrivateKey,
  createPublicKey,
  createSign,
  createVerify,
  hash,
  KeyObject,
} from 'node:crypto';
import type { GmProviders, ImportedKey } from './algorithms.ts';
import { derToRs, rsToDer } from './signature-encoding.ts';

/**
 * SM2, SM3 and SM4 through OpenSSL. What its SM2 needs (design.md, "Crypto"; checked both ways against sm-crypto):
 * the one-shot crypto.verify computes a Z of its own with an empty user id, so Z is computed by us and fed in front of the
 * message to createVerify, which only hashes; signatures are DER; a public key enters as SPKI with the curve's OID 1.2.156.10197.1.301, a private key as SEC1.
 */

// SEQUENCE { SEQUENCE { id-ecPublicKey, OID 1.2.156.10197.1.301 }, BIT STRING 04 X Y }
const SPKI_PREFIX = Buffer.from('3059301306072A8648CE3D020106082A811CCF5501822D03420004', 'hex');
// SEQUENCE { 1, OCTET STRING d, [0] OID, [1] BIT STRING 04 X Y }
const SEC1_PREFIX = Buffer.from('30770201010420', 'hex');
const SEC1_MIDDLE = Buffer.from('A00A06082A811CCF5501822DA14403420004', 'hex');

function keyObjectOf(key: ImportedKey): KeyObject {
  if (!(key.native instanceof KeyObject)) throw new TypeError('the key was imported by another provider');
  return key.native;
}

function bytesOfBinary(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

export const nativeProviders: GmProviders = {
  sm3: {
    name: 'node:crypto',
    // As text of one character a byte: a buffer of Node's own is memory outside the heap, twice as dear to make and again to collect.
    digest: (message) => bytesOfBinary(hash('sm3', message, 'binary')),
  },
  sm4: {
    name: 'node:crypto',
    ecb(direction, key, data) {
      const cipher =
        direction === 'encrypt'
          ? createCipheriv('sm4-ecb', key, null)
          : createDecipheriv('sm4-ecb', key, null);
      // Whole blocks without padding come out of update() at once; final() would add nothing.
      cipher.setAutoPadding(false);
      return cipher.update(data);
    },
    cbc(direction, key, iv, data) {
      const cipher =
        direction === 'encrypt' ? createCipheriv('sm4-cbc', key, iv) : createDecipheriv('sm4-cbc', key, iv);
      cipher.setAutoPadding(false);
      return cipher.update(data);
    },
    ctr: (key, iv, data) => createCipheriv('sm4-ctr', key, iv).update(data),
  },
  sm2: {
    name: 'node:crypto',
    importPublicKey: (xy) => ({
      provider: 'node:crypto',
      native: createPublicKey({ key: Buffer.concat([SPKI_PREFIX, xy]), format: 'der', type: 'spki' }),
    }),
    verify: (key, prefixed, rs) => createVerify('sm3').update(prefixed).verify(keyObjectOf(key), rsToDer(rs)),
    sign(privateKey, publicKeyXy, prefixed) {
      const sec1 = Buffer.concat([SEC1_PREFIX, privateKey, SEC1_MIDDLE, publicKeyXy]);
      const der = createSign('sm3')
        .update(prefixed)
        .sign(createPrivateKey({ key: sec1, format: 'der', type: 'sec1' }));
      const rs = derToRs(der);
      if (rs === null) throw new Error('OpenSSL returned an SM2 signature that is not minimal DER');
      return rs;
    },
    publicKeyOf(privateKey) {
      const ecdh = createECDH('SM2');
      ecdh.setPrivateKey(privateKey);
      return new Uint8Array(ecdh.getPublicKey().subarray(1));
    },
  },
};
