import {
  bigint,
  date,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { bytea } from './column-types.ts';

// Reference data: small, read into memory at start, replicated to every node when the store is Citus.

export const operator = pgTable('operator', {
  operatorId: text('operator_id').primaryKey(),
  nameZh: text('name_zh').notNull(),
  nameEn: text('name_en').notNull(),
  jurisdiction: text('jurisdiction').notNull(),
  timeZone: text('time_zone').notNull(),
  /** local time HH:MM at which a service date begins; taps before it belong to the day before */
  serviceDayStart: text('service_day_start').notNull(),
});

export const line = pgTable(
  'line',
  {
    lineId: text('line_id').primaryKey(),
    operatorId: text('operator_id').notNull(),
    nameZh: text('name_zh').notNull(),
    nameEn: text('name_en').notNull(),
    mode: text('mode').notNull(),
    /** GTFS network: what fare rules are scoped by */
    networkId: text('network_id').notNull(),
    rail: text('rail').notNull(),
    /** amount sent in 9F02, fen: the price on offline_purchase (null = keyed in at the terminal), the probe amount on oda */
    amountFen: integer('amount_fen'),
    merchantId: text('merchant_id').notNull(),
    merchantNameZh: text('merchant_name_zh').notNull(),
    mcc: text('mcc').notNull(),
  },
  (table) => [
    foreignKey({
      name: 'line_operator_fk',
      columns: [table.operatorId],
      foreignColumns: [operator.operatorId],
    }),
  ],
);

export const station = pgTable(
  'station',
  {
    stationId: text('station_id').primaryKey(),
    lineId: text('line_id').notNull(),
    nameZh: text('name_zh').notNull(),
    nameEn: text('name_en').notNull(),
    /** distance along the line from its first station, metres */
    metres: integer('metres').notNull(),
  },
  (table) => [
    foreignKey({ name: 'station_line_fk', columns: [table.lineId], foreignColumns: [line.lineId] }),
  ],
);

export const bank = pgTable('bank', {
  bankId: text('bank_id').primaryKey(),
  nameZh: text('name_zh').notNull(),
  cnapsCode: text('cnaps_code').notNull(),
  bic: text('bic'),
  unionpayId: text('unionpay_id'),
  /** the bank's clearing profile as loaded from its data file */
  profile: jsonb('profile').notNull(),
});

/** Leading digits of PANs and the bank that issues them; the longest match wins. */
export const bankBin = pgTable(
  'bank_bin',
  {
    bin: text('bin').primaryKey(),
    bankId: text('bank_id').notNull(),
  },
  (table) => [
    foreignKey({ name: 'bank_bin_bank_fk', columns: [table.bankId], foreignColumns: [bank.bankId] }),
  ],
);

export const caKey = pgTable(
  'ca_key',
  {
    rid: text('rid').notNull(),
    keyIndex: smallint('key_index').notNull(),
    algorithm: text('algorithm').notNull(),
    publicKey: bytea('public_key').notNull(),
    expiresOn: date('expires_on').notNull(),
  },
  (table) => [primaryKey({ name: 'ca_key_pk', columns: [table.rid, table.keyIndex] })],
);

export const terminal = pgTable(
  'terminal',
  {
    terminalId: text('terminal_id').primaryKey(),
    operatorId: text('operator_id').notNull(),
    lineId: text('line_id').notNull(),
    stationId: text('station_id'),
    tapKind: text('tap_kind').notNull(),
    /** null: was never enrolled */
    sm2PublicKey: bytea('sm2_public_key'),
    revokedAt: timestamp('revoked_at', { withTimezone: true }),
    /** when the device made its key; null: the key came from a keystore or not yet */
    enrolledAt: timestamp('enrolled_at', { withTimezone: true }),
    /** every gateway process reads a terminal again that changed */
    changedAt: timestamp('changed_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    foreignKey({
      name: 'terminal_operator_fk',
      columns: [table.operatorId],
      foreignColumns: [operator.operatorId],
    }),
    foreignKey({ name: 'terminal_line_fk', columns: [table.lineId], foreignColumns: [line.lineId] }),
    foreignKey({
      name: 'terminal_station_fk',
      columns: [table.stationId],
      foreignColumns: [station.stationId],
    }),
  ],
);

