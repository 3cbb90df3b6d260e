/**
 * The ports behind which each SM algorithm has two implementations, node:crypto and sm-crypto; SM4 has a third, tables of our own,
 * for short inputs. One interface per algorithm, because a Node may have one of them and lack another. Lengths are checked by sm2.ts, sm3.ts and sm4.ts, so a provider may
 * rely on them.
 */
export type GmProviderName = 'node:crypto' | 'sm-crypto' | 'tables';

export interface Sm3Provider {
  readonly name: GmProviderName;
  /** SM3 of one message, 32 bytes. */
  digest(message: Uint8Array): Uint8Array;
}

export interface Sm4Provider {
  readonly name: GmProviderName;
  /** No padding: `data` is a multiple of 16 bytes. */
  ecb(direction: 'encrypt' | 'decrypt', key: Uint8Array, data: Uint8Array): Uint8Array;
  cbc(direction: 'encrypt' | 'decrypt', key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array;
  /** Counter mode, both directions: `iv` is the first counter block, any length of data. */
  ctr(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array;
}

/** A public key in the form that one provider verifies with; made once, used for many verifications. */
export type ImportedKey = { readonly provider: GmProviderName; readonly native: unknown };

export interface Sm2Provider {
  readonly name: GmProviderName;
  /** `xy` is on the curve already. */
  importPublicKey(xy: Uint8Array): ImportedKey;
  /** `prefixed` is Z followed by the message; `rs` is 64 bytes with r and s in 1..n-1. */
  verify(key: ImportedKey, prefixed: Uint8Array, rs: Uint8Array): boolean;
  /** @returns r and s, 64 bytes */
  sign(privateKey: Uint8Array, publicKeyXy: Uint8Array, prefixed: Uint8Array): Uint8Array;
  publicKeyOf(privateKey: Uint8Array): Uint8Array;
}

export type GmProviders = { readonly sm2: Sm2Provider; readonly sm3: Sm3Provider; readonly sm4: Sm4Provider };
