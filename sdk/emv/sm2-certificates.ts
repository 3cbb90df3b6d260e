import { isOnSm2Curve, type Sm2PublicKey } from '../gm/sm2.ts';
import type { IsoDate } from '../wire/identifiers.ts';
import { joinByLayout, splitByLayout } from './byte-layout.ts';
import type { Sm2CaKey } from './ca-keys.ts';
import type { Pan } from './card-identity.ts';
import { isValidOn, issuerCertificateName, matchesIssuer, matchesPan } from './certificate-rules.ts';
import { odaRefused, type OdaRefused } from './oda-refusal.ts';
import {
  SM2_ICC_LAYOUT,
  SM2_ISSUER_LAYOUT,
  type Sm2IccField,
  type Sm2IssuerField,
} from './sm2-certificate-layouts.ts';
import { holdsSm2Claim, type Sm2Claim } from './sm2-claim.ts';

export { issuerCertificateName } from './certificate-rules.ts';

const SIGNATURE_BYTES = 64;

/** Which curve parameter ids a terminal takes: live cards carry 11, a personalisation test suite 04 (pboc-contactless.md 4.3). */
export type Sm2Profile = { readonly parameterIds: readonly number[] };
export const SM2_PROFILE_LIVE: Sm2Profile = { parameterIds: [0x11] };
export const SM2_PROFILE_TEST: Sm2Profile = { parameterIds: [0x11, 0x04] };

type Sm2CertificateFields = {
  readonly expiryMmyy: Uint8Array;
  readonly serial: Uint8Array;
  readonly signatureAlgorithm: number;
  readonly encryptionAlgorithm: number;
  readonly parameterId: number;
  readonly keyLength: number;
  /** the key that the certificate certifies */
  readonly publicKeyXy: Uint8Array;
  readonly signatureRs: Uint8Array;
};
export type Sm2IssuerCertificate = Sm2CertificateFields & {
  readonly format: number;
  readonly issuerId: Uint8Array;
};
export type Sm2IccCertificate = Sm2CertificateFields & { readonly format: number; readonly pan: Uint8Array };

/** The fields of tag 90; null when it is not 142 bytes. Nothing is judged. */
export function parseIssuerCertificate(certificate: Uint8Array): Sm2IssuerCertificate | null {
  const fields = splitByLayout(SM2_ISSUER_LAYOUT, certificate);
  if (fields === null) return null;
  return { format: byteOf(fields.format), issuerId: fields.issuer_id, ...certificateFields(fields) };
}

/** The fields of tag 9F46; null when it is not 148 bytes. Nothing is judged. */
export function parseIccCertificate(certificate: Uint8Array): Sm2IccCertificate | null {
  const fields = splitByLayout(SM2_ICC_LAYOUT, certificate);
  if (fields === null) return null;
  return { format: byteOf(fields.format), pan: fields.pan, ...certificateFields(fields) };
}

type TailFields = Readonly<Record<Exclude<Sm2IssuerField & Sm2IccField, 'format'>, Uint8Array>>;

function certificateFields(fields: TailFields): Sm2CertificateFields {
  return {
    expiryMmyy: fields.expiry_mmyy,
    serial: fields.serial,
    signatureAlgorithm: byteOf(fields.signature_alg),
    encryptionAlgorithm: byteOf(fields.encryption_alg),
    parameterId: byteOf(fields.parameter_id),
    keyLength: byteOf(fields.key_length),
    publicKeyXy: fields.public_key_xy,
    signatureRs: fields.signature_rs,
  };
}

function byteOf(field: Uint8Array): number {
  return field[0] ?? 0;
}

/** What a certificate is judged by. `onDate` null: expiry is not judged; `pan` null: no PAN is compared. */
export type CertificateContext = {
  readonly pan: Pan | null;
  readonly onDate: IsoDate | null;
  readonly profile?: Sm2Profile;
};

export type PreparedIssuerCertificate =
  ({ readonly ok: true; readonly certificate: Sm2IssuerCertificate } & Sm2Claim) | OdaRefused;

