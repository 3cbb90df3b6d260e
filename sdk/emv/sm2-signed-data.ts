import type { Sm2PublicKey } from '../gm/sm2.ts';
import { equalBytes } from './hex.ts';
import { odaRefused, type OdaRefused } from './oda-refusal.ts';
import type { Sm2Signer } from './sm2-certificates.ts';
import { holdsSm2Claim, type Sm2Claim } from './sm2-claim.ts';

// Signed data of an SM2 card, pboc-contactless.md 4.3. Nothing is recovered: the fields stand in clear before r and s.
//
//   SSAD, tag 93, 67 bytes      13 | data authentication code 2 | r,s       signed: 13 | code | static data
//   SDAD, tag 9F4B              15 | length 1 | dynamic data | r,s          signed: 15 | length | dynamic data | terminal data
//
// Dynamic data begins with the length of the ICC dynamic number and the number itself, 2 to 8 bytes.

const SIGNATURE_BYTES = 64;
const SSAD_BYTES = 67;
const SDAD_HEAD_BYTES = 2;

export type PreparedStaticSignature =
  ({ readonly ok: true; readonly dataAuthenticationCode: Uint8Array } & Sm2Claim) | OdaRefused;

/**
 * Decides everything about signed static data but its signature.
 *
 * @refuses oda_data_missing, signed_static_data_length_invalid, signed_static_data_format_invalid
 * @spec pboc-contactless.md 4.3, SSAD (sure: computed on three)
 */
export function prepareStaticSignature(
  ssad: Uint8Array | undefined,
  issuerKeyXy: Uint8Array,
  staticData: Uint8Array,
): PreparedStaticSignature {
  if (ssad === undefined) return odaRefused('oda_data_missing', '93');
  if (ssad.length !== SSAD_BYTES) return odaRefused('signed_static_data_length_invalid', '93');
  if (ssad[0] !== 0x13) return odaRefused('signed_static_data_format_invalid', '93');
  return {
    ok: true,
    dataAuthenticationCode: ssad.subarray(1, 3),
    publicKeyXy: issuerKeyXy,
    message: Buffer.concat([ssad.subarray(0, 3), staticData]),
    signatureRs: ssad.subarray(3),
  };
}

export type VerifiedStaticSignature =
  { readonly ok: true; readonly dataAuthenticationCode: Uint8Array } | OdaRefused;

/**
 * SDA with SM2: decides whether the issuer signed this static data.
 *
 * @refuses as prepareStaticSignature, then signed_static_data_signature_invalid
 */
export function verifyStaticSignature(
  ssad: Uint8Array | undefined,
  issuerKeyXy: Uint8Array,
  staticData: Uint8Array,
  issuerKey?: Sm2PublicKey,
): VerifiedStaticSignature {
  const prepared = prepareStaticSignature(ssad, issuerKeyXy, staticData);
  if (!prepared.ok) return prepared;
  if (!holdsSm2Claim(prepared, issuerKey)) return odaRefused('signed_static_data_signature_invalid', '93');
  return { ok: true, dataAuthenticationCode: prepared.dataAuthenticationCode };
}

export type DynamicSignatureInput = {
  /** value of 9F4B */
  readonly sdad: Uint8Array | undefined;
  /** the key of the verified card certificate */
  readonly iccKeyXy: Uint8Array;
  /** fdda.ts, fddaTerminalData; for DDA at a counter the DDOL data */
  readonly terminalData: Uint8Array;
  /** value of 9F36, with which the ICC dynamic number must agree; null where a card numbers otherwise (contact DDA) */
  readonly atc: Uint8Array | null;
};

export type PreparedDynamicSignature =
  | ({ readonly ok: true; readonly dynamicData: Uint8Array; readonly dynamicNumber: Uint8Array } & Sm2Claim)
  | OdaRefused;

