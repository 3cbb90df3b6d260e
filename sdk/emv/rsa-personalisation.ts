import { constants, createPublicKey, privateDecrypt, type KeyObject } from 'node:crypto';
import type { Pan } from './card-identity.ts';
import { RSA_ICC_OVERHEAD_BYTES, RSA_ISSUER_OVERHEAD_BYTES } from './rsa-certificates.ts';
import { sha1, SHA1_BYTES, type RsaPublicKey } from './rsa-recovery.ts';

// The signing side of RSA cards: what an issuer or a virtual card makes, and a terminal opens again.

/** A key pair that signs blocks of the length of its modulus. */
export type RsaSigner = {
  readonly publicKey: RsaPublicKey;
  /** the raw private operation */
  readonly sign: (block: Uint8Array) => Uint8Array;
};

/** @throws TypeError for a key that is not RSA */
export function rsaSignerOf(privateKey: KeyObject): RsaSigner {
  const { n, e } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (n === undefined || e === undefined) throw new TypeError('not an RSA key');
  return {
    publicKey: { modulus: Buffer.from(n, 'base64url'), exponent: Buffer.from(e, 'base64url') },
    sign: (block) => privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, block),
  };
}

/** What a card carries of a certificate: 90, 92, 9F32 or 9F46, 9F48, 9F47. */
export type BuiltRsaCertificate = {
  readonly certificate: Uint8Array;
  /** empty where the key fits the certificate */
  readonly remainder: Uint8Array;
  readonly exponent: Uint8Array;
};

type CertificateOrder = {
  /** MMYY, BCD */
  readonly expiryMmyy: Uint8Array;
  readonly serial: Uint8Array;
  /** the key to certify */
  readonly publicKey: RsaPublicKey;
};

/** Personalises 90, 92, 9F32. @throws RangeError for fields of other lengths than the format's */
export function buildRsaIssuerCertificate(
  order: CertificateOrder & { readonly issuerId: Uint8Array },
  ca: RsaSigner,
): BuiltRsaCertificate {
  return build(0x02, order.issuerId, order, new Uint8Array(), ca, RSA_ISSUER_OVERHEAD_BYTES);
}

/** Personalises 9F46, 9F48, 9F47. @throws RangeError for fields of other lengths than the format's */
export function buildRsaIccCertificate(
  order: CertificateOrder & { readonly pan: Pan; readonly staticData: Uint8Array },
  issuer: RsaSigner,
): BuiltRsaCertificate {
  return build(0x04, order.pan.toCompressed(), order, order.staticData, issuer, RSA_ICC_OVERHEAD_BYTES);
}

function build(
  format: number,
  identifier: Uint8Array,
  order: CertificateOrder,
  staticData: Uint8Array,
  signer: RsaSigner,
  overheadBytes: number,
): BuiltRsaCertificate {
  const { modulus, exponent } = order.publicKey;
  const room = signer.publicKey.modulus.length - overheadBytes;
  const keyPart = new Uint8Array(room).fill(0xbb);
  keyPart.set(modulus.subarray(0, room));
  const remainder = modulus.subarray(room);
  const algorithms = Uint8Array.of(0x01, 0x01, modulus.length, exponent.length);
  const content = Buffer.concat([
    Uint8Array.of(format),
    identifier,
    order.expiryMmyy,
    order.serial,
    algorithms,
    keyPart,
  ]);
  const hash = sha1(content, remainder, exponent, staticData);
  return { certificate: signBlock(signer, content, hash), remainder, exponent };
}

/** @throws RangeError when content and hash do not fill the modulus: a field had another length than its format gives it */
function signBlock(signer: RsaSigner, content: Uint8Array, hash: Uint8Array): Uint8Array {
  if (content.length + SHA1_BYTES + 2 !== signer.publicKey.modulus.length) {
    throw new RangeError('content, hash, header and trailer fill the modulus');
  }
  return signer.sign(Buffer.concat([Uint8Array.of(0x6a), content, hash, Uint8Array.of(0xbc)]));
}

/** Content of signed data, padded with BB to what the modulus leaves. */
function paddedContent(signer: RsaSigner, head: Uint8Array): Uint8Array {
  const content = new Uint8Array(signer.publicKey.modulus.length - SHA1_BYTES - 2).fill(0xbb);
  content.set(head);
  return content;
}

/** Personalises 93. @throws RangeError unless the code has 2 bytes */
export function buildRsaStaticSignature(
  dataAuthenticationCode: Uint8Array,
  staticData: Uint8Array,
  issuer: RsaSigner,
): Uint8Array {
  if (dataAuthenticationCode.length !== 2) throw new RangeError('a data authentication code has 2 bytes');
  const content = paddedContent(issuer, Buffer.concat([Uint8Array.of(0x03, 0x01), dataAuthenticationCode]));
  return signBlock(issuer, content, sha1(content, staticData));
}

/** What a card does for 9F4B. @throws RangeError for dynamic data that does not fit the modulus */
export function buildRsaDynamicSignature(
  dynamicData: Uint8Array,
  terminalData: Uint8Array,
  card: RsaSigner,
  format = 0x05,
): Uint8Array {
  const content = paddedContent(
    card,
    Buffer.concat([Uint8Array.of(format, 0x01, dynamicData.length), dynamicData]),
  );
  return signBlock(card, content, sha1(content, terminalData));
}
