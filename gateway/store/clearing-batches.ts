import type postgres from 'postgres';
import { isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen, type Fen } from '@tapgate/sdk/wire/money';
import {
  BATCH_KINDS,
  type AdjustmentTotals,
  type BatchIdentity,
  type BatchKind,
  type BatchTotals,
} from '../clearing/clearing-batch.ts';
import type { Posting } from '../ledger/posting.ts';
import type { Database } from './connection.ts';
import type { SettledRange } from './clearing-journeys.ts';
import { insertPostings } from './ledger-postings.ts';
import { stopSettling } from './settling-lock.ts';
import { faultsTranslated } from './store-fault.ts';

export type CutOver = SettledRange & {
  readonly clearingDate: IsoDate;
  readonly cutAtMs: number;
  /** the last adjustment that a batch of the date may take */
  readonly upToAdjustedNo: number;
};

export type CutOverRefusal = {
  readonly code: 'clearing_date_closed_over' | 'clearing_date_skipped';
  /** the newest date that is closed */
  readonly lastClosed: IsoDate;
};

type CutOverRow = {
  clearing_date: string;
  after_settled_no: string;
  up_to_settled_no: string;
  up_to_adjusted_no: string;
  cut_at: Date;
};

/**
 * Ends a clearing date: everything settled so far and in no date yet belongs to it. A date that is closed already keeps its
 * cut-over, whatever was settled since. Settling stops for the moment of the cut, so no journey can appear below it later.
 *
 * @refuses clearing_date_closed_over for a date before the newest closed one; clearing_date_skipped when a calendar date between
 *   was never closed: every date has its batches, and the first date of all may be any
 */
export async function cutOver(
  database: Database,
  order: { readonly clearingDate: IsoDate; readonly cutAtMs: number },
): Promise<CutOver | CutOverRefusal> {
  return faultsTranslated(() =>
    database.hot.begin(async (transaction) => {
      await stopSettling(transaction);
      const present = await readCutOver(transaction, order.clearingDate);
      if (present !== null) return present;
      const [last] = await transaction<
        { clearing_date: string; next_date: string; up_to_settled_no: string; up_to_adjusted_no: string }[]
      >`
        select clearing_date::text, (clearing_date + 1)::text as next_date, up_to_settled_no, up_to_adjusted_no from cut_over
        order by clearing_date desc limit 1`;
      if (last !== undefined && order.clearingDate < last.clearing_date) {
        return { code: 'clearing_date_closed_over', lastClosed: isoDate(last.clearing_date) };
      }
      if (last !== undefined && order.clearingDate !== last.next_date) {
        return { code: 'clearing_date_skipped', lastClosed: isoDate(last.clearing_date) };
      }
      const after = Number(last?.up_to_settled_no ?? 0);
      const adjusted = Number(last?.up_to_adjusted_no ?? 0);
      await transaction`
        insert into cut_over (clearing_date, after_settled_no, up_to_settled_no, up_to_adjusted_no, cut_at)
        select ${order.clearingDate}::date, ${after}::bigint, coalesce(max(settled_no), ${after}::bigint),
          (select coalesce(max(adjusted_no), ${adjusted}::bigint) from fare_adjustment), ${new Date(order.cutAtMs)}
        from journey where settled_no > ${after}`;
      const written = await readCutOver(transaction, order.clearingDate);
      if (written === null) throw new RangeError('a cut-over that was just written is there');
      return written;
    }),
  );
}

async function readCutOver(sql: postgres.ISql, clearingDate: IsoDate): Promise<CutOver | null> {
  const [row] = await sql<CutOverRow[]>`
    select clearing_date::text, after_settled_no, up_to_settled_no, up_to_adjusted_no, cut_at from cut_over
    where clearing_date = ${clearingDate}`;
  return row === undefined ? null : cutOverOf(row);
}

function cutOverOf(row: CutOverRow): CutOver {
  return {
    clearingDate: isoDate(row.clearing_date),
    afterSettledNo: Number(row.after_settled_no),
    upToSettledNo: Number(row.up_to_settled_no),
    upToAdjustedNo: Number(row.up_to_adjusted_no),
    cutAtMs: row.cut_at.getTime(),
  };
}

