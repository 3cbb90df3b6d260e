import type { ByteLayout } from './byte-layout.ts';

// The three SM2 formats of pboc-contactless.md 4.3, field by field. The root file has no encryption algorithm byte; the two
// certificates have one (sure: computed on five certificates). Everything before signature_rs is signed.

export type Sm2RootField =
  | 'format'
  | 'service_id'
  | 'rid'
  | 'index'
  | 'expiry_mmyy'
  | 'signature_alg'
  | 'parameter_id'
  | 'key_length'
  | 'public_key_xy'
  | 'signature_rs';

/** Self-signed root file, 144 bytes. */
export const SM2_ROOT_LAYOUT: ByteLayout<Sm2RootField> = [
  ['format', 1], // 31
  ['service_id', 4], // 01010000
  ['rid', 5],
  ['index', 1],
  ['expiry_mmyy', 2],
  ['signature_alg', 1], // 04
  ['parameter_id', 1], // 11
  ['key_length', 1], // 40
  ['public_key_xy', 64],
  ['signature_rs', 64],
];

type Sm2CertificateTail =
  | 'expiry_mmyy'
  | 'serial'
  | 'signature_alg'
  | 'encryption_alg'
  | 'parameter_id'
  | 'key_length'
  | 'public_key_xy'
  | 'signature_rs';

const CERTIFICATE_TAIL: ByteLayout<Sm2CertificateTail> = [
  ['expiry_mmyy', 2], // valid to the end of that month
  ['serial', 3],
  ['signature_alg', 1], // 04, SM2 with SM3
  ['encryption_alg', 1], // 00
  ['parameter_id', 1], // 11
  ['key_length', 1], // 40
  ['public_key_xy', 64], // no 04 before it
  ['signature_rs', 64], // raw
];

export type Sm2IssuerField = 'format' | 'issuer_id' | Sm2CertificateTail;

/** Issuer certificate, tag 90, 142 bytes. */
export const SM2_ISSUER_LAYOUT: ByteLayout<Sm2IssuerField> = [
  ['format', 1], // 12
  ['issuer_id', 4], // leftmost PAN digits, F-padded
  ...CERTIFICATE_TAIL,
];

export type Sm2IccField = 'format' | 'pan' | Sm2CertificateTail;

/** Card certificate, tag 9F46, 148 bytes; the static data is signed after its first 84 bytes. */
export const SM2_ICC_LAYOUT: ByteLayout<Sm2IccField> = [
  ['format', 1], // 14
  ['pan', 10], // F-padded
  ...CERTIFICATE_TAIL,
];
