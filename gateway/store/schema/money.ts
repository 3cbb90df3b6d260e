import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  date,
  index,
  integer,
  json,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { bytea } from './column-types.ts';

// What a tap becomes: a priced journey, postings, presentments in a clearing batch. Rows here are never updated.

/**
 * A journey with its fare, or held without one. Partitioned by range of service_date like `tap`. `settledNo` orders all
 * settling; a clearing batch is a half-open range of it, so closing a day updates no journey (ARCHITECTURE.md "Cut-over").
 */
export const journey = pgTable(
  'journey',
  {
    serviceDate: date('service_date').notNull(),
    panToken: bytea('pan_token').notNull(),
    /** derived from the taps that made it: settling twice makes the same row */
    journeyId: bytea('journey_id').notNull(),
    psn: smallint('psn').notNull(),
    bankId: text('bank_id'),
    operatorId: text('operator_id').notNull(),
    lineId: text('line_id').notNull(),
    mode: text('mode').notNull(),
    rail: text('rail').notNull(),
    /** 'complete' | 'missing_tap_out' | 'missing_tap_in' | ... as pair-taps names them */
    completeness: text('completeness').notNull(),
    entryTerminalId: text('entry_terminal_id'),
    entryTapSequence: bigint('entry_tap_sequence', { mode: 'number' }),
    exitTerminalId: text('exit_terminal_id'),
    exitTapSequence: bigint('exit_tap_sequence', { mode: 'number' }),
    startedAt: timestamp('started_at', { withTimezone: true }).notNull(),
    endedAt: timestamp('ended_at', { withTimezone: true }).notNull(),
    /** chargeable | debt | loss | held */
    outcome: text('outcome').notNull(),
    cause: text('cause'),
    listFareFen: bigint('list_fare_fen', { mode: 'number' }),
    fareFen: bigint('fare_fen', { mode: 'number' }),
    ruleSetId: text('rule_set_id'),
    ruleSetVersion: text('rule_set_version'),
    concessionRuleId: text('concession_rule_id'),
    riderCategory: text('rider_category'),
    funder: text('funder'),
    shortfallFen: bigint('shortfall_fen', { mode: 'number' }),
    claimedFen: bigint('claimed_fen', { mode: 'number' }),
    // json and not jsonb: it is written once, read whole, and parsing it on the way in cost a seventh of settling.
    trace: json('trace').notNull(),
    /** the held journey of the same card and date that this row prices at last */
    resolvesJourneyId: bytea('resolves_journey_id'),
    settledNo: bigint('settled_no', { mode: 'number' }).generatedAlwaysAsIdentity(),
  },
  (table) => [
    primaryKey({ name: 'journey_pk', columns: [table.serviceDate, table.panToken, table.journeyId] }),
    // A clearing batch is one range of this index: closing a day reads each bank's own rows and nobody else's.
    index('journey_bank_rail_settled_no').on(table.bankId, table.rail, table.settledNo),
    index('journey_settled_no').on(table.settledNo),
    // A journey is asked for by its id alone: an explanation.
    index('journey_journey_id').on(table.journeyId),
    // Few at any time: what waits for a year or a rule set.
    index('journey_held')
      .on(table.settledNo)
      .where(sql`${table.outcome} = 'held'`),
    check('journey_outcome_known', sql`${table.outcome} in ('chargeable', 'debt', 'loss', 'held')`),
    check('journey_fare_not_negative', sql`${table.fareFen} >= 0 and ${table.listFareFen} >= 0`),
    check('journey_held_or_priced', sql`(${table.outcome} = 'held') = (${table.fareFen} is null)`),
  ],
);

/**
 * What a ride that came late, or was priced late, changes in a fare that was charged: the new fare with its trace, beside the journey
 * and never in it. The newest row of a journey is what its rider owes for it. Its postings have the cause `adjustment` and this id.
 */
export const fareAdjustment = pgTable(
  'fare_adjustment',
  {
    /** derived from the journey and the cause: adjusting twice makes the same row */
    adjustmentId: bytea('adjustment_id').primaryKey(),
    serviceDate: date('service_date').notNull(),
    panToken: bytea('pan_token').notNull(),
    journeyId: bytea('journey_id').notNull(),
    causeJourneyId: bytea('cause_journey_id').notNull(),
    /** of the journey, where a bank is charged for it; null for a debt, which is in no bank's file */
    bankId: text('bank_id'),
    rail: text('rail').notNull(),
    chargedFen: bigint('charged_fen', { mode: 'number' }).notNull(),
    fareFen: bigint('fare_fen', { mode: 'number' }).notNull(),
    concessionRuleId: text('concession_rule_id'),
    /** who paid how much of the ride before this row, and who does after it */
    chargedFunder: text('charged_funder'),
    chargedClaimedFen: bigint('charged_claimed_fen', { mode: 'number' }),
    funder: text('funder'),
    claimedFen: bigint('claimed_fen', { mode: 'number' }),
    trace: jsonb('trace').notNull(),
    adjustedNo: bigint('adjusted_no', { mode: 'number' }).generatedAlwaysAsIdentity(),
  },
  (table) => [
    index('fare_adjustment_journey').on(table.panToken, table.journeyId, table.adjustedNo),
    // A batch takes a range of this index, as it takes one of the journeys'.
    index('fare_adjustment_bank_rail_adjusted_no').on(table.bankId, table.rail, table.adjustedNo),
    uniqueIndex('fare_adjustment_adjusted_no').on(table.adjustedNo),
    check(
      'fare_adjustment_changes',
      sql`${table.chargedFen} <> ${table.fareFen} or (${table.chargedFunder}, ${table.chargedClaimedFen}) is distinct from (${table.funder}, ${table.claimedFen})`,
    ),
    check('fare_adjustment_not_negative', sql`${table.chargedFen} >= 0 and ${table.fareFen} >= 0`),
  ],
);

