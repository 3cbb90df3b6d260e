import type { IsoDate } from '../wire/identifiers.ts';
import type { ByteLayout } from './byte-layout.ts';
import { layoutBytes } from './byte-layout.ts';
import type { RsaCaKey } from './ca-keys.ts';
import type { Pan } from './card-identity.ts';
import { isValidOn, issuerCertificateName, matchesIssuer, matchesPan } from './certificate-rules.ts';
import { equalBytes } from './hex.ts';
import { odaRefused, type OdaRefusalCode, type OdaRefused } from './oda-refusal.ts';
import {
  isRsaKey,
  recoverSigned,
  RSA_BYTES_MAX,
  sha1,
  SHA1_BYTES,
  type RsaPublicKey,
} from './rsa-recovery.ts';

// Recovered RSA certificates, pboc-contactless.md 4.1, between the header 6A and the hash:
//
//   issuer   02 | issuer id 4 | MMYY 2 | serial 3 | hash algorithm 01 | key algorithm 01 | key length 1 | exponent length 1 | key part
//   card     04 | PAN 10      | the same fields                                                                             | key part
//
// The key part fills what the signer's modulus leaves: a key that is shorter is padded with BB, of a longer one the rest
// stands in the remainder (92, 9F48). The hash covers content, remainder, exponent (9F32, 9F47) and, for a card, the static data.

const ISSUER_HEAD: ByteLayout<RsaCertificateField> = [
  ['format', 1],
  ['identifier', 4],
  ['expiryMmyy', 2],
  ['serial', 3],
  ['hashAlgorithm', 1],
  ['keyAlgorithm', 1],
  ['keyLength', 1],
  ['exponentLength', 1],
];
const ICC_HEAD: ByteLayout<RsaCertificateField> = ISSUER_HEAD.map(([field, bytes]) => [
  field,
  field === 'identifier' ? 10 : bytes,
]);
type RsaCertificateField =
  | 'format'
  | 'identifier'
  | 'expiryMmyy'
  | 'serial'
  | 'hashAlgorithm'
  | 'keyAlgorithm'
  | 'keyLength'
  | 'exponentLength';

/** A certificate as recovered; nothing is judged but that it opened. */
export type RsaCertificate = {
  readonly format: number;
  /** issuer identifier (4 bytes) or PAN (10 bytes), F-padded */
  readonly identifier: Uint8Array;
  readonly expiryMmyy: Uint8Array;
  readonly serial: Uint8Array;
  readonly hashAlgorithm: number;
  readonly keyAlgorithm: number;
  readonly keyLength: number;
  readonly exponentLength: number;
  /** the key or its leftmost part, padded with BB where it is shorter */
  readonly keyPart: Uint8Array;
  readonly content: Uint8Array;
  readonly hash: Uint8Array;
};

export type RsaRecovered = { readonly ok: true; readonly certificate: RsaCertificate } | OdaRefused;

/** Opens tag 90. @refuses issuer_certificate_length_invalid, issuer_certificate_recovery_failed */
export function recoverRsaIssuerCertificate(value: Uint8Array, caKey: RsaPublicKey): RsaRecovered {
  return recover(value, caKey, ISSUER_HEAD, {
    length: 'issuer_certificate_length_invalid',
    recovery: 'issuer_certificate_recovery_failed',
    tag: '90',
  });
}

/** Opens tag 9F46. @refuses icc_certificate_length_invalid, icc_certificate_recovery_failed */
export function recoverRsaIccCertificate(value: Uint8Array, issuerKey: RsaPublicKey): RsaRecovered {
  return recover(value, issuerKey, ICC_HEAD, {
    length: 'icc_certificate_length_invalid',
    recovery: 'icc_certificate_recovery_failed',
    tag: '9F46',
  });
}

