/**
 * Every way in which a tap, a request or a gate decision is refused, in order of precedence: when several apply, the
 * first of this list is the one that is named (style.md section 4, after TigerBeetle's create_transfers). The list is the
 * only place where a code is born; the HTTP status of each is the exhaustive record in gateway/http/refusal-response.ts.
 *
 * `where` says who can speak it: the request's envelope, the register of a desk, the record, the card's proof, the card's standing, the gate.
 */
export const REFUSALS = [
  // The request cannot be read at all.
  {
    code: 'gateway_unavailable',
    where: 'request',
    text: 'The gateway cannot reach its database; keep the record and send it again.',
  },
  {
    code: 'overloaded',
    where: 'request',
    text: 'The request cannot be answered within its budget; decide offline and send the record later.',
  },
  {
    code: 'content_type_unsupported',
    where: 'request',
    text: 'The content type of the request is not the one that this route takes.',
  },
  { code: 'body_too_large', where: 'request', text: 'The body is larger than the limit of this route.' },
  { code: 'json_malformed', where: 'request', text: 'The body is not well-formed JSON.' },
  { code: 'field_invalid', where: 'request', text: 'A field is missing, unknown, or not of its type.' },
  { code: 'route_unknown', where: 'request', text: 'There is no such route.' },
  { code: 'method_not_allowed', where: 'request', text: 'The route exists, but not for this method.' },
  { code: 'token_missing', where: 'request', text: 'This route needs a bearer token.' },
  {
    code: 'token_invalid',
    where: 'request',
    text: 'The bearer token is unknown, expired, or not for this route.',
  },
  {
    code: 'enrolment_refused',
    where: 'request',
    text: 'There is no code for this terminal, it has expired or been used, or the request was not made with it.',
  },
  { code: 'not_found', where: 'request', text: 'There is nothing of that name.' },

  // A desk may not write this enrolment.
  {
    code: 'category_unknown',
    where: 'desk',
    text: 'No rule set of this city knows the rider category.',
  },
  {
    code: 'evidence_kind_refused',
    where: 'desk',
    text: 'The rider category does not accept this kind of evidence.',
  },
  {
    code: 'identity_number_first_generation',
    where: 'desk',
    text: 'Identity numbers of 15 digits are out of use; the document with 18 characters is needed.',
  },
  {
    code: 'identity_number_malformed',
    where: 'desk',
    text: 'The identity number is not 17 digits and a check character.',
  },
  {
    code: 'identity_number_check_failed',
    where: 'desk',
    text: 'The check character of the identity number is wrong.',
  },
  {
    code: 'identity_number_region_unknown',
    where: 'desk',
    text: 'The identity number begins with no known region.',
  },
  {
    code: 'identity_number_birth_date_invalid',
    where: 'desk',
    text: 'The birth date in the identity number is no date on which a living person was born.',
  },
  {
    code: 'identity_number_birth_date_differs',
    where: 'desk',
    text: 'The birth date that is stated is not the one of the identity number.',
  },
  {
    code: 'residence_permit_without_residence',
    where: 'desk',
    text: 'The holder of a residence permit has no registered residence, which the rider category asks for.',
  },
  {
    code: 'eligibility_fact_missing',
    where: 'desk',
    text: 'The rider category asks for a fact that the desk did not give.',
  },
  {
    code: 'eligibility_not_met',
    where: 'desk',
    text: 'The person does not qualify for the rider category and never will.',
  },
  { code: 'enrolment_revoked', where: 'desk', text: 'The enrolment was revoked.' },

  // The record is not a tap record of a terminal of ours. Nothing is stored but a count.
  { code: 'record_not_base64', where: 'record', text: 'The record is not base64.' },
  { code: 'record_too_large', where: 'record', text: 'The record is over the size bound.' },
  { code: 'record_malformed', where: 'record', text: 'The record is not a well-formed tap record.' },
  { code: 'terminal_unknown', where: 'record', text: 'The terminal is not registered.' },
  {
    code: 'terminal_mac_invalid',
    where: 'record',
    text: 'The MAC of the record does not verify under the key of its terminal.',
  },
  { code: 'terminal_revoked', where: 'record', text: 'The terminal was revoked before this tap.' },
  {
    code: 'terminal_mismatch',
    where: 'record',
    text: 'The token belongs to another terminal than the record.',
  },
  {
    code: 'tap_placement_unknown',
    where: 'record',
    text: 'Line, station, tap kind or rail is not one that this terminal serves.',
  },
  {
    code: 'tap_time_implausible',
    where: 'record',
    text: 'The tap lies in the future or before the age that is accepted.',
  },
  {
    code: 'tap_identity_reused',
    where: 'record',
    text: 'This terminal and sequence were already used with other bytes.',
  },

  // The card's own proof. At a gate these deny; at the gateway, for a rider who has travelled, they are causes of a loss.
  { code: 'card_data_missing', where: 'proof', text: 'A data object that the proof needs was not read.' },
  {
    code: 'card_data_invalid',
    where: 'proof',
    text: 'A data object of the card does not have the form that the specification gives it.',
  },
  {
    code: 'ca_key_unknown',
    where: 'proof',
    text: 'No certification authority key of that RID and index is loaded, or it has expired.',
  },
  { code: 'issuer_certificate_invalid', where: 'proof', text: 'The issuer certificate does not verify.' },
  { code: 'issuer_certificate_expired', where: 'proof', text: 'The issuer certificate has expired.' },
  { code: 'card_certificate_invalid', where: 'proof', text: 'The card certificate does not verify.' },
  { code: 'card_certificate_expired', where: 'proof', text: 'The card certificate has expired.' },
  {
    code: 'fdda_version_refused',
    where: 'proof',
    text: 'The dynamic signature does not cover the amount (fDDA version 00).',
  },
  {
    code: 'dynamic_signature_invalid',
    where: 'proof',
    text: 'The dynamic signature does not verify over what the terminal says it sent.',
  },
  {
    code: 'dynamic_number_mismatch',
    where: 'proof',
    text: 'The number inside the dynamic signature is not the ATC.',
  },
  {
    code: 'cryptogram_type_refused',
    where: 'proof',
    text: 'The card gave a cryptogram of a type that this rail does not take.',
  },
  {
    code: 'cryptogram_invalid',
    where: 'proof',
    text: 'The application cryptogram does not verify under the issuer key.',
  },
  {
    code: 'amount_mismatch',
    where: 'proof',
    text: 'The amount the card signed is not the amount of this rail and place.',
  },
  { code: 'card_expired', where: 'proof', text: 'The card has expired.' },

  // The card is genuine; its act or its standing is not good.
  {
    code: 'atc_reused',
    where: 'standing',
    text: 'This act of the card (PAN, sequence number, ATC) was already reported from elsewhere.',
  },
  { code: 'hotlisted', where: 'standing', text: 'The card is on the hotlist.' },
  { code: 'bank_unknown', where: 'standing', text: 'The card belongs to no cooperating bank.' },

  // Only a gate says these.
  { code: 'card_declined', where: 'gate', text: 'The card declined.' },
  { code: 'card_torn', where: 'gate', text: 'The card left the field before everything was read.' },
  { code: 'card_unsupported', where: 'gate', text: 'The card has no application that this gate takes.' },
  { code: 'card_protocol_error', where: 'gate', text: 'The card answered outside the protocol.' },
  {
    code: 'hotlist_too_old',
    where: 'gate',
    text: 'The hotlist of the gate is older than its permitted age.',
  },
  {
    code: 'list_too_old',
    where: 'gate',
    text: 'Another list of the gate is older than its permitted age, and the gate is told to refuse then.',
  },
  { code: 'pass_back', where: 'gate', text: 'The card was presented at this gate a moment ago.' },
  { code: 'journal_full', where: 'gate', text: 'The journal of the gate is full.' },
] as const;

