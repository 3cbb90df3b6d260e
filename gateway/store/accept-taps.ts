import type { IsoDate, PanToken } from '@tapgate/sdk/wire/identifiers';
import type { TapOutcome } from '@tapgate/sdk/wire/verdict';
import { base64Array, byteaArray, hexByteaArray, numberArray, textArray } from './array-literal.ts';
import type { Database, Transaction } from './connection.ts';
import { insertRows, type InsertShape } from './multi-row-insert.ts';
import { bytesOfToken } from './pan-token-bytes.ts';
import { faultsTranslated } from './store-fault.ts';

/** One judged tap as it is made durable. */
export type AcceptedTap = {
  readonly terminalId: string;
  readonly tapSequence: number;
  readonly recordSm3: Uint8Array;
  readonly outcome: TapOutcome;
  readonly cause: string | null;
  readonly panToken: PanToken;
  readonly psn: number;
  readonly atc: number;
  /** the money identity is taken with this cryptogram; null where the act is not proven, or nobody's */
  readonly claimsActWith: Uint8Array | null;
  /** SM3 of a card certificate that verified for the first time; null when it is known */
  readonly newCertificateSm3: Uint8Array | null;
  readonly serviceDate: IsoDate;
  readonly tappedAtMs: number;
  readonly receivedAtMs: number;
  readonly operatorId: string;
  readonly lineId: string;
  readonly stationId: string | null;
  readonly rail: string;
  readonly tapKind: string;
  readonly amountFen: number;
  readonly gateDecision: string;
  readonly ruleSetVersion: string;
  readonly hotlistVersion: number;
  readonly bankId: string | null;
  readonly atcBelowHighest: boolean;
  readonly recordIv: Uint8Array;
  readonly recordSealed: Uint8Array;
};

export type DeliveryKey = { readonly terminalId: string; readonly tapSequence: number };

const CARD_ATC: InsertShape<AcceptedTap> = {
  table: 'card_atc',
  columns: ['pan_token', 'psn', 'atc', 'cryptogram', 'terminal_id', 'tap_sequence'],
  valuesOf: (tap) => [
    bytesOfToken(tap.panToken),
    tap.psn,
    tap.atc,
    tap.claimsActWith,
    tap.terminalId,
    tap.tapSequence,
  ],
};

const TAP_IDENTITY: InsertShape<AcceptedTap> = {
  table: 'tap_identity',
  columns: ['terminal_id', 'tap_sequence', 'record_sm3', 'outcome', 'cause', 'pan_token', 'service_date'],
  valuesOf: (tap) => [
    tap.terminalId,
    tap.tapSequence,
    tap.recordSm3,
    tap.outcome,
    tap.cause,
    bytesOfToken(tap.panToken),
    tap.serviceDate,
  ],
};

/** A renewed card proves itself with a new certificate: the newest that verified is the one that is remembered. */
const CARD: InsertShape<AcceptedTap> = {
  table: 'card',
  columns: ['pan_token', 'psn', 'bank_id', 'verified_certificate_sm3'],
  valuesOf: (tap) => [bytesOfToken(tap.panToken), tap.psn, tap.bankId, tap.newCertificateSm3],
  suffix:
    'on conflict (pan_token, psn) do update set verified_certificate_sm3 = excluded.verified_certificate_sm3',
};

const TAP: InsertShape<AcceptedTap> = {
  table: 'tap',
  columns: [
    'service_date',
    'pan_token',
    'terminal_id',
    'tap_sequence',
    'psn',
    'atc',
    'tapped_at',
    'received_at',
    'operator_id',
    'line_id',
    'station_id',
    'rail',
    'tap_kind',
    'amount_fen',
    'gate_decision',
    'rule_set_version',
    'hotlist_version',
    'bank_id',
    'outcome',
    'cause',
    'atc_below_highest',
    'record_sm3',
    'record_iv',
    'record_sealed',
  ],
  valuesOf: (tap) => [
    tap.serviceDate,
    bytesOfToken(tap.panToken),
    tap.terminalId,
    tap.tapSequence,
    tap.psn,
    tap.atc,
    new Date(tap.tappedAtMs),
    new Date(tap.receivedAtMs),
    tap.operatorId,
    tap.lineId,
    tap.stationId,
    tap.rail,
    tap.tapKind,
    tap.amountFen,
    tap.gateDecision,
    tap.ruleSetVersion,
    tap.hotlistVersion,
    tap.bankId,
    tap.outcome,
    tap.cause,
    tap.atcBelowHighest ? 1 : 0,
    tap.recordSm3,
    tap.recordIv,
    tap.recordSealed,
  ],
};

