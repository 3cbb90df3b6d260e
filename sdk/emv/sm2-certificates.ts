import { importSm2PublicKey, isOnSm2Curve, type Sm2PublicKey } from '../gm/sm2.ts';
import type { IsoDate } from '../wire/identifiers.ts';
import { type FieldPlace, joinByLayout, placesOf } from './byte-layout.ts';
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
  const { bytes, places } = ISSUER_PLACES;
  if (certificate.length !== bytes) return null;
  const format = certificate[places.format.start] ?? 0;
  return { format, issuerId: cut(certificate, places.issuer_id), ...tailFields(certificate, places) };
}

/** The fields of tag 9F46; null when it is not 148 bytes. Nothing is judged. */
export function parseIccCertificate(certificate: Uint8Array): Sm2IccCertificate | null {
  const { bytes, places } = ICC_PLACES;
  if (certificate.length !== bytes) return null;
  const format = certificate[places.format.start] ?? 0;
  return { format, pan: cut(certificate, places.pan), ...tailFields(certificate, places) };
}

const ISSUER_PLACES = placesOf(SM2_ISSUER_LAYOUT);
const ICC_PLACES = placesOf(SM2_ICC_LAYOUT);

type TailField = Exclude<Sm2IssuerField & Sm2IccField, 'format'>;

function tailFields(
  certificate: Uint8Array,
  places: Readonly<Record<TailField, FieldPlace>>,
): Sm2CertificateFields {
  return {
    expiryMmyy: cut(certificate, places.expiry_mmyy),
    serial: cut(certificate, places.serial),
    signatureAlgorithm: certificate[places.signature_alg.start] ?? 0,
    encryptionAlgorithm: certificate[places.encryption_alg.start] ?? 0,
    parameterId: certificate[places.parameter_id.start] ?? 0,
    keyLength: certificate[places.key_length.start] ?? 0,
    publicKeyXy: cut(certificate, places.public_key_xy),
    signatureRs: cut(certificate, places.signature_rs),
  };
}

function cut(certificate: Uint8Array, place: FieldPlace): Uint8Array {
  return certificate.subarray(place.start, place.end);
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
  context: IssuerCertificateContext,
): PreparedIssuerCertificate {
  return judgeIssuerCertificate(value, caKey, context, pointOf);
}

type IssuerCertificateContext = CertificateContext & { readonly revoked?: ReadonlySet<string> };

/**
 * Takes the key that a certificate certifies; null when it is none. Whoever verifies imports it, which finds out by itself
 * whether it is a point of the curve, so that nobody asks twice.
 */
type KeyTaker<Key> = (publicKeyXy: Uint8Array) => Key | null;

function pointOf(publicKeyXy: Uint8Array): Uint8Array | null {
  return isOnSm2Curve(publicKeyXy) ? publicKeyXy : null;
}

type JudgedCertificate<Certificate, Key> =
  ({ readonly ok: true; readonly certificate: Certificate; readonly key: Key } & Sm2Claim) | OdaRefused;

function judgeIssuerCertificate<Key>(
  value: Uint8Array | undefined,
  caKey: Sm2CaKey,
  context: IssuerCertificateContext,
  takeKey: KeyTaker<Key>,
): JudgedCertificate<Sm2IssuerCertificate, Key> {
  if (value === undefined) return odaRefused('oda_data_missing', '90');
  const certificate = parseIssuerCertificate(value);
  if (certificate === null) return odaRefused('issuer_certificate_length_invalid', '90');
  if (certificate.format !== 0x12) return odaRefused('issuer_certificate_format_invalid', '90');
  if (!areAlgorithmsTaken(certificate, context.profile))
    return odaRefused('issuer_certificate_algorithm_unsupported', '90');
  const key = keyOf(certificate, takeKey);
  if (key === null) return odaRefused('issuer_public_key_invalid', '90');
  const refused = refuseIssuerHere(certificate, caKey, context);
  if (refused !== null) return refused;
  return {
    ok: true,
    certificate,
    key,
    publicKeyXy: caKey.publicKey.xy,
    message: value.subarray(0, value.length - SIGNATURE_BYTES),
    signatureRs: certificate.signatureRs,
  };
}