/**
 * Decides everything about signed dynamic data but its signature.
 *
 * @refuses oda_data_missing, signed_dynamic_data_length_invalid, signed_dynamic_data_format_invalid, dynamic_number_invalid,
 *   dynamic_number_mismatch
 * @spec pboc-contactless.md 4.3, SDAD (likely), and 4.4: the dynamic number equals the ATC (likely: FD)
 */
export function prepareDynamicSignature(input: DynamicSignatureInput): PreparedDynamicSignature {
  const { sdad, iccKeyXy, terminalData, atc } = input;
  if (sdad === undefined) return odaRefused('oda_data_missing', '9F4B');
  const dynamicBytes = sdad[1] ?? 0;
  if (sdad.length !== SDAD_HEAD_BYTES + dynamicBytes + SIGNATURE_BYTES) {
    return odaRefused('signed_dynamic_data_length_invalid', '9F4B');
  }
  if (sdad[0] !== 0x15) return odaRefused('signed_dynamic_data_format_invalid', '9F4B');
  const signed = sdad.subarray(0, SDAD_HEAD_BYTES + dynamicBytes);
  const dynamicData = signed.subarray(SDAD_HEAD_BYTES);
  const dynamicNumber = readDynamicNumber(dynamicData);
  if (dynamicNumber === null) return odaRefused('dynamic_number_invalid', '9F4B');
  if (atc !== null && !equalBytes(dynamicNumber, atc)) return odaRefused('dynamic_number_mismatch', '9F36');
  return {
    ok: true,
    dynamicData,
    dynamicNumber,
    publicKeyXy: iccKeyXy,
    message: Buffer.concat([signed, terminalData]),
    signatureRs: sdad.subarray(SDAD_HEAD_BYTES + dynamicBytes),
  };
}

/** The ICC dynamic number at the head of dynamic data, 2 to 8 bytes (9F4C); null when it is not there. */
export function readDynamicNumber(dynamicData: Uint8Array): Uint8Array | null {
  const length = dynamicData[0] ?? 0;
  return length >= 2 && length <= 8 && dynamicData.length > length
    ? dynamicData.subarray(1, 1 + length)
    : null;
}

export type VerifiedDynamicSignature =
  { readonly ok: true; readonly dynamicData: Uint8Array; readonly dynamicNumber: Uint8Array } | OdaRefused;

/**
 * DDA and fDDA with SM2: decides whether this card signed what the terminal sent, in this transaction.
 *
 * @refuses as prepareDynamicSignature, then dynamic_signature_invalid
 */
export function verifyDynamicSignature(
  input: DynamicSignatureInput,
  iccKey?: Sm2PublicKey,
): VerifiedDynamicSignature {
  const prepared = prepareDynamicSignature(input);
  if (!prepared.ok) return prepared;
  if (!holdsSm2Claim(prepared, iccKey)) return odaRefused('dynamic_signature_invalid', '9F4B');
  return { ok: true, dynamicData: prepared.dynamicData, dynamicNumber: prepared.dynamicNumber };
}

/** Personalises tag 93. @throws RangeError unless the code has 2 bytes */
export function buildStaticSignature(
  dataAuthenticationCode: Uint8Array,
  staticData: Uint8Array,
  signAsIssuer: Sm2Signer,
): Uint8Array {
  if (dataAuthenticationCode.length !== 2) throw new RangeError('a data authentication code has 2 bytes');
  const head = Buffer.concat([Uint8Array.of(0x13), dataAuthenticationCode]);
  return Buffer.concat([head, signAsIssuer(Buffer.concat([head, staticData]))]);
}

/** What a card does for tag 9F4B. @throws RangeError for dynamic data over 255 bytes */
export function buildDynamicSignature(
  dynamicData: Uint8Array,
  terminalData: Uint8Array,
  signAsCard: Sm2Signer,
): Uint8Array {
  if (dynamicData.length > 0xff) throw new RangeError('dynamic data has at most 255 bytes');
  const head = Buffer.concat([Uint8Array.of(0x15, dynamicData.length), dynamicData]);
  return Buffer.concat([head, signAsCard(Buffer.concat([head, terminalData]))]);
}