function recover(
  value: Uint8Array,
  signer: RsaPublicKey,
  head: ByteLayout<RsaCertificateField>,
  names: { readonly length: OdaRefusalCode; readonly recovery: OdaRefusalCode; readonly tag: string },
): RsaRecovered {
  if (value.length !== signer.modulus.length) return odaRefused(names.length, names.tag);
  const recovered = recoverSigned(signer, value);
  if (recovered === null) return odaRefused(names.recovery, names.tag);
  const { content, hash } = recovered;
  const fields = new Map<RsaCertificateField, Uint8Array>();
  let at = 0;
  for (const [field, bytes] of head) {
    fields.set(field, content.subarray(at, at + bytes));
    at += bytes;
  }
  const bytesOf = (field: RsaCertificateField): Uint8Array => fields.get(field) ?? new Uint8Array();
  const numberOf = (field: RsaCertificateField): number => bytesOf(field)[0] ?? 0;
  const certificate: RsaCertificate = {
    format: numberOf('format'),
    identifier: bytesOf('identifier'),
    expiryMmyy: bytesOf('expiryMmyy'),
    serial: bytesOf('serial'),
    hashAlgorithm: numberOf('hashAlgorithm'),
    keyAlgorithm: numberOf('keyAlgorithm'),
    keyLength: numberOf('keyLength'),
    exponentLength: numberOf('exponentLength'),
    keyPart: content.subarray(layoutBytes(head)),
    content,
    hash,
  };
  return { ok: true, certificate };
}

/**
 * The certified key out of its part, its remainder (92 or 9F48) and its exponent (9F32 or 9F47).
 *
 * @returns null when they do not make a key of the stated length: a remainder too short, too long, or where none is needed
 */
export function certifiedRsaKey(
  certificate: RsaCertificate,
  remainder: Uint8Array,
  exponent: Uint8Array,
): RsaPublicKey | null {
  const { keyLength, keyPart, exponentLength } = certificate;
  if (exponent.length !== exponentLength || keyLength > RSA_BYTES_MAX) return null;
  if (remainder.length !== Math.max(0, keyLength - keyPart.length)) return null;
  const modulus = Buffer.concat([keyPart.subarray(0, keyLength), remainder]);
  const key: RsaPublicKey = { modulus, exponent };
  return isRsaKey(key) ? key : null;
}

/** The hash inside a certificate, made anew over what it must cover: 20 bytes. */
export function rsaCertificateHash(
  certificate: RsaCertificate,
  remainder: Uint8Array,
  exponent: Uint8Array,
  staticData: Uint8Array,
): Uint8Array {
  return sha1(certificate.content, remainder, exponent, staticData);
}

/** Tags of one certificate as read; undefined where the card gave none. */
export type RsaCertificateObjects = {
  /** 90 or 9F46 */
  readonly certificate: Uint8Array | undefined;
  /** 92 or 9F48; absent and empty are the same */
  readonly remainder: Uint8Array | undefined;
  /** 9F32 or 9F47 */
  readonly exponent: Uint8Array | undefined;
};

export type RsaCertificateContext = {
  /** null: no PAN is compared */
  readonly pan: Pan | null;
  /** null: expiry is not judged */
  readonly onDate: IsoDate | null;
};

export type VerifiedRsaCertificate =
  { readonly ok: true; readonly certificate: RsaCertificate; readonly publicKey: RsaPublicKey } | OdaRefused;

/**
 * Decides whether an RSA issuer certificate is genuine and in force, and gives the issuer's key.
 *
 * @param context.revoked names of revoked certificates, certificate-rules.ts, issuerCertificateName
 * @refuses oda_data_missing (90, 9F32), issuer_certificate_length_invalid, issuer_certificate_recovery_failed,
 *   issuer_certificate_format_invalid, issuer_certificate_algorithm_unsupported, issuer_public_key_invalid,
 *   issuer_identifier_mismatch, issuer_certificate_revoked, issuer_certificate_expired, issuer_certificate_hash_mismatch
 * @spec pboc-contactless.md 4.1
 */