/**
 * What of an issuer certificate depends on the card and the day, and not on its bytes: the rest holds for ever once it was found.
 *
 * @refuses issuer_identifier_mismatch, issuer_certificate_revoked, issuer_certificate_expired
 */
export function refuseIssuerHere(
  certificate: Sm2IssuerCertificate,
  caKey: Pick<Sm2CaKey, 'rid' | 'index'>,
  { pan, revoked, onDate }: IssuerCertificateContext,
): OdaRefused | null {
  if (pan !== null && !matchesIssuer(pan, certificate.issuerId))
    return odaRefused('issuer_identifier_mismatch', '90');
  if (
    revoked !== undefined &&
    revoked.size > 0 &&
    revoked.has(issuerCertificateName(caKey, certificate.serial))
  )
    return odaRefused('issuer_certificate_revoked', '90');
  return isValidOn(certificate.expiryMmyy, onDate) ? null : odaRefused('issuer_certificate_expired', '90');
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

function keyOf<Key>(certificate: Sm2CertificateFields, takeKey: KeyTaker<Key>): Key | null {
  return certificate.keyLength === 0x40 ? takeKey(certificate.publicKeyXy) : null;
}

/** With the certified key ready to verify with. */
export type VerifiedIssuerCertificate =
  | { readonly ok: true; readonly certificate: Sm2IssuerCertificate; readonly publicKey: Sm2PublicKey }
  | OdaRefused;

/**
 * Decides whether an issuer certificate is genuine and in force.
 *
 * @refuses as prepareIssuerCertificate, then issuer_certificate_signature_invalid
 */
export function verifyIssuerCertificate(
  value: Uint8Array | undefined,
  caKey: Sm2CaKey,
  context: IssuerCertificateContext,
): VerifiedIssuerCertificate {
  const judged = judgeIssuerCertificate(value, caKey, context, importSm2PublicKey);
  if (!judged.ok) return judged;
  if (!holdsSm2Claim(judged, caKey.publicKey))
    return odaRefused('issuer_certificate_signature_invalid', '90');
  return { ok: true, certificate: judged.certificate, publicKey: judged.key };
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
  return judgeIccCertificate(value, issuerKeyXy, staticData, { takeKey: pointOf, ...context });
}

function judgeIccCertificate<Key>(
  value: Uint8Array | undefined,
  issuerKeyXy: Uint8Array,
  staticData: Uint8Array,
  context: CertificateContext & { readonly takeKey: KeyTaker<Key> },
): JudgedCertificate<Sm2IccCertificate, Key> {
  if (value === undefined) return odaRefused('oda_data_missing', '9F46');
  const certificate = parseIccCertificate(value);
  if (certificate === null) return odaRefused('icc_certificate_length_invalid', '9F46');
  if (certificate.format !== 0x14) return odaRefused('icc_certificate_format_invalid', '9F46');
  if (!areAlgorithmsTaken(certificate, context.profile))
    return odaRefused('icc_certificate_algorithm_unsupported', '9F46');
  const key = keyOf(certificate, context.takeKey);
  if (key === null) return odaRefused('icc_public_key_invalid', '9F46');
  if (context.pan !== null && !matchesPan(context.pan, certificate.pan))
    return odaRefused('icc_pan_mismatch', '9F46');
  if (!isValidOn(certificate.expiryMmyy, context.onDate))
    return odaRefused('icc_certificate_expired', '9F46');
  return {
    ok: true,
    certificate,
    key,
    publicKeyXy: issuerKeyXy,
    message: Buffer.concat([value.subarray(0, value.length - SIGNATURE_BYTES), staticData]),
    signatureRs: certificate.signatureRs,
  };
}

/** With the certified key ready to verify with. */
export type VerifiedIccCertificate =
  | { readonly ok: true; readonly certificate: Sm2IccCertificate; readonly publicKey: Sm2PublicKey }
  | OdaRefused;

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
  const judged = judgeIccCertificate(value, issuerKeyXy, staticData, {
    takeKey: importSm2PublicKey,
    ...context,
  });
  if (!judged.ok) return judged;
  if (!holdsSm2Claim(judged, issuerKey)) return odaRefused('icc_certificate_signature_invalid', '9F46');
  return { ok: true, certificate: judged.certificate, publicKey: judged.key };
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
