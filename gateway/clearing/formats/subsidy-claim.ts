import type { BatchFormat, BatchIdentity, ClaimedRide } from '../clearing-batch.ts';
import { instantText } from '../instant-text.ts';

/**
 * `subsidy-claim`: one line per ride for which a funder pays, CSV (RFC 4180: CRLF, fields with a comma, quote or line end in
 * quotes) in UTF-8 with a byte order mark, which is how the office programs of a bureau recognise it. Amounts are fen.
 * shortfall = list - charged; claimed = what the funder's agreement says of it (clearing.md section 5).
 *
 * A card is named by a pseudonym, an HMAC of its token under the salt of claims: the bureau can count rides of one card and
 * cannot find the card.
 */
export const CLAIM_COLUMNS = [
  'service_date',
  'journey_id',
  'card_pseudonym',
  'operator_id',
  'line_id',
  'mode',
  'rider_category',
  'concession_rule_id',
  'rule_set_version',
  'started_at',
  'entry_tap',
  'exit_tap',
  'list_fare_fen',
  'fare_fen',
  'shortfall_fen',
  'claimed_fen',
] as const;

const BYTE_ORDER_MARK = '\ufeff';

export function subsidyClaim(batch: BatchIdentity): BatchFormat<ClaimedRide> {
  const title = ['TapGate subsidy claim', '1', batch.party, batch.clearingDate, String(batch.sequence)];
  return {
    head: Buffer.from(`${BYTE_ORDER_MARK}${csvLine(title)}${csvLine(CLAIM_COLUMNS)}`, 'utf8'),
    item: (ride) => Buffer.from(csvLine(rideFields(ride)), 'utf8'),
    tail: (totals) =>
      Buffer.from(csvLine(['total', String(totals.records), String(totals.totalFen)]), 'utf8'),
  };
}

function rideFields(ride: ClaimedRide): string[] {
  return [
    ride.serviceDate,
    ride.journeyId,
    ride.cardPseudonym,
    ride.operatorId,
    ride.lineId,
    ride.mode,
    ride.riderCategory,
    ride.concessionRuleId,
    ride.ruleSetVersion,
    instantText(ride.startedAtMs),
    ride.entryTap,
    ride.exitTap,
    String(ride.listFareFen),
    String(ride.fareFen),
    String(ride.shortfallFen),
    String(ride.claimedFen),
  ];
}

/** A field that a spreadsheet would take for a formula is quoted like any other and never begins with = + - @: ids do not. */
function csvLine(fields: readonly string[]): string {
  return `${fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')}\r\n`;
}
