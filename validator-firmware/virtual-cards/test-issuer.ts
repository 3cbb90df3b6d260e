import { generateKeyPairSync } from 'node:crypto';
import { buildCaKeyTable, caKeyChecksum, type CaKeyTable, loadCaKey } from '@tapgate/sdk/emv/ca-keys';
import { buildRsaIssuerCertificate, type RsaSigner, rsaSignerOf } from '@tapgate/sdk/emv/rsa-personalisation';
import { bcdFromDigits, compressedFromDigits } from '@tapgate/sdk/emv/bcd';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { buildIssuerCertificate, issuerCertificateName } from '@tapgate/sdk/emv/sm2-certificates';
import { sm2KeyPairFromSeed, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { type IsoDate, isoDate } from '@tapgate/sdk/wire/identifiers';
import type { CardIssuer, RsaCardIssuer } from './card-chain.ts';

/** A certification authority of ours and one issuer under it, for cards that meet no bank. */
export type TestIssuer = {
  readonly issuer: CardIssuer;
  /** the same issuer with a certificate that was revoked later: cards that still carry it are good in all else */
  readonly revokedIssuer: CardIssuer;
  readonly caKeys: CaKeyTable;
  /** what terminals are told of it */
  readonly revokedIssuerCertificates: ReadonlySet<string>;
};

const RID = bytesFromHex('A000000333');
const CA_KEY_INDEX = 0x57;
const SERIAL = bytesFromHex('000001');
const REVOKED_SERIAL = bytesFromHex('0000FF');

/**
 * Makes an issuer and the CA key that proves it, all from a seed but the nonce of the certificate's signature.
 *
 * @param order.bin leading digits of its cards' PANs, 3 to 8
 */
export function makeTestIssuer(order: {
  readonly seed: string;
  readonly bin: string;
  readonly expiry?: IsoDate;
}): TestIssuer {
  const expiry = order.expiry ?? isoDate('2040-12-31');
  const caPair = sm2KeyPairFromSeed(Buffer.from(`${order.seed}|certification authority`, 'utf8'));
  const issuerPair = sm2KeyPairFromSeed(Buffer.from(`${order.seed}|issuer`, 'utf8'));
  const certificateOf = (serial: Uint8Array) =>
    buildIssuerCertificate(
      {
        issuerId: compressedFromDigits(order.bin, 4),
        expiryMmyy: bcdFromDigits(expiry.slice(5, 7) + expiry.slice(2, 4), 2),
        serial,
        publicKeyXy: issuerPair.publicKeyXy,
      },
      (message) => sm2Sign({ ...caPair, message }),
    );
  const caKey = loadCaKey({
    rid: RID,
    index: CA_KEY_INDEX,
    expiry: null,
    modulus: caPair.publicKeyXy,
    exponent: new Uint8Array(0),
    checksum: new Uint8Array(0),
  });
  if (!caKey.ok) throw new RangeError('a key pair of our own is a key pair');
  const masterKey = (label: string) => sm3(Buffer.from(`${order.seed}|${label}`, 'utf8')).slice(0, 16);
  const issuer = {
    issuerCertificate: certificateOf(SERIAL),
    caKeyIndex: CA_KEY_INDEX,
    ...issuerPair,
    imkAc: masterKey('issuer master key ac'),
    imkMac: masterKey('issuer master key mac'),
  };
  return {
    issuer,
    revokedIssuer: { ...issuer, issuerCertificate: certificateOf(REVOKED_SERIAL) },
    caKeys: buildCaKeyTable([caKey.key]),
    revokedIssuerCertificates: new Set([issuerCertificateName(caKey.key, REVOKED_SERIAL)]),
  };
}

/** An RSA authority and issuer of ours, and a key pair for one card. Drawn anew each time: RSA keys have no seed here. */
export type TestRsaIssuer = {
  readonly issuer: RsaCardIssuer;
  readonly caKeys: CaKeyTable;
  readonly cardSigner: RsaSigner;
};

const RSA_CA_KEY_INDEX = 0x5a;

/** @param order.cardKeyBits 1024 lets 9F4B fit a GPO reply; longer keys put it into a record */
export function makeTestRsaIssuer(order: {
  readonly bin: string;
  readonly cardKeyBits?: number;
}): TestRsaIssuer {
  const authority = newRsaSigner(1408);
  const signer = newRsaSigner(1280);
  const issuerCertificate = buildRsaIssuerCertificate(
    {
      issuerId: compressedFromDigits(order.bin, 4),
      expiryMmyy: bytesFromHex('1240'),
      serial: bytesFromHex('000002'),
      publicKey: signer.publicKey,
    },
    authority,
  );
  const { modulus, exponent } = authority.publicKey;
  const stated = { rid: RID, index: RSA_CA_KEY_INDEX, modulus, exponent };
  const caKey = loadCaKey({ ...stated, expiry: null, checksum: caKeyChecksum(stated) });
  if (!caKey.ok) throw new RangeError('a key pair of our own is a key pair');
  return {
    issuer: {
      caKeyIndex: RSA_CA_KEY_INDEX,
      issuerCertificate,
      signer,
      imkAc: bytesFromHex('0123456789ABCDEFFEDCBA9876543210'),
      imkMac: bytesFromHex('FEDCBA98765432100123456789ABCDEF'),
    },
    caKeys: buildCaKeyTable([caKey.key]),
    cardSigner: newRsaSigner(order.cardKeyBits ?? 1024),
  };
}

function newRsaSigner(modulusLength: number): RsaSigner {
  return rsaSignerOf(generateKeyPairSync('rsa', { modulusLength, publicExponent: 3 }).privateKey);
}
