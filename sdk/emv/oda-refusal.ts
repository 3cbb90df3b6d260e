import type { ProofRefusalCode } from '../wire/refusals.ts';

/**
 * Every way in which offline data authentication fails, in order of precedence: the phases in the order of a tap, and within
 * a phase what is cheap before what is costly, so that a forged object never buys a signature check
 * (pboc-contactless.md section 4). `proof` is the word of the wire for it.
 */
export const ODA_REFUSALS = [
  {
    code: 'oda_data_missing',
    proof: 'card_data_missing',
    text: 'A data object that the authentication needs was not read.',
  },

  {
    code: 'sda_tag_list_invalid',
    proof: 'card_data_invalid',
    text: 'The static data authentication tag list is not the one byte 82.',
  },
  {
    code: 'static_record_invalid',
    proof: 'card_data_invalid',
    text: 'A record that is authenticated offline is not one template 70.',
  },
  {
    code: 'static_record_missing',
    proof: 'card_data_missing',
    text: 'A record that is authenticated offline was not read.',
  },

  {
    code: 'ca_key_unknown',
    proof: 'ca_key_unknown',
    text: 'No certification authority key of that RID, index and algorithm is loaded.',
  },
  { code: 'ca_key_expired', proof: 'ca_key_unknown', text: 'The certification authority key has expired.' },

  {
    code: 'issuer_certificate_length_invalid',
    proof: 'issuer_certificate_invalid',
    text: 'The issuer certificate has another length than its format or its signer gives it.',
  },
  {
    code: 'issuer_certificate_recovery_failed',
    proof: 'issuer_certificate_invalid',
    text: 'The issuer certificate does not open under the certification authority key.',
  },
  {
    code: 'issuer_certificate_format_invalid',
    proof: 'issuer_certificate_invalid',
    text: 'The format byte of the issuer certificate is not that of an issuer certificate.',
  },
  {
    code: 'issuer_certificate_algorithm_unsupported',
    proof: 'issuer_certificate_invalid',
    text: 'The issuer certificate names an algorithm or parameter that is not taken.',
  },
  {
    code: 'issuer_public_key_invalid',
    proof: 'issuer_certificate_invalid',
    text: 'The issuer public key, its remainder or its exponent is not a key of the stated length.',
  },
  {
    code: 'issuer_identifier_mismatch',
    proof: 'issuer_certificate_invalid',
    text: 'The issuer identifier is not the beginning of the PAN.',
  },
  {
    code: 'issuer_certificate_revoked',
    proof: 'issuer_certificate_invalid',
    text: 'The issuer certificate is on the revocation list.',
  },
  {
    code: 'issuer_certificate_expired',
    proof: 'issuer_certificate_expired',
    text: 'The issuer certificate has expired.',
  },
  {
    code: 'issuer_certificate_hash_mismatch',
    proof: 'issuer_certificate_invalid',
    text: 'The hash inside the issuer certificate is not that of its content.',
  },
  {
    code: 'issuer_certificate_signature_invalid',
    proof: 'issuer_certificate_invalid',
    text: 'The signature of the issuer certificate does not verify.',
  },

  {
    code: 'signed_static_data_length_invalid',
    proof: 'card_data_invalid',
    text: 'The signed static data has another length than its format or its signer gives it.',
  },
  {
    code: 'signed_static_data_recovery_failed',
    proof: 'card_data_invalid',
    text: 'The signed static data does not open under the issuer key.',
  },
  {
    code: 'signed_static_data_format_invalid',
    proof: 'card_data_invalid',
    text: 'The format byte of the signed static data is wrong.',
  },
  {
    code: 'signed_static_data_algorithm_unsupported',
    proof: 'card_data_invalid',
    text: 'The signed static data names a hash algorithm that is not taken.',
  },
  {
    code: 'signed_static_data_hash_mismatch',
    proof: 'card_data_invalid',
    text: 'The hash inside the signed static data is not that of the static data.',
  },
  {
    code: 'signed_static_data_signature_invalid',
    proof: 'card_data_invalid',
    text: 'The signature of the static data does not verify.',
  },

  {
    code: 'icc_certificate_length_invalid',
    proof: 'card_certificate_invalid',
    text: 'The card certificate has another length than its format or its signer gives it.',
  },
  {
    code: 'icc_certificate_recovery_failed',
    proof: 'card_certificate_invalid',
    text: 'The card certificate does not open under the issuer key.',
  },
  {
    code: 'icc_certificate_format_invalid',
    proof: 'card_certificate_invalid',
    text: 'The format byte of the card certificate is not that of a card certificate.',
  },
  {
    code: 'icc_certificate_algorithm_unsupported',
    proof: 'card_certificate_invalid',
    text: 'The card certificate names an algorithm or parameter that is not taken.',
  },
  {
    code: 'icc_public_key_invalid',
    proof: 'card_certificate_invalid',
    text: 'The card public key, its remainder or its exponent is not a key of the stated length.',
  },
  {
    code: 'icc_pan_mismatch',
    proof: 'card_certificate_invalid',
    text: 'The PAN of the card certificate is not the PAN of the card.',
  },
  {
    code: 'icc_certificate_expired',
    proof: 'card_certificate_expired',
    text: 'The card certificate has expired.',
  },
  {
    code: 'icc_certificate_hash_mismatch',
    proof: 'card_certificate_invalid',
    text: 'The hash inside the card certificate is not that of its content and the static data.',
  },
  {
    code: 'icc_certificate_signature_invalid',
    proof: 'card_certificate_invalid',
    text: 'The signature of the card certificate does not verify.',
  },

  {
    code: 'fdda_version_refused',
    proof: 'fdda_version_refused',
    text: 'The dynamic signature would not cover the amount (fDDA version 00).',
  },
  {
    code: 'card_authentication_data_invalid',
    proof: 'card_data_invalid',
    text: 'The card authentication related data (9F69) is not of version 01, or not of its length.',
  },
  {
    code: 'ctq_mismatch',
    proof: 'card_data_invalid',
    text: 'The card transaction qualifiers inside 9F69 are not those of 9F6C.',
  },
  {
    code: 'signed_dynamic_data_length_invalid',
    proof: 'dynamic_signature_invalid',
    text: 'The signed dynamic data has another length than its format or its signer gives it.',
  },
  {
    code: 'signed_dynamic_data_recovery_failed',
    proof: 'dynamic_signature_invalid',
    text: 'The signed dynamic data does not open under the card key.',
  },
  {
    code: 'signed_dynamic_data_format_invalid',
    proof: 'dynamic_signature_invalid',
    text: 'The format byte of the signed dynamic data is not taken.',
  },
  {
    code: 'signed_dynamic_data_algorithm_unsupported',
    proof: 'dynamic_signature_invalid',
    text: 'The signed dynamic data names a hash algorithm that is not taken.',
  },
  {
    code: 'dynamic_number_invalid',
    proof: 'dynamic_signature_invalid',
    text: 'The dynamic data does not begin with a number of its stated length.',
  },
  {
    code: 'dynamic_number_mismatch',
    proof: 'dynamic_number_mismatch',
    text: 'The number inside the dynamic signature is not the ATC.',
  },
  {
    code: 'cda_data_invalid',
    proof: 'dynamic_signature_invalid',
    text: 'The dynamic data of a combined signature is too short for its fields.',
  },
  {
    code: 'cda_cid_mismatch',
    proof: 'dynamic_signature_invalid',
    text: 'The cryptogram type inside the signature is not the one of the response.',
  },
  {
    code: 'transaction_data_hash_mismatch',
    proof: 'dynamic_signature_invalid',
    text: 'The transaction data hash inside the signature is not that of what was exchanged.',
  },
  {
    code: 'dynamic_signature_hash_mismatch',
    proof: 'dynamic_signature_invalid',
    text: 'The hash inside the signed dynamic data is not that of its content and the terminal data.',
  },
  {
    code: 'dynamic_signature_invalid',
    proof: 'dynamic_signature_invalid',
    text: 'The dynamic signature does not verify over what the terminal sent.',
  },
] as const satisfies readonly { code: string; proof: ProofRefusalCode; text: string }[];

