import { createRequire } from 'node:module';
import type { GmProviders } from './algorithms.ts';

/** The part of sm-crypto 0.5.8 that is called here; the package ships no types. */
type SmCrypto = {
  readonly sm2: {
    doSignature(
      message: ArrayLike<number>,
      privateKeyHex: string,
      options: { hash: boolean; der: boolean; publicKey: string },
    ): string;
    doVerifySignature(
      message: ArrayLike<number>,
      signatureHex: string,
      publicKeyHex: string,
      options: { hash: boolean; der: boolean },
    ): boolean;
    getPublicKeyFromPrivateKey(privateKeyHex: string): string;
  };
  readonly sm3: (message: ArrayLike<number>) => string;
  readonly sm4: Record<
    'encrypt' | 'decrypt',
    (data: ArrayLike<number>, key: ArrayLike<number>, options: Sm4Options) => number[]
  >;
};
type Sm4Options = { padding: 'none'; output: 'array'; mode?: 'cbc'; iv?: ArrayLike<number> };

const smCrypto = createRequire(import.meta.url)('sm-crypto') as SmCrypto;

/**
 * SM2, SM3 and SM4 through sm-crypto 0.5.8, in plain JavaScript. Sixty times slower than OpenSSL for SM2, but it runs on any
 * Node: the fallback where OpenSSL was built without SM algorithms, and the oracle of the differential tests.
 */
function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

function bytesOf(hexText: string): Uint8Array {
  return new Uint8Array(Buffer.from(hexText, 'hex'));
}

/** SM3 done here and the library's own hashing switched off, because it takes the user id as text only. */
function digestOf(prefixed: Uint8Array): Uint8Array {
  return bytesOf(smCrypto.sm3(prefixed));
}

export const smCryptoProviders: GmProviders = {
  sm3: { name: 'sm-crypto', digest: digestOf },
  sm4: {
    name: 'sm-crypto',
    ecb: (direction, key, data) =>
      Uint8Array.from(smCrypto.sm4[direction](data, key, { padding: 'none', output: 'array' })),
    cbc: (direction, key, iv, data) =>
      Uint8Array.from(
        smCrypto.sm4[direction](data, key, { padding: 'none', output: 'array', mode: 'cbc', iv }),
      ),
    ctr: counterMode,
  },
  sm2: {
    name: 'sm-crypto',
    importPublicKey: (xy) => ({ provider: 'sm-crypto', native: `04${hexOf(xy)}` }),
    verify(key, prefixed, rs) {
      if (typeof key.native !== 'string') throw new TypeError('the key was imported by another provider');
      return verifySm2Digest(key.native, digestOf(prefixed), rs);
    },
    sign: (privateKey, publicKeyXy, prefixed) =>
      bytesOf(
        smCrypto.sm2.doSignature(digestOf(prefixed), hexOf(privateKey), {
          hash: false,
          der: false,
          publicKey: `04${hexOf(publicKeyXy)}`,
        }),
      ),
    publicKeyOf: (privateKey) => bytesOf(smCrypto.sm2.getPublicKeyFromPrivateKey(hexOf(privateKey)).slice(2)),
  },
};

/** The library has no counter mode: the counter blocks are encrypted as one ECB input. */
function counterMode(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const counters = new Uint8Array(Math.ceil(data.length / 16) * 16);
  const counter = Uint8Array.from(iv);
  for (let at = 0; at < counters.length; at += 16) {
    counters.set(counter, at);
    countUp(counter);
  }
  const stream = smCrypto.sm4.encrypt(counters, key, { padding: 'none', output: 'array' });
  return data.map((byte, index) => byte ^ (stream[index] ?? 0));
}

function countUp(counter: Uint8Array): void {
  for (let index = counter.length - 1; index >= 0; index--) {
    const next = ((counter[index] ?? 0) + 1) & 0xff;
    counter[index] = next;
    if (next !== 0) return;
  }
}

function verifySm2Digest(publicKeyHex: string, digest: Uint8Array, rs: Uint8Array): boolean {
  return smCrypto.sm2.doVerifySignature(digest, hexOf(rs), publicKeyHex, { hash: false, der: false });
}

/**
 * Verifies a signature over a given e, the hash of Z and message. OpenSSL offers no such call through Node; only published
 * vectors that state e, and no card, need it.
 */
export function sm2VerifyPrehashed(publicKeyXy: Uint8Array, digest: Uint8Array, rs: Uint8Array): boolean {
  if (publicKeyXy.length !== 64 || digest.length !== 32 || rs.length !== 64) return false;
  return verifySm2Digest(`04${hexOf(publicKeyXy)}`, digest, rs);
}
