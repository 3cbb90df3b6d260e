/** The part of sm-crypto 0.5.8 that this project calls; the package ships no types. */
declare module 'sm-crypto' {
  type Sm2Options = { hash: boolean; der: boolean; userId?: string; publicKey?: string };
  type Sm4Options = { padding: 'none'; output: 'array'; mode?: 'cbc'; iv?: ArrayLike<number> };
  const smCrypto: {
    sm2: {
      doSignature(message: ArrayLike<number>, privateKeyHex: string, options: Sm2Options): string;
      doVerifySignature(
        message: ArrayLike<number>,
        signatureHex: string,
        publicKeyHex: string,
        options: Sm2Options,
      ): boolean;
      getPublicKeyFromPrivateKey(privateKeyHex: string): string;
      verifyPublicKey(publicKeyHex: string): boolean;
    };
    sm3(message: ArrayLike<number>, options?: { key: ArrayLike<number>; mode: 'hmac' }): string;
    sm4: {
      encrypt(data: ArrayLike<number>, key: ArrayLike<number>, options: Sm4Options): number[];
      decrypt(data: ArrayLike<number>, key: ArrayLike<number>, options: Sm4Options): number[];
    };
  };
  export default smCrypto;
}