/**
 * Decides everything about an issuer certificate but its signature.
 *
 * @param revoked issuerCertificateName of certificates that were revoked
 * @returns the check that remains, and the fields
 * @refuses oda_data_missing, issuer_certificate_length_invalid, issuer_certificate_format_invalid,
 *   issuer_certificate_algorithm_unsupported, issuer_public_key_invalid, issuer_identifier_mismatch,
 *   issuer_certificate_revoked, issuer_certificate_expired
 * @spec pboc-contactless.md 4.3
 */
export function prepareIssuerCertificate(
  value: Uint8Array | undefined,
  caKey: Sm2CaKey,
  context: CertificateContext & { readonly revoked?: ReadonlySet<string> },
): PreparedIssuerCertificate {
  if (value === undefined) return odaRefused('oda_data_missing', '90');
  const certificate = parseIssuerCertificate(value);
  if (certificate === null) return odaRefused('issuer_certificate_length_invalid', '90');
  if (certificate.format !== 0x12) return odaRefused('issuer_certificate_format_invalid', '90');
  if (!areAlgorithmsTaken(certificate, context.profile))
    return odaRefused('issuer_certificate_algorithm_unsupported', '90');
  if (!isKeyTaken(certificate)) return odaRefused('issuer_public_key_invalid', '90');
  if (context.pan !== null && !matchesIssuer(context.pan, certificate.issuerId)) {
    return odaRefused('issuer_identifier_mismatch', '90');
  }
  if (context.revoked?.has(issuerCertificateName(caKey, certificate.serial)) === true) {
    return odaRefused('issuer_certificate_revoked', '90');
  }
  if (!isValidOn(certificate.expiryMmyy, context.onDate))
    return odaRefused('issuer_certificate_expired', '90');
  return {
    ok: true,
    certificate,
    publicKeyXy: caKey.publicKey.xy,
    message: value.subarray(0, value.length - SIGNATURE_BYTES),
    signatureRs: certificate.signatureRs,
  };
}

function areAlgorithmsTaken(
  certificate: Sm2CertificateFields,
  profile: Sm2Profile = SM2_PROFILE_LIVE,
): boolean {
  return (
    certificate.signatureAlgorithm === 0x04 &&
    certificate.encryptionAlgorithm === 0x00 &&
    profile.parameterIds.includes(certificate.parameterId)
  );
}

function isKeyTaken(certificate: Sm2CertificateFields): boolean {
  return certificate.keyLength === 0x40 && isOnSm2Curve(certificate.publicKeyXy);
}

export type VerifiedIssuerCertificate =
  { readonly ok: true; readonly certificate: Sm2IssuerCertificate } | OdaRefused;

/**
 * Decides whether an issuer certificate is genuine and in force.
 *
 * @refuses as prepareIssuerCertificate, then issuer_certificate_signature_invalid
 */
export function verifyIssuerCertificate(
  value: Uint8Array | undefined,
  caKey: Sm2CaKey,
  context: CertificateContext & { readonly revoked?: ReadonlySet<string> },
): VerifiedIssuerCertificate {
  const prepared = prepareIssuerCertificate(value, caKey, context);
  if (!prepared.ok) return prepared;
  if (!holdsSm2Claim(prepared, caKey.publicKey))
    return odaRefused('issuer_certificate_signature_invalid', '90');
  return { ok: true, certificate: prepared.certificate };
}

export type PreparedIccCertificate =
  ({ readonly ok: true; readonly certificate: Sm2IccCertificate } & Sm2Claim) | OdaRefused;

/**
 * Decides everything about a card certificate but its signature.
 *
 * @param issuerKeyXy the key of the verified issuer certificate
 * @param staticData static-data.ts, buildStaticData
 * @refuses oda_data_missing, icc_certificate_length_invalid, icc_certificate_format_invalid,
 *   icc_certificate_algorithm_unsupported, icc_public_key_invalid, icc_pan_mismatch, icc_certificate_expired
 * @spec pboc-contactless.md 4.3: the first 84 bytes, then the static data, are signed
 */
