import { equalBytes } from './hex.ts';
import { odaRefused, type OdaRefused } from './oda-refusal.ts';
import { recoverSigned, sha1, type RsaPublicKey } from './rsa-recovery.ts';
import { readDynamicNumber } from './sm2-signed-data.ts';

// Recovered RSA signatures, pboc-contactless.md 4.1, between the header 6A and the hash:
//
//   SSAD, tag 93      03 | hash algorithm 01 | data authentication code 2 | BB..                  hash: content | static data
//   SDAD, tag 9F4B    05 | hash algorithm 01 | length 1 | dynamic data | BB..                     hash: content | terminal data
//
// Dynamic data of DDA and fDDA: length of the ICC dynamic number 1 | number. Of CDA besides: CID 1 | cryptogram 8 | transaction
// data hash 20.

const HASH_ALGORITHM_SHA1 = 0x01;

/** Which format bytes of signed dynamic data a terminal takes: 05; 95 was seen on one card, of another scheme [unsure]. */
export type SignedDataFormats = readonly number[];
export const SIGNED_DATA_FORMATS: SignedDataFormats = [0x05];

/** Signed static data as recovered; only that it opened is judged. */
export type RsaStaticData = {
  readonly format: number;
  readonly hashAlgorithm: number;
  readonly dataAuthenticationCode: Uint8Array;
  readonly content: Uint8Array;
  readonly hash: Uint8Array;
};
export type RsaStaticRecovered = { readonly ok: true; readonly signed: RsaStaticData } | OdaRefused;

/** Opens tag 93. @refuses signed_static_data_length_invalid, signed_static_data_recovery_failed */
export function recoverRsaStaticData(ssad: Uint8Array, issuerKey: RsaPublicKey): RsaStaticRecovered {
  if (ssad.length !== issuerKey.modulus.length) return odaRefused('signed_static_data_length_invalid', '93');
  const recovered = recoverSigned(issuerKey, ssad);
  if (recovered === null) return odaRefused('signed_static_data_recovery_failed', '93');
  const { content, hash } = recovered;
  const dataAuthenticationCode = content.subarray(2, 4);
  const signed = {
    format: content[0] ?? 0,
    hashAlgorithm: content[1] ?? 0,
    dataAuthenticationCode,
    content,
    hash,
  };
  return { ok: true, signed };
}

export type RsaStaticSignature =
  { readonly ok: true; readonly dataAuthenticationCode: Uint8Array } | OdaRefused;

/**
 * SDA with RSA: decides whether the issuer signed this static data.
 *
 * @refuses oda_data_missing, signed_static_data_length_invalid, signed_static_data_recovery_failed,
 *   signed_static_data_format_invalid, signed_static_data_algorithm_unsupported, signed_static_data_hash_mismatch
 * @spec pboc-contactless.md 4.1, SSAD
 */
export function verifyRsaStaticSignature(
  ssad: Uint8Array | undefined,
  issuerKey: RsaPublicKey,
  staticData: Uint8Array,
): RsaStaticSignature {
  if (ssad === undefined) return odaRefused('oda_data_missing', '93');
  const recovered = recoverRsaStaticData(ssad, issuerKey);
  if (!recovered.ok) return recovered;
  const { format, hashAlgorithm, dataAuthenticationCode, content, hash } = recovered.signed;
  if (format !== 0x03) return odaRefused('signed_static_data_format_invalid', '93');
  if (hashAlgorithm !== HASH_ALGORITHM_SHA1)
    return odaRefused('signed_static_data_algorithm_unsupported', '93');
  if (!equalBytes(hash, sha1(content, staticData)))
    return odaRefused('signed_static_data_hash_mismatch', '93');
  return { ok: true, dataAuthenticationCode };
}

/** Signed dynamic data as recovered; only that it opened and that its length fits is judged. */
export type RsaDynamicData = {
  readonly format: number;
  readonly hashAlgorithm: number;
  readonly dynamicData: Uint8Array;
  readonly content: Uint8Array;
  readonly hash: Uint8Array;
};
export type RsaDynamicRecovered = { readonly ok: true; readonly signed: RsaDynamicData } | OdaRefused;

/** Opens tag 9F4B. @refuses signed_dynamic_data_length_invalid, signed_dynamic_data_recovery_failed */
export function recoverRsaDynamicData(sdad: Uint8Array, iccKey: RsaPublicKey): RsaDynamicRecovered {
  if (sdad.length !== iccKey.modulus.length) return odaRefused('signed_dynamic_data_length_invalid', '9F4B');
  const recovered = recoverSigned(iccKey, sdad);
  if (recovered === null) return odaRefused('signed_dynamic_data_recovery_failed', '9F4B');
  const { content, hash } = recovered;
  const dynamicBytes = content[2] ?? 0;
  if (3 + dynamicBytes > content.length) return odaRefused('signed_dynamic_data_length_invalid', '9F4B');
  const dynamicData = content.subarray(3, 3 + dynamicBytes);
  const signed = { format: content[0] ?? 0, hashAlgorithm: content[1] ?? 0, dynamicData, content, hash };
  return { ok: true, signed };
}

export type RsaDynamicSignatureInput = {
  /** value of 9F4B */
  readonly sdad: Uint8Array | undefined;
  readonly iccKey: RsaPublicKey;
  /** fdda.ts, fddaTerminalData; for DDA the DDOL data; for CDA the unpredictable number */
  readonly terminalData: Uint8Array;
  /** value of 9F36, with which the ICC dynamic number must agree; null where a card numbers otherwise (contact) */
  readonly atc: Uint8Array | null;
  readonly formats?: SignedDataFormats;
};
export type RsaDynamicSignature =
  { readonly ok: true; readonly dynamicData: Uint8Array; readonly dynamicNumber: Uint8Array } | OdaRefused;

