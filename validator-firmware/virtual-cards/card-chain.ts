import { bcdFromDigits, compressedFromDigits } from '@tapgate/sdk/emv/bcd';
import type { Pan } from '@tapgate/sdk/emv/card-identity';
import { type CardKeyOwner, deriveUdk, type SymmetricAlgorithm } from '@tapgate/sdk/emv/card-keys';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import {
  type BuiltRsaCertificate,
  buildRsaDynamicSignature,
  buildRsaIccCertificate,
  type RsaSigner,
} from '@tapgate/sdk/emv/rsa-personalisation';
import { buildIccCertificate } from '@tapgate/sdk/emv/sm2-certificates';
import { buildDynamicSignature } from '@tapgate/sdk/emv/sm2-signed-data';
import { encodeTlvTree, type TlvDraft } from '@tapgate/sdk/emv/tlv-encoding';
import { type Sm2KeyPair, sm2KeyPairFromSeed, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';

/** What an SM issuer hands to personalisation: its certificate under a CA key, and the keys that stay with it. */
export type CardIssuer = {
  /** tag 90 */
  readonly issuerCertificate: Uint8Array;
  /** tag 8F */
  readonly caKeyIndex: number;
  /** SM2 */
  readonly privateKey: Uint8Array;
  readonly publicKeyXy: Uint8Array;
  /** issuer master keys of cryptograms and of the MAC in the issuer discretionary data, 16 bytes each */
  readonly imkAc: Uint8Array;
  readonly imkMac: Uint8Array;
};

/** The same for the RSA and 3DES side of an issuer. */
export type RsaCardIssuer = {
  readonly caKeyIndex: number;
  /** 90, 92, 9F32 */
  readonly issuerCertificate: BuiltRsaCertificate;
  readonly signer: RsaSigner;
  readonly imkAc: Uint8Array;
  readonly imkMac: Uint8Array;
};

/** 9F4B over dynamic data and what the terminal sent. */
export type DynamicSigner = (dynamicData: Uint8Array, terminalData: Uint8Array) => Uint8Array;

/** One family of algorithms on a card, SM2 with SM4 or RSA with 3DES: keys, certificates, and the objects that carry them. */
export type CardChain = {
  readonly symmetric: SymmetricAlgorithm;
  readonly cryptogramVersion: number;
  readonly derivationKeyIndex: number;
  readonly udkAc: Uint8Array;
  readonly udkMac: Uint8Array;
  /** 8F and 90, with remainder and exponent where there are any */
  readonly issuerObjects: readonly TlvDraft[];
  /** 9F46, with remainder and exponent where there are any */
  readonly cardObjects: readonly TlvDraft[];
  /** bytes of 9F4B with the shortest dynamic data, the ATC */
  readonly signatureBytes: number;
  readonly sign: DynamicSigner;
  /** what somebody makes who has copied everything but the key */
  readonly signByAnotherKey: DynamicSigner;
};

/** What a chain is made for. */
export type ChainOrder = {
  readonly seed: string;
  readonly owner: CardKeyOwner;
  readonly expiry: IsoDate;
  /** static-data.ts: what the card certificate is signed over besides itself */
  readonly staticData: Uint8Array;
};

/** CVN 17 in one of its two spellings, CVN 01: pboc-contactless.md 5.3. */
const SM_CRYPTOGRAM_VERSION = 0x17;
const RSA_CRYPTOGRAM_VERSION = 0x01;

/** SM2 certificates and signature, SM4 cryptogram. All of it follows from the order, save the nonces of SM2 signatures. */
export function buildSmChain(order: ChainOrder, issuer: CardIssuer): CardChain {
  const cardKeys = sm2KeyPairFromSeed(Buffer.from(`${order.seed}|card key`, 'utf8'));
  const otherKeys = sm2KeyPairFromSeed(Buffer.from(`${order.seed}|another key`, 'utf8'));
  const certificate = buildIccCertificate(
    { ...certificateOrder(order), publicKeyXy: cardKeys.publicKeyXy },
    (message) => sm2Sign({ ...issuer, message }),
  );
  return {
    symmetric: 'SM4',
    cryptogramVersion: SM_CRYPTOGRAM_VERSION,
    derivationKeyIndex: 0x01,
    udkAc: deriveUdk('SM4', issuer.imkAc, order.owner),
    udkMac: deriveUdk('SM4', issuer.imkMac, order.owner),
    issuerObjects: [
      { tag: '8F', value: Uint8Array.of(issuer.caKeyIndex) },
      { tag: '90', value: issuer.issuerCertificate },
    ],
    cardObjects: [{ tag: '9F46', value: certificate }],
    signatureBytes: 69,
    sign: sm2Signer(cardKeys),
    signByAnotherKey: sm2Signer(otherKeys),
  };
}

function sm2Signer(keys: Sm2KeyPair): DynamicSigner {
  return (dynamicData, terminalData) =>
    buildDynamicSignature(dynamicData, terminalData, (message) => sm2Sign({ ...keys, message }));
}

/** RSA certificates and signature, 3DES cryptogram. The card's key pair is given: RSA keys cannot be drawn from a seed here. */
export function buildRsaChain(order: ChainOrder, issuer: RsaCardIssuer, card: RsaSigner): CardChain {
  const built = buildRsaIccCertificate(
    { ...certificateOrder(order), publicKey: card.publicKey },
    issuer.signer,
  );
  const keyBytes = card.publicKey.modulus.length;
  return {
    symmetric: '3DES',
    cryptogramVersion: RSA_CRYPTOGRAM_VERSION,
    derivationKeyIndex: 0x01,
    udkAc: deriveUdk('3DES', issuer.imkAc, order.owner),
    udkMac: deriveUdk('3DES', issuer.imkMac, order.owner),
    issuerObjects: [
      { tag: '8F', value: Uint8Array.of(issuer.caKeyIndex) },
      ...certificateObjects(issuer.issuerCertificate, {
        certificate: '90',
        remainder: '92',
        exponent: '9F32',
      }),
    ],
    cardObjects: certificateObjects(built, { certificate: '9F46', remainder: '9F48', exponent: '9F47' }),
    signatureBytes: keyBytes,
    sign: (dynamicData, terminalData) => buildRsaDynamicSignature(dynamicData, terminalData, card),
    // Below every modulus, and opened by no key: what it looks like to a terminal when another key has signed.
    signByAnotherKey: (_dynamicData, terminalData) => {
      const noise = Buffer.alloc(keyBytes, sm3(terminalData));
      noise[0] = 0;
      return noise;
    },
  };
}

function certificateObjects(
  built: BuiltRsaCertificate,
  tags: { readonly certificate: string; readonly remainder: string; readonly exponent: string },
): readonly TlvDraft[] {
  return [
    { tag: tags.certificate, value: built.certificate },
    ...(built.remainder.length === 0 ? [] : [{ tag: tags.remainder, value: built.remainder }]),
    { tag: tags.exponent, value: built.exponent },
  ];
}

function certificateOrder(order: ChainOrder) {
  const { expiry, seed, staticData, owner } = order;
  return {
    pan: owner.pan,
    expiryMmyy: bcdFromDigits(expiry.slice(5, 7) + expiry.slice(2, 4), 2),
    serial: sm3(Buffer.from(`${seed}|serial`, 'utf8')).slice(0, 3),
    staticData,
  };
}

const CHINA = bytesFromHex('0156');
export const RENMINBI = bytesFromHex('0156');

/** The authenticated objects: whose card it is, until when, and where it may be used. No name and no identity number. */
export function identityObjects(pan: Pan, expiry: IsoDate): readonly TlvDraft[] {
  return [
    { tag: '5A', value: compressedFromDigits(pan.reveal(), Math.ceil(pan.reveal().length / 2)) },
    { tag: '5F24', value: bcdFromDigits(expiry.slice(2).replaceAll('-', ''), 3) },
    { tag: '5F25', value: bytesFromHex('200101') },
    { tag: '5F28', value: CHINA },
    // Domestic cash, goods and services, at terminals other than ATMs (EMV Book 3 annex C2, from general knowledge).
    { tag: '9F07', value: bytesFromHex('A900') },
    { tag: '9F08', value: bytesFromHex('0030') },
    { tag: '9F42', value: RENMINBI },
  ];
}

/** PAN, D, YYMM, service code 220 (chip, no restriction on use abroad), five digits of the issuer, F to a whole byte. */
export function track2(pan: Pan, expiry: IsoDate): Uint8Array {
  const digits = `${pan.reveal()}D${expiry.slice(2, 4)}${expiry.slice(5, 7)}22000000`;
  return bytesFromHex(digits.length % 2 === 0 ? digits : `${digits}F`);
}

export function recordTemplate(objects: readonly TlvDraft[]): Uint8Array {
  return encodeTlvTree([{ tag: '70', children: objects }]);
}