/** The cut-over of a date that is closed, or null. @throws StoreFault */
export function findCutOver(database: Database, clearingDate: IsoDate): Promise<CutOver | null> {
  return faultsTranslated(() => readCutOver(database.hot, clearingDate));
}

/** A batch as it was signed. */
export type SignedBatch = BatchIdentity &
  BatchTotals & {
    readonly fileName: string | null;
    readonly fileBytes: number;
    readonly fileSm3: Uint8Array;
    readonly fileSha256: Uint8Array;
    readonly withheld: BatchTotals;
    readonly adjustments: AdjustmentTotals;
    readonly manifest: Uint8Array;
    readonly manifestSm3: Uint8Array;
    readonly previousManifestSm3: Uint8Array | null;
    readonly signature: Uint8Array;
    /** null for a batch that was made before terms were kept */
    readonly terms: unknown;
    readonly contentKeySealed: Uint8Array | null;
    readonly envelope: Uint8Array | null;
  };

export type WithheldJourney = {
  readonly journeyId: Uint8Array;
  readonly serviceDate: IsoDate;
  readonly panToken: Uint8Array;
  readonly cause: string;
  readonly amountFen: Fen;
};

type BatchRow = {
  party: string;
  kind: string;
  clearing_date: string;
  sequence: number;
  file_name: string | null;
  records: number;
  total_fen: string;
  withheld_records: number;
  withheld_fen: string;
  adjustments: number;
  extra_fen: string;
  reduced_fen: string;
  file_bytes: string;
  file_sm3: Buffer;
  file_sha256: Buffer;
  manifest: Buffer;
  manifest_sm3: Buffer;
  previous_manifest_sm3: Buffer | null;
  signature: Buffer;
  terms: unknown;
  content_key_sealed: Buffer | null;
  envelope: Buffer | null;
};

/** The batches of a clearing date, or one of them, in order of party, kind, sequence. @throws StoreFault */
export async function readBatches(
  database: Database,
  wanted: { readonly clearingDate: IsoDate } & Partial<BatchIdentity>,
): Promise<SignedBatch[]> {
  const sql = database.hot;
  const rows = await faultsTranslated(
    () => sql<BatchRow[]>`
      select party, kind, clearing_date::text, sequence, file_name, records, total_fen, withheld_records, withheld_fen,
        adjustments, extra_fen, reduced_fen, file_bytes, file_sm3, file_sha256, manifest, manifest_sm3, previous_manifest_sm3, signature, terms, content_key_sealed, envelope
      from clearing_batch
      where clearing_date = ${wanted.clearingDate}
        ${wanted.party === undefined ? sql`` : sql`and party = ${wanted.party}`}
        ${wanted.kind === undefined ? sql`` : sql`and kind = ${wanted.kind}`}
        ${wanted.sequence === undefined ? sql`` : sql`and sequence = ${wanted.sequence}`}
      order by party collate "C", kind collate "C", sequence`,
  );
  return rows.map((row) => ({
    party: row.party,
    kind: batchKind(row.kind),
    clearingDate: isoDate(row.clearing_date),
    sequence: row.sequence,
    fileName: row.file_name,
    records: row.records,
    totalFen: fen(Number(row.total_fen)),
    fileBytes: Number(row.file_bytes),
    fileSm3: row.file_sm3,
    fileSha256: row.file_sha256,
    withheld: { records: row.withheld_records, totalFen: fen(Number(row.withheld_fen)) },
    adjustments: {
      records: row.adjustments,
      extraFen: fen(Number(row.extra_fen)),
      reducedFen: fen(Number(row.reduced_fen)),
    },
    manifest: row.manifest,
    manifestSm3: row.manifest_sm3,
    previousManifestSm3: row.previous_manifest_sm3,
    signature: row.signature,
    terms: row.terms,
    contentKeySealed: row.content_key_sealed,
    envelope: row.envelope,
  }));
}