const UNSETTLED_TAP: InsertShape<AcceptedTap> = {
  table: 'unsettled_tap',
  columns: [
    'pan_token',
    'psn',
    'atc',
    'terminal_id',
    'tap_sequence',
    'service_date',
    'tapped_at',
    'operator_id',
    'line_id',
    'station_id',
    'rail',
    'tap_kind',
    'amount_fen',
    'bank_id',
    'outcome',
    'cause',
    'state',
  ],
  valuesOf: (tap) => [
    bytesOfToken(tap.panToken),
    tap.psn,
    tap.atc,
    tap.terminalId,
    tap.tapSequence,
    tap.serviceDate,
    new Date(tap.tappedAtMs),
    tap.operatorId,
    tap.lineId,
    tap.stationId,
    tap.rail,
    tap.tapKind,
    tap.amountFen,
    tap.bankId,
    tap.outcome,
    tap.cause,
    'ready',
  ],
};

/**
 * One statement for all tables of a batch: each column travels once, as one array, and is unpacked once. On PostgreSQL it costs
 * the client a quarter and the server two thirds of what multi-row VALUES cost (bench/README.md).
 */
const ACCEPT = `
with k as materialized (
  select k.*, decode(record_base64, 'base64') as record_sealed from unnest($1::bytea[], $2::smallint[], $3::integer[], $4::text[], $5::bigint[], $6::bytea[], $7::bytea[],
    $8::text[], $9::text[], $10::date[], $11::bytea[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[],
    $17::text[], $18::text[], $19::bigint[], $20::text[], $21::text[], $22::integer[], $23::text[], $24::smallint[],
    $25::bytea[], $26::text[])
  as k (pan_token, psn, atc, terminal_id, tap_sequence, cryptogram, record_sm3, outcome, cause, service_date, certificate_sm3,
    tapped_ms, received_ms, operator_id, line_id, station_id, rail, tap_kind, amount_fen, gate_decision, rule_set_version,
    hotlist_version, bank_id, atc_below_highest, record_iv, record_base64)),
acts as (
  insert into card_atc (pan_token, psn, atc, cryptogram, terminal_id, tap_sequence)
  select pan_token, psn, atc, cryptogram, terminal_id, tap_sequence from k where cryptogram is not null),
identities as (
  insert into tap_identity (terminal_id, tap_sequence, record_sm3, outcome, cause, pan_token, service_date)
  select terminal_id, tap_sequence, record_sm3, outcome, cause, pan_token, service_date from k
  order by terminal_id, tap_sequence),
cards as (
  insert into card (pan_token, psn, bank_id, verified_certificate_sm3)
  select pan_token, psn, bank_id, certificate_sm3 from k where certificate_sm3 is not null
  on conflict (pan_token, psn) do update set verified_certificate_sm3 = excluded.verified_certificate_sm3),
queued as (
  insert into unsettled_tap (pan_token, psn, atc, terminal_id, tap_sequence, service_date, tapped_at, operator_id, line_id,
    station_id, rail, tap_kind, amount_fen, bank_id, outcome, cause, state)
  select pan_token, psn, atc, terminal_id, tap_sequence, service_date, to_timestamp(tapped_ms / 1000.0), operator_id, line_id,
    station_id, rail, tap_kind, amount_fen, bank_id, outcome, cause, 'ready' from k where outcome <> 'denied')
insert into tap (service_date, pan_token, terminal_id, tap_sequence, psn, atc, tapped_at, received_at, operator_id, line_id,
  station_id, rail, tap_kind, amount_fen, gate_decision, rule_set_version, hotlist_version, bank_id, outcome, cause,
  atc_below_highest, record_sm3, record_iv, record_sealed)
select service_date, pan_token, terminal_id, tap_sequence, psn, atc, to_timestamp(tapped_ms / 1000.0),
  to_timestamp(received_ms / 1000.0), operator_id, line_id, station_id, rail, tap_kind, amount_fen, gate_decision,
  rule_set_version, hotlist_version, bank_id, outcome, cause, atc_below_highest, record_sm3, record_iv, record_sealed from k`;

/** The parameters of ACCEPT: one array a column. */
export function acceptParameters(taps: readonly AcceptedTap[], newCards: ReadonlySet<AcceptedTap>): string[] {
  const numbers = (of: (tap: AcceptedTap) => number): string => numberArray(taps.map(of));
  const texts = (of: (tap: AcceptedTap) => string | null): string => textArray(taps.map(of));
  const bytes = (of: (tap: AcceptedTap) => Uint8Array | null): string => byteaArray(taps.map(of));
  return [
    hexByteaArray(taps.map((tap) => tap.panToken)),
    numbers((tap) => tap.psn),
    numbers((tap) => tap.atc),
    texts((tap) => tap.terminalId),
    numbers((tap) => tap.tapSequence),
    bytes((tap) => tap.claimsActWith),
    bytes((tap) => tap.recordSm3),
    texts((tap) => tap.outcome),
    texts((tap) => tap.cause),
    texts((tap) => tap.serviceDate),
    bytes((tap) => (newCards.has(tap) ? tap.newCertificateSm3 : null)),
    numbers((tap) => tap.tappedAtMs),
    numbers((tap) => tap.receivedAtMs),
    texts((tap) => tap.operatorId),
    texts((tap) => tap.lineId),
    texts((tap) => tap.stationId),
    texts((tap) => tap.rail),
    texts((tap) => tap.tapKind),
    numbers((tap) => tap.amountFen),
    texts((tap) => tap.gateDecision),
    texts((tap) => tap.ruleSetVersion),
    numbers((tap) => tap.hotlistVersion),
    texts((tap) => tap.bankId),
    numbers((tap) => (tap.atcBelowHighest ? 1 : 0)),
    bytes((tap) => tap.recordIv),
    base64Array(taps.map((tap) => tap.recordSealed)),
  ];
}

