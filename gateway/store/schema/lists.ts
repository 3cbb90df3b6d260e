import type { AskingCounts } from '@tapgate/sdk/terminals/asking-counts';
import {
  bigint,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
} from 'drizzle-orm/pg-core';
import { bytea } from './column-types.ts';
import { terminal } from './reference.ts';

// What terminals are given and what they say of themselves. Small beside taps; reference tables when the store is Citus.

/**
 * One body of one version: `whole`, or `delta` from the version before. Its envelope is signed anew from time to time, and when it is
 * rolled out further; the body is written once.
 */
export const listVersion = pgTable(
  'list_version',
  {
    kind: text('kind').notNull(),
    version: integer('version').notNull(),
    form: text('form').notNull(),
    scope: jsonb('scope').notNull(),
    sharePermille: integer('share_permille').notNull(),
    validFrom: timestamp('valid_from', { withTimezone: true }).notNull(),
    bodyBytes: bigint('body_bytes', { mode: 'number' }).notNull(),
    bodySm3: text('body_sm3').notNull(),
    listKeyId: text('list_key_id'),
    statement: text('statement').notNull(),
    keyId: text('key_id').notNull(),
    signature: bytea('signature').notNull(),
    signedAt: timestamp('signed_at', { withTimezone: true }).notNull(),
  },
  (table) => [primaryKey({ name: 'list_version_pk', columns: [table.kind, table.version, table.form] })],
);

/** A body in pieces of 1 MiB (sdk/lists/piece-hash.ts). They are written first: their version's row announces a body that is there. */
export const listPiece = pgTable(
  'list_piece',
  {
    kind: text('kind').notNull(),
    version: integer('version').notNull(),
    form: text('form').notNull(),
    pieceNo: integer('piece_no').notNull(),
    bytes: bytea('bytes').notNull(),
  },
  (table) => [
    primaryKey({ name: 'list_piece_pk', columns: [table.kind, table.version, table.form, table.pieceNo] }),
  ],
);

/** A one-time code for a terminal's enrolment, sealed: it is the key under which both ends know each other. */
export const terminalCode = pgTable(
  'terminal_code',
  {
    terminalId: text('terminal_id').primaryKey(),
    codeSealed: bytea('code_sealed').notNull(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
    triesLeft: smallint('tries_left').notNull(),
  },
  (table) => [
    foreignKey({
      name: 'terminal_code_terminal_fk',
      columns: [table.terminalId],
      foreignColumns: [terminal.terminalId],
    }),
  ],
);

/** What a terminal said of itself last. */
export const terminalState = pgTable(
  'terminal_state',
  {
    terminalId: text('terminal_id').primaryKey(),
    lastSeenAt: timestamp('last_seen_at', { withTimezone: true }).notNull(),
    software: text('software').notNull(),
    /** kind to version in use */
    lists: jsonb('lists').notNull(),
    staleLists: text('stale_lists').array().notNull(),
    queueDepth: integer('queue_depth').notNull(),
    refusedRecords: integer('refused_records').notNull(),
    oldestUnsentAt: timestamp('oldest_unsent_at', { withTimezone: true }),
    /** the terminal's clock less ours, ms, when it reported */
    clockSkewMs: bigint('clock_skew_ms', { mode: 'number' }).notNull(),
    /** how asking the gateway has ended since the terminal was started (sdk/terminals/asking-counts.ts); null where it never asks */
    asking: jsonb('asking').$type<AskingCounts>(),
  },
  (table) => [
    foreignKey({
      name: 'terminal_state_terminal_fk',
      columns: [table.terminalId],
      foreignColumns: [terminal.terminalId],
    }),
  ],
);

/** Since when, by our clock, a terminal is known to hold a version: what its records may not fall behind. */
export const terminalHeldVersion = pgTable(
  'terminal_held_version',
  {
    terminalId: text('terminal_id').notNull(),
    kind: text('kind').notNull(),
    version: integer('version').notNull(),
    since: timestamp('since', { withTimezone: true }).notNull(),
  },
  (table) => [
    primaryKey({
      name: 'terminal_held_version_pk',
      columns: [table.terminalId, table.kind, table.version],
    }),
  ],
);

/** Something that went wrong at a terminal, numbered there, so that a report that comes twice is one. */
export const terminalFault = pgTable(
  'terminal_fault',
  {
    terminalId: text('terminal_id').notNull(),
    faultNo: bigint('fault_no', { mode: 'number' }).notNull(),
    code: text('code').notNull(),
    /** by the terminal's clock */
    at: timestamp('at', { withTimezone: true }).notNull(),
    receivedAt: timestamp('received_at', { withTimezone: true }).notNull(),
    lineId: text('line_id').notNull(),
    stationId: text('station_id'),
    detail: text('detail'),
  },
  (table) => [
    primaryKey({ name: 'terminal_fault_pk', columns: [table.terminalId, table.faultNo] }),
    index('terminal_fault_received').on(table.receivedAt),
    index('terminal_fault_code').on(table.code, table.receivedAt),
  ],
);