export type RefusalEntry = (typeof REFUSALS)[number];
export type RefusalCode = RefusalEntry['code'];
type CodeOf<Where extends RefusalEntry['where']> = Extract<RefusalEntry, { where: Where }>['code'];
export type RequestRefusalCode = CodeOf<'request'>;
export type RecordRefusalCode = CodeOf<'record'>;
export type ProofRefusalCode = CodeOf<'proof'>;
export type StandingRefusalCode = CodeOf<'standing'>;
export type GateRefusalCode = CodeOf<'gate'>;

/** An expected end of a decision: returned, never thrown. `field` is a path in the request or record, outermost first. */
export type Refusal<Code extends RefusalCode = RefusalCode> = {
  readonly code: Code;
  readonly field?: string;
};

export function refuse<Code extends RefusalCode>(code: Code, field?: string): Refusal<Code> {
  return field === undefined ? { code } : { code, field };
}

const RANK: ReadonlyMap<string, number> = new Map(REFUSALS.map((entry, rank) => [entry.code, rank]));
const TEXT: ReadonlyMap<string, string> = new Map(REFUSALS.map((entry) => [entry.code, entry.text]));

/** Position in the list: the lower of two ranks is named when both refusals apply. */
export function refusalRank(code: RefusalCode): number {
  const rank = RANK.get(code);
  if (rank === undefined) throw new RangeError('refusal code without a rank');
  return rank;
}

/** The constant English sentence of a code; values never enter it. */
export function refusalText(code: RefusalCode): string {
  const text = TEXT.get(code);
  if (text === undefined) throw new RangeError('refusal code without a text');
  return text;
}

export function isRefusalCode(text: string): text is RefusalCode {
  return RANK.has(text);
}