export type OdaRefusalCode = (typeof ODA_REFUSALS)[number]['code'];

/** `field` is the tag of the object in question, where that says more than the code. */
export type OdaRefusal = { readonly code: OdaRefusalCode; readonly field?: string };
export type OdaRefused = { readonly ok: false; readonly refusal: OdaRefusal };

export function odaRefused(code: OdaRefusalCode, field?: string): OdaRefused {
  return { ok: false, refusal: field === undefined ? { code } : { code, field } };
}

const RANK: ReadonlyMap<string, number> = new Map(ODA_REFUSALS.map((entry, rank) => [entry.code, rank]));

/** Position in the list: of two refusals the one with the lower rank is named. */
export function odaRefusalRank(code: OdaRefusalCode): number {
  const rank = RANK.get(code);
  if (rank === undefined) throw new RangeError('refusal code without a rank');
  return rank;
}

/** The word of the wire (sdk/wire/refusals.ts) for an authentication that failed. */
export function proofRefusalOf(code: OdaRefusalCode): ProofRefusalCode {
  return entryOf(code).proof;
}

/** The constant English sentence of a code; card data never enters it. */
export function odaRefusalText(code: OdaRefusalCode): string {
  return entryOf(code).text;
}

function entryOf(code: OdaRefusalCode): (typeof ODA_REFUSALS)[number] {
  const entry = ODA_REFUSALS[odaRefusalRank(code)];
  if (entry === undefined) throw new RangeError('refusal code without an entry');
  return entry;
}