/**
 * Makes a batch of judged taps durable in one transaction, and counts the repeats of taps that were accepted before. Both
 * identities are claimed by plain inserts: whoever else holds one of them, in this process or another, makes the whole
 * transaction fail, and the caller reads the facts again and decides anew (code `conflict`). No act and no delivery can
 * therefore be written twice, and a batch of no conflict costs no round trip more.
 *
 * Rows are written in the order of their keys, and the tables in one order, so that two batches do not wait for each other in a
 * circle; should they all the same, one of them is told `conflict`. The taps of one batch have different identities: the
 * caller sees to it.
 *
 * @throws StoreFault
 */
export async function acceptTaps(
  database: Database,
  taps: readonly AcceptedTap[],
  repeats: readonly DeliveryKey[],
): Promise<void> {
  const byCard = [...taps].sort(compareActs);
  const newCards = lastOfEachCard(
    byCard.filter((tap) => tap.newCertificateSm3 !== null && tap.bankId !== null),
  );
  const { hot, isCitus } = database;
  await faultsTranslated(async () => {
    if (!isCitus && repeats.length === 0) {
      await hot.unsafe(ACCEPT, acceptParameters(byCard, newCards), { prepare: true });
      return;
    }
    await hot.begin((transaction) =>
      Promise.all([
        ...(taps.length === 0
          ? []
          : isCitus
            ? insertByValues(transaction, byCard, newCards)
            : [transaction.unsafe(ACCEPT, acceptParameters(byCard, newCards), { prepare: true })]),
        ...(repeats.length === 0 ? [] : [countRepeats(transaction, repeats)]),
      ]),
    );
  });
}

/** The shape for Citus, which would pull the rows of one statement for many tables through its coordinator. */
function insertByValues(
  transaction: Transaction,
  byCard: readonly AcceptedTap[],
  newCards: ReadonlySet<AcceptedTap>,
): Promise<unknown>[] {
  return [
    ...insertRows(
      transaction,
      CARD_ATC,
      byCard.filter((tap) => tap.claimsActWith !== null),
    ),
    ...insertRows(transaction, TAP_IDENTITY, [...byCard].sort(compareDeliveries)),
    ...insertRows(transaction, CARD, [...newCards]),
    ...insertRows(transaction, TAP, byCard),
    ...insertRows(
      transaction,
      UNSETTLED_TAP,
      byCard.filter((tap) => tap.outcome !== 'denied'),
    ),
  ];
}

/** Locks the rows in key order first: an UPDATE alone would take them in whatever order its plan finds them. */
async function countRepeats(transaction: Transaction, repeats: readonly DeliveryKey[]): Promise<void> {
  const times = new Map<string, { readonly key: DeliveryKey; count: number }>();
  for (const key of repeats) {
    const name = `${key.terminalId}|${key.tapSequence}`;
    const entry = times.get(name) ?? { key, count: 0 };
    entry.count += 1;
    times.set(name, entry);
  }
  const ordered = [...times.values()].sort((a, b) => compareDeliveries(a.key, b.key));
  await transaction`
    with counted as (
      select k.terminal_id, k.tap_sequence, k.times
      from unnest(
        ${ordered.map(({ key }) => key.terminalId)}::text[],
        ${ordered.map(({ key }) => key.tapSequence)}::bigint[],
        ${ordered.map(({ count }) => count)}::integer[]) as k (terminal_id, tap_sequence, times)
      join tap_identity t on t.terminal_id = k.terminal_id and t.tap_sequence = k.tap_sequence
      order by t.terminal_id, t.tap_sequence for update of t)
    update tap_identity t set repeats = t.repeats + counted.times
    from counted where t.terminal_id = counted.terminal_id and t.tap_sequence = counted.tap_sequence`;
}

function lastOfEachCard(taps: readonly AcceptedTap[]): Set<AcceptedTap> {
  const last = new Map<string, AcceptedTap>();
  for (const tap of taps) last.set(`${tap.panToken}|${tap.psn}`, tap);
  return new Set(last.values());
}

function compareActs(a: AcceptedTap, b: AcceptedTap): number {
  return compareText(a.panToken, b.panToken) || a.psn - b.psn || a.atc - b.atc || compareDeliveries(a, b);
}

function compareDeliveries(a: DeliveryKey, b: DeliveryKey): number {
  return compareText(a.terminalId, b.terminalId) || a.tapSequence - b.tapSequence;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