export function prepareIccCertificate(
  value: Uint8Array | undefined,
  issuerKeyXy: Uint8Array,
  staticData: Uint8Array,
  context: CertificateContext,
): PreparedIccCertificate {
  if (value === undefined) return odaRefused('oda_data_missing', '9F46');
  const certificate = parseIccCertificate(value);
  if (certificate === null) return odaRefused('icc_certificate_length_invalid', '9F46');
  if (certificate.format !== 0x14) return odaRefused('icc_certificate_format_invalid', '9F46');
  if (!areAlgorithmsTaken(certificate, context.profile))
    return odaRefused('icc_certificate_algorithm_unsupported', '9F46');
  if (!isKeyTaken(certificate)) return odaRefused('icc_public_key_invalid', '9F46');
  if (context.pan !== null && !matchesPan(context.pan, certificate.pan))
    return odaRefused('icc_pan_mismatch', '9F46');
  if (!isValidOn(certificate.expiryMmyy, context.onDate))
    return odaRefused('icc_certificate_expired', '9F46');
  return {
    ok: true,
    certificate,
    publicKeyXy: issuerKeyXy,
    message: Buffer.concat([value.subarray(0, value.length - SIGNATURE_BYTES), staticData]),
    signatureRs: certificate.signatureRs,
  };
}

export type VerifiedIccCertificate =
  { readonly ok: true; readonly certificate: Sm2IccCertificate } | OdaRefused;

/**
 * Decides whether a card certificate is genuine and in force, over this static data.
 *
 * @param issuerKey the imported key of the issuer, where the caller keeps it
 * @refuses as prepareIccCertificate, then icc_certificate_signature_invalid
 */
export function verifyIccCertificate(
  value: Uint8Array | undefined,
  issuerKeyXy: Uint8Array,
  staticData: Uint8Array,
  context: CertificateContext,
  issuerKey?: Sm2PublicKey,
): VerifiedIccCertificate {
  const prepared = prepareIccCertificate(value, issuerKeyXy, staticData, context);
  if (!prepared.ok) return prepared;
  if (!holdsSm2Claim(prepared, issuerKey)) return odaRefused('icc_certificate_signature_invalid', '9F46');
  return { ok: true, certificate: prepared.certificate };
}

/** Signs a message with a key that the caller holds: r and s, 64 bytes. */
export type Sm2Signer = (message: Uint8Array) => Uint8Array;

type CertificateOrder = {
  /** MMYY, BCD */
  readonly expiryMmyy: Uint8Array;
  readonly serial: Uint8Array;
  /** the key to certify */
  readonly publicKeyXy: Uint8Array;
  readonly parameterId?: number;
};

function tailOf(
  order: CertificateOrder,
): Record<Exclude<Sm2IssuerField & Sm2IccField, 'format'>, Uint8Array> {
  return {
    expiry_mmyy: order.expiryMmyy,
    serial: order.serial,
    signature_alg: Uint8Array.of(0x04),
    encryption_alg: Uint8Array.of(0x00),
    parameter_id: Uint8Array.of(order.parameterId ?? 0x11),
    key_length: Uint8Array.of(0x40),
    public_key_xy: order.publicKeyXy,
    signature_rs: new Uint8Array(SIGNATURE_BYTES),
  };
}

/**
 * Personalises tag 90, signed by the CA's key.
 *
 * @throws RangeError for a field of another length than its layout
 */
export function buildIssuerCertificate(
  order: CertificateOrder & { readonly issuerId: Uint8Array },
  signAsCa: Sm2Signer,
): Uint8Array {
  const unsigned = { format: Uint8Array.of(0x12), issuer_id: order.issuerId, ...tailOf(order) };
  const body = joinByLayout(SM2_ISSUER_LAYOUT, unsigned).subarray(0, -SIGNATURE_BYTES);
  return Buffer.concat([body, signAsCa(body)]);
}

/**
 * Personalises tag 9F46, signed by the issuer's key over the certificate and the card's static data.
 *
 * @throws RangeError for a field of another length than its layout
 */
export function buildIccCertificate(
  order: CertificateOrder & { readonly pan: Pan; readonly staticData: Uint8Array },
  signAsIssuer: Sm2Signer,
): Uint8Array {
  const unsigned = { format: Uint8Array.of(0x14), pan: order.pan.toCompressed(), ...tailOf(order) };
  const body = joinByLayout(SM2_ICC_LAYOUT, unsigned).subarray(0, -SIGNATURE_BYTES);
  return Buffer.concat([body, signAsIssuer(Buffer.concat([body, order.staticData]))]);
}