/** Chart of accounts: one row per ledger account, e.g. code 1115 of one bank in purse bank. Never changed, never removed. */
export const account = pgTable(
  'account',
  {
    /** code, or code:party; with #purse where that is not the bank account (gateway/ledger/chart-of-accounts.ts) */
    accountId: text('account_id').primaryKey(),
    code: text('code').notNull(),
    party: text('party'),
    nameEn: text('name_en').notNull(),
    nameZh: text('name_zh').notNull(),
    /** 'debit' | 'credit': the side on which the balance normally stands */
    normalSide: text('normal_side').notNull(),
    /** 'bank' | 'medical' | 'transit': money of one purse never funds another */
    purse: text('purse').notNull(),
  },
  (table) => [
    unique('account_id_purse').on(table.accountId, table.purse),
    check('account_normal_side_known', sql`${table.normalSide} in ('debit', 'credit')`),
    check('account_purse_known', sql`${table.purse} in ('bank', 'medical', 'transit')`),
  ],
);

/**
 * One transfer of double entry: so many fen from the credit account to the debit account. A row that does not balance cannot
 * be written, because a row is both sides. Both accounts stand in the posting's purse, so that one purse can never fund another.
 * Immutable; a correction or a resolution is a new row that names the first. Triggers see to all three (0001_ledger_guards):
 * the purse by one query per statement, because two foreign keys per row halved the rate (21,000 rows/s; by statement 45,800).
 */
export const posting = pgTable(
  'posting',
  {
    /** derived from the cause and the line number: posting twice makes the same row */
    postingId: bytea('posting_id').primaryKey(),
    causeKind: text('cause_kind').notNull(),
    causeId: bytea('cause_id').notNull(),
    lineNo: integer('line_no').notNull(),
    serviceDate: date('service_date').notNull(),
    purse: text('purse').notNull(),
    debitAccount: text('debit_account').notNull(),
    creditAccount: text('credit_account').notNull(),
    amountFen: bigint('amount_fen', { mode: 'number' }).notNull(),
    /** posted | pending | resolved_posted | resolved_voided: only posted and resolved_posted count */
    state: text('state').notNull().default('posted'),
    /** the posting that this one corrects or resolves */
    refersToPostingId: bytea('refers_to_posting_id'),
    postedNo: bigint('posted_no', { mode: 'number' }).generatedAlwaysAsIdentity(),
  },
  (table) => [
    check('posting_amount_positive', sql`${table.amountFen} > 0`),
    check('posting_two_accounts', sql`${table.debitAccount} <> ${table.creditAccount}`),
    check(
      'posting_state_known',
      sql`${table.state} in ('posted', 'pending', 'resolved_posted', 'resolved_voided')`,
    ),
    check(
      'posting_refers_where_it_must',
      sql`(${table.state} in ('resolved_posted', 'resolved_voided') or ${table.causeKind} = 'correction') = (${table.refersToPostingId} is not null)`,
    ),
    // One correction of a posting, one end of a reservation.
    uniqueIndex('posting_refers_once')
      .on(table.refersToPostingId)
      .where(sql`${table.refersToPostingId} is not null`),
    // Of a journey, which is the cause of nearly all postings, the ids are derived and need no second index (ledger-postings.ts).
    index('posting_cause')
      .on(table.causeKind, table.causeId)
      .where(sql`${table.causeKind} <> 'journey'`),
  ],
);

/**
 * The event that ends a clearing date: every journey with settledNo in (afterSettledNo, upToSettledNo] belongs to it. Adjustments up to
 * upToAdjustedNo may be taken by its batches; from where on, each batch says by itself, because not every format carries them.
 */
export const cutOver = pgTable('cut_over', {
  clearingDate: date('clearing_date').primaryKey(),
  afterSettledNo: bigint('after_settled_no', { mode: 'number' }).notNull(),
  upToSettledNo: bigint('up_to_settled_no', { mode: 'number' }).notNull(),
  upToAdjustedNo: bigint('up_to_adjusted_no', { mode: 'number' }).notNull().default(0),
  cutAt: timestamp('cut_at', { withTimezone: true }).notNull(),
});

/**
 * One file that is or will be sent: what was signed, and the signature, made once and stored. The file itself is built again
 * from the journeys of its range whenever it is needed, and must hash to the same values.
 */