/**
 * DDA and fDDA with RSA: decides whether this card signed what the terminal sent, in this transaction.
 *
 * @refuses oda_data_missing, signed_dynamic_data_length_invalid, signed_dynamic_data_recovery_failed,
 *   signed_dynamic_data_format_invalid, signed_dynamic_data_algorithm_unsupported, dynamic_number_invalid,
 *   dynamic_number_mismatch, dynamic_signature_hash_mismatch
 * @spec pboc-contactless.md 4.1, SDAD, and 4.4
 */
export function verifyRsaDynamicSignature(input: RsaDynamicSignatureInput): RsaDynamicSignature {
  const { sdad, iccKey, terminalData, atc, formats = SIGNED_DATA_FORMATS } = input;
  if (sdad === undefined) return odaRefused('oda_data_missing', '9F4B');
  const recovered = recoverRsaDynamicData(sdad, iccKey);
  if (!recovered.ok) return recovered;
  const { format, hashAlgorithm, dynamicData, content, hash } = recovered.signed;
  if (!formats.includes(format)) return odaRefused('signed_dynamic_data_format_invalid', '9F4B');
  if (hashAlgorithm !== HASH_ALGORITHM_SHA1)
    return odaRefused('signed_dynamic_data_algorithm_unsupported', '9F4B');
  const dynamicNumber = readDynamicNumber(dynamicData);
  if (dynamicNumber === null) return odaRefused('dynamic_number_invalid', '9F4B');
  if (atc !== null && !equalBytes(dynamicNumber, atc)) return odaRefused('dynamic_number_mismatch', '9F36');
  if (!equalBytes(hash, sha1(content, terminalData)))
    return odaRefused('dynamic_signature_hash_mismatch', '9F4B');
  return { ok: true, dynamicData, dynamicNumber };
}

/** What a combined signature carries besides the dynamic number. */
export type CdaData = {
  readonly dynamicNumber: Uint8Array;
  readonly cid: number;
  readonly cryptogram: Uint8Array;
  readonly transactionDataHash: Uint8Array;
};

/** The fields of a combined signature's dynamic data; null when it is too short for them. */
export function parseCdaData(dynamicData: Uint8Array): CdaData | null {
  const dynamicNumber = readDynamicNumber(dynamicData);
  if (dynamicNumber === null) return null;
  const rest = dynamicData.subarray(1 + dynamicNumber.length);
  if (rest.length < 1 + 8 + 20) return null;
  return {
    dynamicNumber,
    cid: rest[0] ?? 0,
    cryptogram: rest.subarray(1, 9),
    transactionDataHash: rest.subarray(9, 29),
  };
}

/** What both sides exchanged up to a GENERATE AC, in order. */
export type CdaTransaction = {
  /** values sent for the PDOL, empty where there was none */
  readonly pdolValues: Uint8Array;
  /** values sent for CDOL1, and in a second GENERATE AC those of CDOL2 after them */
  readonly cdolValues: Uint8Array;
  /** objects of the response in their order, tag and length included, without 9F4B */
  readonly responseWithoutSdad: Uint8Array;
};

/** SHA-1 over the exchange, 20 bytes (pboc-contactless.md 4.5). */
export function cdaTransactionHash(transaction: CdaTransaction): Uint8Array {
  return sha1(transaction.pdolValues, transaction.cdolValues, transaction.responseWithoutSdad);
}

export type CdaVerified = { readonly ok: true; readonly data: CdaData } | OdaRefused;

/**
 * CDA: decides whether the card signed its cryptogram and everything that was exchanged.
 *
 * @param cid value of 9F27 in the response; the signature must carry the same
 * @refuses as verifyRsaDynamicSignature up to dynamic_number_mismatch, cda_data_invalid, cda_cid_mismatch,
 *   transaction_data_hash_mismatch, dynamic_signature_hash_mismatch
 * @spec pboc-contactless.md 4.5 (sure: two signatures, one full transaction hash)
 */
export function verifyCda(
  input: RsaDynamicSignatureInput,
  cid: Uint8Array,
  transaction: CdaTransaction,
): CdaVerified {
  const verified = verifyRsaDynamicSignature(input);
  // The signature's own hash ranks last, so that a changed exchange is named for what it is.
  if (!verified.ok && verified.refusal.code !== 'dynamic_signature_hash_mismatch') return verified;
  const dynamicData = verified.ok ? verified.dynamicData : dynamicDataOf(input);
  const data = dynamicData === null ? null : parseCdaData(dynamicData);
  if (data === null) return odaRefused('cda_data_invalid', '9F4B');
  if (cid.length !== 1 || cid[0] !== data.cid) return odaRefused('cda_cid_mismatch', '9F27');
  if (!equalBytes(data.transactionDataHash, cdaTransactionHash(transaction))) {
    return odaRefused('transaction_data_hash_mismatch', '9F4B');
  }
  return verified.ok ? { ok: true, data } : verified;
}

function dynamicDataOf(input: RsaDynamicSignatureInput): Uint8Array | null {
  if (input.sdad === undefined) return null;
  const recovered = recoverRsaDynamicData(input.sdad, input.iccKey);
  return recovered.ok ? recovered.signed.dynamicData : null;
}