function batchKind(text: string): BatchKind {
  const kind = BATCH_KINDS.find((known) => known === text);
  if (kind === undefined) throw new RangeError('a batch has a known kind');
  return kind;
}

/** SM3 of the party's manifest just before this batch, in order of date, kind, sequence; null for its first. @throws StoreFault */
export async function findPreviousManifestSm3(
  database: Database,
  batch: BatchIdentity,
): Promise<Uint8Array | null> {
  const [row] = await faultsTranslated(
    () => database.hot<{ manifest_sm3: Buffer }[]>`
      select manifest_sm3 from clearing_batch
      where party = ${batch.party}
        and (clearing_date, kind collate "C", sequence) < (${batch.clearingDate}::date, ${batch.kind}, ${batch.sequence})
      order by clearing_date desc, kind collate "C" desc, sequence desc limit 1`,
  );
  return row?.manifest_sm3 ?? null;
}

/**
 * Keeps why journeys of a batch are not sent. Written while the batch is built, in pieces; what is withheld is a function of the
 * journeys, so building again writes the same rows.
 *
 * @throws StoreFault
 */
export async function recordWithheld(
  database: Database,
  batch: BatchIdentity,
  withheld: readonly WithheldJourney[],
): Promise<void> {
  const sql = database.hot;
  await faultsTranslated(
    () => sql`
      insert into withheld_presentment (party, kind, clearing_date, sequence, journey_id, service_date, pan_token, cause, amount_fen)
      select ${batch.party}, ${batch.kind}, ${batch.clearingDate}::date, ${batch.sequence}::int, held.* from unnest(
        ${sql.array(withheld.map((w) => Buffer.from(w.journeyId)))}::bytea[],
        ${sql.array(withheld.map((w) => w.serviceDate))}::date[],
        ${sql.array(withheld.map((w) => Buffer.from(w.panToken)))}::bytea[],
        ${sql.array(withheld.map((w) => w.cause))}::text[],
        ${sql.array(withheld.map((w) => w.amountFen))}::bigint[]) as held
      on conflict do nothing`,
  );
}

/** An adjustment that a batch took and that its file does not carry, and why (adjustments.md). */
export type UnpresentedAdjustment = {
  readonly adjustmentId: Uint8Array;
  readonly state: 'held' | 'withheld';
  readonly cause: string;
  readonly differenceFen: number;
};

/**
 * Makes a batch durable with its postings and with what it took and does not carry, in one transaction. A batch that is there stays as it is: what
 * was signed once is the batch.
 *
 * @throws StoreFault
 */
export async function recordBatch(
  database: Database,
  batch: SignedBatch,
  purse: string,
  postings: readonly Posting[],
  unpresented: readonly UnpresentedAdjustment[],
): Promise<void> {
  await faultsTranslated(() =>
    database.hot.begin(async (transaction) => {
      const bytes = (value: Uint8Array): Buffer => Buffer.from(value);
      const optional = (value: Uint8Array | null): Buffer | null => (value === null ? null : bytes(value));
      const written = await transaction`
        insert into clearing_batch (party, kind, clearing_date, sequence, purse, file_name, records, total_fen, withheld_records,
          withheld_fen, adjustments, extra_fen, reduced_fen, file_bytes, file_sm3, file_sha256, manifest, manifest_sm3, previous_manifest_sm3, signature,
          terms, content_key_sealed, envelope)
        values (${batch.party}, ${batch.kind}, ${batch.clearingDate}, ${batch.sequence}, ${purse}, ${batch.fileName},
          ${batch.records}, ${batch.totalFen}, ${batch.withheld.records}, ${batch.withheld.totalFen},
          ${batch.adjustments.records}, ${batch.adjustments.extraFen}, ${batch.adjustments.reducedFen}, ${batch.fileBytes},
          ${bytes(batch.fileSm3)}, ${bytes(batch.fileSha256)}, ${bytes(batch.manifest)}, ${bytes(batch.manifestSm3)},
          ${optional(batch.previousManifestSm3)}, ${bytes(batch.signature)},
          ${transaction.json(batch.terms as postgres.JSONValue)}, ${optional(batch.contentKeySealed)}, ${optional(batch.envelope)})
        on conflict do nothing`;
      if (written.count === 0) return;
      await insertPostings(transaction, postings);
      await insertUnpresented(transaction, batch, unpresented);
    }),
  );
}