export const clearingBatch = pgTable(
  'clearing_batch',
  {
    /** a bank, or the funder of a claim */
    party: text('party').notNull(),
    /** 'offline_purchase' | 'deferred_charge' | 'subsidy_claim' */
    kind: text('kind').notNull(),
    clearingDate: date('clearing_date').notNull(),
    sequence: integer('sequence').notNull(),
    purse: text('purse').notNull(),
    /** the name under which it is sent; null where the party wants no file on a day without records */
    fileName: text('file_name'),
    records: integer('records').notNull(),
    totalFen: bigint('total_fen', { mode: 'number' }).notNull(),
    withheldRecords: integer('withheld_records').notNull(),
    withheldFen: bigint('withheld_fen', { mode: 'number' }).notNull(),
    /** lines of adjustments in the file; what they ask for and what they give back, both beside totalFen and never in it */
    adjustments: integer('adjustments').notNull().default(0),
    extraFen: bigint('extra_fen', { mode: 'number' }).notNull().default(0),
    reducedFen: bigint('reduced_fen', { mode: 'number' }).notNull().default(0),
    fileBytes: bigint('file_bytes', { mode: 'number' }).notNull(),
    fileSm3: bytea('file_sm3').notNull(),
    fileSha256: bytea('file_sha256').notNull(),
    manifest: bytea('manifest').notNull(),
    manifestSm3: bytea('manifest_sm3').notNull(),
    previousManifestSm3: bytea('previous_manifest_sm3'),
    signature: bytea('signature').notNull(),
    /** the party's profile, the merchants and the dates under which the file was made: made again, it is made under these */
    terms: jsonb('terms'),
    /** the range of adjustments that it took, as its terms say: no two batches of a party and kind share one (0009) */
    afterAdjustedNo: bigint('after_adjusted_no', { mode: 'number' }).generatedAlwaysAs(
      sql`coalesce((terms -> 'adjusted' ->> 'afterAdjustedNo')::bigint, 0)`,
    ),
    upToAdjustedNo: bigint('up_to_adjusted_no', { mode: 'number' }).generatedAlwaysAs(
      sql`coalesce((terms -> 'adjusted' ->> 'upToAdjustedNo')::bigint, 0)`,
    ),
    /** SM4 key and initial vector of an encrypted file, sealed by the key provider; null where the file is sent in clear */
    contentKeySealed: bytea('content_key_sealed'),
    /** the same key under the party's SM2 key, as it is sent; made once, because SM2 encryption is random */
    envelope: bytea('envelope'),
  },
  (table) => [
    primaryKey({
      name: 'clearing_batch_pk',
      columns: [table.party, table.kind, table.clearingDate, table.sequence],
    }),
    uniqueIndex('clearing_batch_adjusted_once')
      .on(table.party, table.kind, table.afterAdjustedNo)
      .where(sql`${table.upToAdjustedNo} > ${table.afterAdjustedNo}`),
    check(
      'clearing_batch_adjustments_not_negative',
      sql`${table.extraFen} >= 0 and ${table.reducedFen} >= 0`,
    ),
  ],
);

/** A charged journey of a batch's range that may not be sent as it stands; its money waits in suspense, and here is why. */
export const withheldPresentment = pgTable(
  'withheld_presentment',
  {
    party: text('party').notNull(),
    kind: text('kind').notNull(),
    clearingDate: date('clearing_date').notNull(),
    sequence: integer('sequence').notNull(),
    journeyId: bytea('journey_id').notNull(),
    serviceDate: date('service_date').notNull(),
    panToken: bytea('pan_token').notNull(),
    cause: text('cause').notNull(),
    amountFen: bigint('amount_fen', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({
      name: 'withheld_presentment_pk',
      columns: [table.party, table.kind, table.clearingDate, table.sequence, table.journeyId],
    }),
  ],
);

/**
 * An adjustment that a batch took and that its file does not carry. `held`: the format has no way to say it (a credit in a collection), and
 * the money stays where it is, as a payable or a debt. `withheld`: its ride was withheld, or has no evidence any more, and the money goes to suspense.
 */
export const unpresentedAdjustment = pgTable(
  'unpresented_adjustment',
  {
    party: text('party').notNull(),
    kind: text('kind').notNull(),
    clearingDate: date('clearing_date').notNull(),
    sequence: integer('sequence').notNull(),
    adjustmentId: bytea('adjustment_id').notNull(),
    state: text('state').notNull(),
    cause: text('cause').notNull(),
    /** positive: the rider owes more; negative: the rider gets back */
    differenceFen: bigint('difference_fen', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({
      name: 'unpresented_adjustment_pk',
      columns: [table.party, table.kind, table.clearingDate, table.sequence, table.adjustmentId],
    }),
    // A later change of the same ride asks whether this one is held.
    uniqueIndex('unpresented_adjustment_once').on(table.adjustmentId),
    check('unpresented_adjustment_state_known', sql`${table.state} in ('held', 'withheld')`),
    check('unpresented_adjustment_not_zero', sql`${table.differenceFen} <> 0`),
  ],
);