export function verifyRsaIssuerCertificate(
  objects: RsaCertificateObjects,
  caKey: RsaCaKey,
  context: RsaCertificateContext & { readonly revoked?: ReadonlySet<string> },
): VerifiedRsaCertificate {
  const { certificate: value, exponent, remainder = new Uint8Array() } = objects;
  if (value === undefined) return odaRefused('oda_data_missing', '90');
  if (exponent === undefined) return odaRefused('oda_data_missing', '9F32');
  const recovered = recoverRsaIssuerCertificate(value, caKey);
  if (!recovered.ok) return recovered;
  const { certificate } = recovered;
  if (certificate.format !== 0x02) return odaRefused('issuer_certificate_format_invalid', '90');
  if (!areAlgorithmsTaken(certificate)) return odaRefused('issuer_certificate_algorithm_unsupported', '90');
  const publicKey = certifiedRsaKey(certificate, remainder, exponent);
  if (publicKey === null) return odaRefused('issuer_public_key_invalid', '90');
  if (context.pan !== null && !matchesIssuer(context.pan, certificate.identifier)) {
    return odaRefused('issuer_identifier_mismatch', '90');
  }
  if (context.revoked?.has(issuerCertificateName(caKey, certificate.serial)) === true) {
    return odaRefused('issuer_certificate_revoked', '90');
  }
  if (!isValidOn(certificate.expiryMmyy, context.onDate))
    return odaRefused('issuer_certificate_expired', '90');
  const expected = rsaCertificateHash(certificate, remainder, exponent, new Uint8Array());
  if (!equalBytes(certificate.hash, expected)) return odaRefused('issuer_certificate_hash_mismatch', '90');
  return { ok: true, certificate, publicKey };
}

/**
 * Decides whether an RSA card certificate is genuine and in force over this static data, and gives the card's key.
 *
 * @refuses oda_data_missing (9F46, 9F47), icc_certificate_length_invalid, icc_certificate_recovery_failed,
 *   icc_certificate_format_invalid, icc_certificate_algorithm_unsupported, icc_public_key_invalid, icc_pan_mismatch,
 *   icc_certificate_expired, icc_certificate_hash_mismatch
 * @spec pboc-contactless.md 4.1
 */
export function verifyRsaIccCertificate(
  objects: RsaCertificateObjects,
  issuerKey: RsaPublicKey,
  staticData: Uint8Array,
  context: RsaCertificateContext,
): VerifiedRsaCertificate {
  const { certificate: value, exponent, remainder = new Uint8Array() } = objects;
  if (value === undefined) return odaRefused('oda_data_missing', '9F46');
  if (exponent === undefined) return odaRefused('oda_data_missing', '9F47');
  const recovered = recoverRsaIccCertificate(value, issuerKey);
  if (!recovered.ok) return recovered;
  const { certificate } = recovered;
  if (certificate.format !== 0x04) return odaRefused('icc_certificate_format_invalid', '9F46');
  if (!areAlgorithmsTaken(certificate)) return odaRefused('icc_certificate_algorithm_unsupported', '9F46');
  const publicKey = certifiedRsaKey(certificate, remainder, exponent);
  if (publicKey === null) return odaRefused('icc_public_key_invalid', '9F46');
  if (context.pan !== null && !matchesPan(context.pan, certificate.identifier)) {
    return odaRefused('icc_pan_mismatch', '9F46');
  }
  if (!isValidOn(certificate.expiryMmyy, context.onDate))
    return odaRefused('icc_certificate_expired', '9F46');
  const expected = rsaCertificateHash(certificate, remainder, exponent, staticData);
  if (!equalBytes(certificate.hash, expected)) return odaRefused('icc_certificate_hash_mismatch', '9F46');
  return { ok: true, certificate, publicKey };
}

/** SHA-1 and RSA, both written 01. */
function areAlgorithmsTaken(certificate: RsaCertificate): boolean {
  return certificate.hashAlgorithm === 0x01 && certificate.keyAlgorithm === 0x01;
}

/** Bytes of a signer's modulus that its certificates use for other things than the certified key. */
export const RSA_ISSUER_OVERHEAD_BYTES = layoutBytes(ISSUER_HEAD) + 2 + SHA1_BYTES;
export const RSA_ICC_OVERHEAD_BYTES = layoutBytes(ICC_HEAD) + 2 + SHA1_BYTES;
