import { refusalText, type Refusal, type RefusalCode } from '@tapgate/sdk/wire/refusals';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/**
 * The only place where a refusal becomes an HTTP status. Exhaustive by type: a new code does not compile until it has one.
 * What a card or a gate did is not an HTTP error: those codes travel as the cause of a verdict inside a 200, and 422 is what they
 * would be if a route ever had to refuse with one.
 */
export const REFUSAL_STATUS: Readonly<Record<RefusalCode, ContentfulStatusCode>> = {
  gateway_unavailable: 503,
  overloaded: 503,
  content_type_unsupported: 415,
  body_too_large: 413,
  json_malformed: 400,
  field_invalid: 400,
  route_unknown: 404,
  method_not_allowed: 405,
  token_missing: 401,
  token_invalid: 401,
  enrolment_refused: 403,
  not_found: 404,

  category_unknown: 422,
  evidence_kind_refused: 422,
  identity_number_first_generation: 422,
  identity_number_malformed: 422,
  identity_number_check_failed: 422,
  identity_number_region_unknown: 422,
  identity_number_birth_date_invalid: 422,
  identity_number_birth_date_differs: 422,
  residence_permit_without_residence: 422,
  eligibility_fact_missing: 422,
  eligibility_not_met: 422,
  enrolment_revoked: 409,

  record_not_base64: 400,
  record_too_large: 413,
  record_malformed: 400,
  terminal_unknown: 403,
  terminal_mac_invalid: 403,
  terminal_revoked: 403,
  terminal_mismatch: 403,
  tap_placement_unknown: 422,
  tap_time_implausible: 422,
  tap_identity_reused: 409,

  card_data_missing: 422,
  card_data_invalid: 422,
  ca_key_unknown: 422,
  issuer_certificate_invalid: 422,
  issuer_certificate_expired: 422,
  card_certificate_invalid: 422,
  card_certificate_expired: 422,
  fdda_version_refused: 422,
  dynamic_signature_invalid: 422,
  dynamic_number_mismatch: 422,
  cryptogram_type_refused: 422,
  cryptogram_invalid: 422,
  amount_mismatch: 422,
  card_expired: 422,

  atc_reused: 422,
  hotlisted: 422,
  bank_unknown: 422,

  card_declined: 422,
  card_torn: 422,
  card_unsupported: 422,
  card_protocol_error: 422,
  hotlist_too_old: 422,
  list_too_old: 422,
  pass_back: 422,
  journal_full: 422,
};

/** When to come again, in whole seconds, for those who were sent away for the moment (RFC 9110 10.2.3): a client adds its own chance. */
export const RETRY_AFTER_S: Readonly<Partial<Record<RefusalCode, string>>> = { overloaded: '1' };

/** The one shape of an error body. `message` is the code's constant text: no value of the request is ever in it. */
export type ErrorBody = {
  readonly error: {
    readonly code: RefusalCode;
    readonly field?: string;
    readonly message: string;
    readonly requestId: string;
  };
};

export function errorBody(refusal: Refusal, requestId: string): ErrorBody {
  const { code, field } = refusal;
  return {
    error: { code, ...(field === undefined ? {} : { field }), message: refusalText(code), requestId },
  };
}
