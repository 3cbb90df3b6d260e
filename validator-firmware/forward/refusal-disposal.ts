import type { RecordRefusalCode, RequestRefusalCode } from '@tapgate/sdk/wire/refusals';

/**
 * What a refusal means for the record that was sent. `set_aside`: these bytes will never be accepted, and must not hold up the
 * others. `keep`: it speaks of the moment, of the session or of the gateway, and the record is good until shown otherwise.
 */
export const DISPOSAL_OF_REFUSAL: Readonly<
  Record<RequestRefusalCode | RecordRefusalCode, 'set_aside' | 'keep'>
> = {
  gateway_unavailable: 'keep',
  overloaded: 'keep',
  content_type_unsupported: 'keep',
  body_too_large: 'set_aside',
  json_malformed: 'keep',
  field_invalid: 'keep',
  route_unknown: 'keep',
  method_not_allowed: 'keep',
  token_missing: 'keep',
  token_invalid: 'keep',
  enrolment_refused: 'keep',
  not_found: 'keep',

  record_not_base64: 'set_aside',
  record_too_large: 'set_aside',
  record_malformed: 'set_aside',
  // Registered tomorrow, perhaps; a record of this terminal is good then.
  terminal_unknown: 'keep',
  terminal_mac_invalid: 'set_aside',
  terminal_revoked: 'set_aside',
  terminal_mismatch: 'keep',
  tap_placement_unknown: 'set_aside',
  tap_time_implausible: 'set_aside',
  tap_identity_reused: 'set_aside',
};

export function isSetAside(code: string): boolean {
  const table: Readonly<Record<string, 'set_aside' | 'keep' | undefined>> = DISPOSAL_OF_REFUSAL;
  return table[code] === 'set_aside';
}
