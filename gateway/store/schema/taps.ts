import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  date,
  index,
  integer,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
} from 'drizzle-orm/pg-core';
import { bytea } from './column-types.ts';

// The hot tables. Two narrow, unpartitioned identities that retention never touches; one wide table partitioned by service
// date; one narrow queue between "accepted" and "settled". Everything of one card is keyed by pan_token (design.md "Store").

/** Delivery identity: one row for each (terminal, sequence) ever accepted, with the answer that was given. */
export const tapIdentity = pgTable(
  'tap_identity',
  {
    terminalId: text('terminal_id').notNull(),
    tapSequence: bigint('tap_sequence', { mode: 'number' }).notNull(),
    recordSm3: bytea('record_sm3').notNull(),
    outcome: text('outcome').notNull(),
    cause: text('cause'),
    panToken: bytea('pan_token').notNull(),
    serviceDate: date('service_date').notNull(),
    /** how often the same bytes came again: a success each time, and a count that the books need */
    repeats: integer('repeats').notNull().default(0),
  },
  (table) => [primaryKey({ name: 'tap_identity_pk', columns: [table.terminalId, table.tapSequence] })],
);

/** Money identity: an act of a card, unique for ever across all terminals and dates. The cryptogram is compared, not keyed. */
export const cardAtc = pgTable(
  'card_atc',
  {
    panToken: bytea('pan_token').notNull(),
    psn: smallint('psn').notNull(),
    atc: integer('atc').notNull(),
    cryptogram: bytea('cryptogram').notNull(),
    terminalId: text('terminal_id').notNull(),
    tapSequence: bigint('tap_sequence', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ name: 'card_atc_pk', columns: [table.panToken, table.psn, table.atc] })],
);

/** A card seen with good proof: its bank, and the hash of the certificate that verified, so that it is verified once. */
export const card = pgTable(
  'card',
  {
    panToken: bytea('pan_token').notNull(),
    psn: smallint('psn').notNull(),
    bankId: text('bank_id').notNull(),
    verifiedCertificateSm3: bytea('verified_certificate_sm3').notNull(),
  },
  (table) => [primaryKey({ name: 'card_pk', columns: [table.panToken, table.psn] })],
);

/** Everything known of an accepted tap. Partitioned by range of service_date; the record is SM4 ciphertext. */
export const tap = pgTable(
  'tap',
  {
    serviceDate: date('service_date').notNull(),
    panToken: bytea('pan_token').notNull(),
    terminalId: text('terminal_id').notNull(),
    tapSequence: bigint('tap_sequence', { mode: 'number' }).notNull(),
    psn: smallint('psn').notNull(),
    atc: integer('atc').notNull(),
    tappedAt: timestamp('tapped_at', { withTimezone: true }).notNull(),
    receivedAt: timestamp('received_at', { withTimezone: true }).notNull(),
    operatorId: text('operator_id').notNull(),
    lineId: text('line_id').notNull(),
    stationId: text('station_id'),
    rail: text('rail').notNull(),
    tapKind: text('tap_kind').notNull(),
    /** 9F02 as the card signed it: evidence, never the fare */
    amountFen: bigint('amount_fen', { mode: 'number' }).notNull(),
    gateDecision: text('gate_decision').notNull(),
    ruleSetVersion: text('rule_set_version').notNull(),
    hotlistVersion: integer('hotlist_version').notNull(),
    bankId: text('bank_id'),
    outcome: text('outcome').notNull(),
    cause: text('cause'),
    /** reported, never refused: this ATC is below one already seen of the card */
    atcBelowHighest: smallint('atc_below_highest').notNull(),
    recordSm3: bytea('record_sm3').notNull(),
    recordIv: bytea('record_iv').notNull(),
    recordSealed: bytea('record_sealed').notNull(),
  },
  (table) => [
    check('tap_outcome_known', sql`${table.outcome} in ('chargeable', 'debt', 'loss', 'denied')`),
    primaryKey({
      name: 'tap_pk',
      columns: [table.serviceDate, table.panToken, table.terminalId, table.tapSequence],
    }),
  ],
);

/** SM4 data key of one service date, wrapped by the key provider; destroying the row's key ends that day's retention. */
export const dataKey = pgTable('data_key', {
  serviceDate: date('service_date').primaryKey(),
  wrappingKeyVersion: integer('wrapping_key_version').notNull(),
  wrappedKey: bytea('wrapped_key').notNull(),
});

/**
 * Accepted and not settled yet: what the settling job needs of a tap, and nothing else. A row leaves when its journey is
 * durable; an entry that waits for its exit stays here, which is why the gauge of unsettled taps is a count of this table.
 */
export const unsettledTap = pgTable(
  'unsettled_tap',
  {
    panToken: bytea('pan_token').notNull(),
    psn: smallint('psn').notNull(),
    atc: integer('atc').notNull(),
    terminalId: text('terminal_id').notNull(),
    tapSequence: bigint('tap_sequence', { mode: 'number' }).notNull(),
    serviceDate: date('service_date').notNull(),
    tappedAt: timestamp('tapped_at', { withTimezone: true }).notNull(),
    operatorId: text('operator_id').notNull(),
    lineId: text('line_id').notNull(),
    stationId: text('station_id'),
    rail: text('rail').notNull(),
    tapKind: text('tap_kind').notNull(),
    amountFen: bigint('amount_fen', { mode: 'number' }).notNull(),
    bankId: text('bank_id'),
    outcome: text('outcome').notNull(),
    cause: text('cause'),
    /** 'ready' has never been looked at by the settling job; 'waiting' is an entry or exit without its other end so far */
    state: text('state').notNull(),
    acceptedNo: bigint('accepted_no', { mode: 'number' }).generatedAlwaysAsIdentity(),
  },
  (table) => [
    primaryKey({
      name: 'unsettled_tap_pk',
      columns: [table.panToken, table.psn, table.atc, table.terminalId, table.tapSequence],
    }),
    index('unsettled_tap_ready').on(table.state, table.acceptedNo),
  ],
);