async function insertUnpresented(
  sql: postgres.TransactionSql,
  batch: BatchIdentity,
  unpresented: readonly UnpresentedAdjustment[],
): Promise<void> {
  if (unpresented.length === 0) return;
  await sql`
    insert into unpresented_adjustment (party, kind, clearing_date, sequence, adjustment_id, state, cause, difference_fen)
    select ${batch.party}, ${batch.kind}, ${batch.clearingDate}::date, ${batch.sequence}::int, own.* from unnest(
      ${sql.array(unpresented.map((one) => Buffer.from(one.adjustmentId)))}::bytea[],
      ${sql.array(unpresented.map((one) => one.state))}::text[],
      ${sql.array(unpresented.map((one) => one.cause))}::text[],
      ${sql.array(unpresented.map((one) => one.differenceFen))}::bigint[]) as own`;
}

/** What a closing needs to know of banks, places and funders. */
export type ClearingParties = {
  readonly banks: readonly {
    readonly bankId: string;
    readonly nameZh: string;
    readonly cnapsCode: string;
    readonly unionpayId: string | null;
  }[];
  readonly merchants: ReadonlyMap<
    string,
    { readonly merchantId: string; readonly nameZh: string; readonly mcc: string }
  >;
  readonly funders: readonly string[];
};

/** Banks in order of id, merchants by line, funders that have an account. @throws StoreFault */
export async function readClearingParties(database: Database): Promise<ClearingParties> {
  const sql = database.hot;
  return faultsTranslated(async () => {
    const banks = await sql<
      {
        bank_id: string;
        name_zh: string;
        cnaps_code: string;
        unionpay_id: string | null;
      }[]
    >`
      select bank_id, name_zh, cnaps_code, unionpay_id from bank order by bank_id collate "C"`;
    const lines = await sql<
      { line_id: string; merchant_id: string; merchant_name_zh: string; mcc: string }[]
    >`
      select line_id, merchant_id, merchant_name_zh, mcc from line`;
    const funders = await sql<{ party: string }[]>`
      select distinct party collate "C" as party from account where code = '1130' and party is not null order by 1`;
    return {
      banks: banks.map((row) => ({
        bankId: row.bank_id,
        nameZh: row.name_zh,
        cnapsCode: row.cnaps_code,
        unionpayId: row.unionpay_id,
      })),
      merchants: new Map(
        lines.map((row) => [
          row.line_id,
          { merchantId: row.merchant_id, nameZh: row.merchant_name_zh, mcc: row.mcc },
        ]),
      ),
      funders: funders.map((row) => row.party),
    };
  });
}

/** A closed date as a list shows it. */
export type ClosedDate = CutOver & {
  readonly batches: number;
  readonly records: number;
  readonly totalFen: Fen;
};

/** The newest closed dates, newest first. @throws StoreFault */
export async function listClosedDates(database: Database, limit: number): Promise<ClosedDate[]> {
  const rows = await faultsTranslated(
    () => database.hot<(CutOverRow & { batches: string; records: string; total_fen: string })[]>`
      select cut.clearing_date::text, after_settled_no, up_to_settled_no, cut.up_to_adjusted_no, cut_at, count(batch.party) as batches,
        coalesce(sum(records), 0) as records, coalesce(sum(total_fen), 0) as total_fen
      from cut_over as cut left join clearing_batch as batch using (clearing_date)
      group by cut.clearing_date, after_settled_no, up_to_settled_no, cut.up_to_adjusted_no, cut_at
      order by cut.clearing_date desc limit ${limit}`,
  );
  return rows.map((row) => ({
    ...cutOverOf(row),
    batches: Number(row.batches),
    records: Number(row.records),
    totalFen: fen(Number(row.total_fen)),
  }));
}