export const hotlistVersion = pgTable(
  'hotlist_version',
  {
    version: integer('version').primaryKey(),
    publishedAt: timestamp('published_at', { withTimezone: true }).notNull(),
  },
  (table) => [index('hotlist_version_published').on(table.publishedAt, table.version)],
);

/** A card is on the list in every version v with addedVersion <= v and (removedVersion is null or v < removedVersion). */
export const hotlistEntry = pgTable(
  'hotlist_entry',
  {
    panToken: bytea('pan_token').notNull(),
    psn: smallint('psn').notNull(),
    addedVersion: integer('added_version').notNull(),
    removedVersion: integer('removed_version'),
    reason: text('reason').notNull(),
    /** the PAN, sealed: a list for terminals names cards under a key of its own */
    panSealed: bytea('pan_sealed'),
    /** the card's name on terminals' lists, 16 bytes, under the list key of that id; null where no PAN was given */
    listName: bytea('list_name'),
    listKeyId: text('list_key_id'),
  },
  (table) => [
    primaryKey({ name: 'hotlist_entry_pk', columns: [table.panToken, table.psn, table.addedVersion] }),
    index('hotlist_entry_added').on(table.addedVersion),
    index('hotlist_entry_removed').on(table.removedVersion),
    index('hotlist_entry_list_name').on(table.listName),
  ],
);

/**
 * A card's right to a rider category, with the evidence seen at the desk. What is known of the person and the PAN are sealed by
 * the key provider; a row is ended by its revocation, never removed.
 */
export const concessionEnrolment = pgTable(
  'concession_enrolment',
  {
    /** random: it stands in URLs and says nothing */
    enrolmentId: uuid('enrolment_id').notNull().defaultRandom(),
    panToken: bytea('pan_token').notNull(),
    psn: smallint('psn').notNull(),
    category: text('category').notNull(),
    evidenceKind: text('evidence_kind').notNull(),
    /** JSON of the facts that the category's rules ask for; null = none */
    personSealed: bytea('person_sealed'),
    /** what the validators' list is derived from */
    panSealed: bytea('pan_sealed'),
    validFrom: date('valid_from').notNull(),
    validTo: date('valid_to'),
    reviewDueOn: date('review_due_on'),
    revokedAt: timestamp('revoked_at', { withTimezone: true }),
  },
  (table) => [
    primaryKey({
      name: 'concession_enrolment_pk',
      columns: [table.panToken, table.psn, table.category, table.validFrom],
    }),
    unique('concession_enrolment_id').on(table.enrolmentId),
  ],
);

/** What a desk did to an enrolment, when and under which token's label. Written once; no fact about a person is in it. */
export const concessionEvent = pgTable(
  'concession_event',
  {
    eventNo: bigint('event_no', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    enrolmentId: uuid('enrolment_id').notNull(),
    /** 'enrolled' | 'enrolled_again' | 'reviewed' | 'revoked' */
    kind: text('kind').notNull(),
    at: timestamp('at', { withTimezone: true }).notNull(),
    /** label of the operator's token */
    byLabel: text('by_label').notNull(),
    /** dates and words of the enrolment as this act left them */
    details: jsonb('details').notNull(),
  },
  (table) => [index('concession_event_enrolment').on(table.enrolmentId, table.eventNo)],
);

/** Operator staff and tools: bearer tokens, kept only as SM3 hashes. */
export const operatorToken = pgTable('operator_token', {
  tokenSm3: bytea('token_sm3').primaryKey(),
  label: text('label').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
});

/** Refused requests and records that left nothing else behind, counted per code, calendar date (UTC) and terminal ('' unknown). */
export const refusalCount = pgTable(
  'refusal_count',
  {
    calendarDate: date('calendar_date').notNull(),
    code: text('code').notNull(),
    terminalId: text('terminal_id').notNull(),
    count: bigint('count', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ name: 'refusal_count_pk', columns: [table.calendarDate, table.code, table.terminalId] }),
    index('refusal_count_code').on(table.code),
  ],
);
