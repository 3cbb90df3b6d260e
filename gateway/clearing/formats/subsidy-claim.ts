import {
  netFen,
  type BatchFormat,
  type BatchIdentity,
  type ClaimChange,
  type ClaimedRide,
} from '../clearing-batch.ts';
import { instantText } from '../instant-text.ts';

/**
 * `subsidy-claim`: one line per ride for which a funder pays, CSV (RFC 4180: CRLF, fields with a comma, quote or line end in
 * quotes) in UTF-8 with a byte order mark, which is how the office programs of a bureau recognise it. Amounts are fen.
 * shortfall = list - charged; claimed = what the funder's agreement says of it (clearing.md section 5).
 *
 * Edition 2 has a second table behind the rides: changes of what earlier claims said of a ride, each with what was claimed before and after,
 * and a total that says rides, claimed, changes, claimed in addition, given back, and what is owed. Edition 1 has none of it.
 *
 * A card is named by a pseudonym, an HMAC of its token under the salt of claims: the bureau can count rides of one card and
 * cannot find the card.
 */
const CLAIM_COLUMNS = [
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

const CHANGE_COLUMNS = [
  'adjustment_id',
  'journey_id',
  'service_date',
  'card_pseudonym',
  'operator_id',
  'line_id',
  'concession_rule_id',
  'reason',
  'claimed_on',
  'claimed_before_fen',
  'claimed_after_fen',
  'difference_fen',
] as const;

const BYTE_ORDER_MARK = '\ufeff';

export function subsidyClaim(batch: BatchIdentity, edition: 1 | 2): BatchFormat<ClaimedRide, ClaimChange> {
  const title = [
    'TapGate subsidy claim',
    String(edition),
    batch.party,
    batch.clearingDate,
    String(batch.sequence),
  ];
  return {
    head: Buffer.from(`${BYTE_ORDER_MARK}${csvLine(title)}${csvLine(CLAIM_COLUMNS)}`, 'utf8'),
    item: (ride) => Buffer.from(csvLine(rideFields(ride)), 'utf8'),
    ...(edition === 1
      ? {}
      : {
          middle: Buffer.from(csvLine(CHANGE_COLUMNS), 'utf8'),
          change: (change: ClaimChange) => Buffer.from(csvLine(changeFields(change)), 'utf8'),
        }),
    tail: (totals, changes) => {
      const { records, extraFen, reducedFen } = changes;
      const ofChanges = edition === 1 ? [] : [records, extraFen, reducedFen, netFen(totals, changes)];
      const sums = [totals.records, totals.totalFen, ...ofChanges].map(String);
      return Buffer.from(csvLine(['total', ...sums]), 'utf8');
    },
  };
}

/** Every difference has its sign in front: a spreadsheet reads it as the number that it is. */
function changeFields(change: ClaimChange): string[] {
  const differenceFen = change.afterFen - change.beforeFen;
  return [
    change.adjustmentId,
    change.journeyId,
    change.serviceDate,
    change.cardPseudonym,
    change.operatorId,
    change.lineId,
    change.concessionRuleId,
    change.reason,
    change.claimedOn ?? '',
    String(change.beforeFen),
    String(change.afterFen),
    differenceFen > 0 ? `+${differenceFen}` : String(differenceFen),
  ];
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
