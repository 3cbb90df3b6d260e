import path from 'node:path';
import { isIsoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen, formatYuan } from '@tapgate/sdk/wire/money';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { readTerms } from '../clearing/batch-terms.ts';
import { BATCH_KINDS, type BatchKind } from '../clearing/clearing-batch.ts';
import { clearingTies, type PartyBooks, type SignedSums } from '../clearing/clearing-ties.ts';
import { loadClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { loadRuleBook } from '../fares/load-rule-sets.ts';
import { findCutOver, listClosedDates, readBatches, type SignedBatch } from '../store/clearing-batches.ts';
import { readClearingBooks } from '../store/clearing-books.ts';
import type { Database } from '../store/connection.ts';
import { DataKeys } from '../store/data-keys.ts';
import { loadReferenceData } from '../store/reference-data.ts';
import { readSettlementGauge } from '../store/settlement-gauge.ts';
import { buildDay, closeDay, type ClosedBatch } from './close-day.ts';
import type { ClosingDependencies } from './closing.ts';
import { closingThreads } from './closing-threads.ts';
import { atDesk, type Desk } from './open-desk.ts';
import { closeWaiting, settleAll } from './settle-taps.ts';

/** What a command prints: lines for people, or one JSON object; and how the process ends. */
export type DeskAnswer = { readonly exit: 0 | 1; readonly lines: readonly string[]; readonly json: unknown };

const HOUR_MS = 60 * 60 * 1000;
/** Longer than any journey is let to last: an entry older than this at the cut-over will get no exit any more. */
const WAITING_MAX_MS = 4 * HOUR_MS;
const STATUS_DATES = 14;

function closingDependencies({ database, databaseUrl, keys }: Desk, outDir: string): ClosingDependencies {
  const dataKeys = new DataKeys(database, keys);
  return {
    database,
    keys,
    outDir,
    dataKeyOf: (serviceDate) => dataKeys.forReading(serviceDate),
    calendar: loadCalendar(),
    profiles: loadClearingProfiles(),
    threads: closingThreads(databaseUrl),
  };
}

/**
 * `close`: settles what is left, ends the waiting of entries whose exit will not come, cuts over, and makes every batch.
 * The next date is closed when none is named.
 */
export function runClose(order: {
  readonly date: IsoDate | null;
  readonly cutAtMs: number;
  readonly outDir: string;
}): Promise<DeskAnswer> {
  return atDesk(async (desk) => {
    const clearingDate = order.date ?? (await nextDate(desk.database));
    if (clearingDate === null) {
      return refused('clearing_date_missing', 'no date was ever closed: name the first one with --date');
    }
    const dependencies = closingDependencies(desk, order.outDir);
    const settling = {
      ...desk,
      calendar: dependencies.calendar,
      reference: await loadReferenceData(desk.database),
      ruleBook: loadRuleBook(dependencies.calendar),
    };
    await settleAll(settling);
    await closeWaiting(settling, order.cutAtMs - WAITING_MAX_MS);
    const closed = await closeDay(dependencies, { clearingDate, cutAtMs: order.cutAtMs });
    if ('code' in closed) return refused(closed.code, `the newest closed date is ${closed.lastClosed}`);
    return batchesAnswer(clearingDate, closed.batches, order.outDir);
  });
}

async function nextDate(database: Database): Promise<IsoDate | null> {
  const [newest] = await listClosedDates(database, 1);
  if (newest === undefined) return null;
  const next = new Date(Date.parse(`${newest.clearingDate}T00:00:00Z`) + 86_400_000)
    .toISOString()
    .slice(0, 10);
  return isIsoDate(next) ? next : null;
}

/** `build`: the files of a closed date again, all or those of one party or kind. */
export function runBuild(order: {
  readonly date: IsoDate;
  readonly party: string | null;
  readonly kind: BatchKind | null;
  readonly outDir: string;
}): Promise<DeskAnswer> {
  return atDesk(async (desk) => {
    const built = await buildDay(closingDependencies(desk, order.outDir), {
      clearingDate: order.date,
      ...(order.party === null ? {} : { party: order.party }),
      ...(order.kind === null ? {} : { kind: order.kind }),
    });
    if ('code' in built) return refused(built.code, 'this date is not closed: close it first');
    return batchesAnswer(order.date, built.batches, order.outDir);
  });
}

/**
 * `status`: the newest closed dates, what waits for the next one, where adjustments are, and whether files and ledger tie; of one date, its
 * batches.
 */
export function runStatus(order: { readonly date: IsoDate | null }): Promise<DeskAnswer> {
  return atDesk(async ({ database }) => {
    if (order.date !== null) return dateStatus(database, order.date);
    const dates = await listClosedDates(database, STATUS_DATES);
    const { ready, waiting } = await readSettlementGauge(database);
    const books = await readClearingBooks(database);
    const ties = clearingTies(books);
    const torn = ties.filter(({ equal }) => !equal);
    const rows = dates.map((date) => [
      date.clearingDate,
      new Date(date.cutAtMs).toISOString(),
      `${date.batches} batches`,
      `${date.records} records`,
      formatYuan(date.totalFen),
    ]);
    return {
      exit: torn.length === 0 ? 0 : 1,
      lines: [
        ...aligned(rows),
        `${ready} taps are accepted and not settled; ${waiting} wait for their other end`,
        ...aligned(books.parties.flatMap(adjustmentRows)),
        torn.length === 0
          ? `${ties.length} ties between files, adjustments and ledger hold`
          : `${torn.length} of ${ties.length} ties between files, adjustments and ledger do NOT hold`,
        ...torn.map(
          ({ name, left, right }) =>
            `${name}: ${left.from} ${left.value}, ${right.from} ${right.value} (fen)`,
        ),
      ],
      json: { dates, ready, waiting, parties: books.parties, ties },
    };
  });
}

/** Where the adjustments of a party are, by state; nothing for a party without any. */
function adjustmentRows({ party, kind, presented, waiting, unpresented }: PartyBooks): string[][] {
  const states: readonly (readonly [string, SignedSums])[] = [
    ['in files', presented],
    ['waiting', waiting],
    ...unpresented.map((sums) => [`${sums.state}: ${sums.cause}`, sums] as const),
  ];
  return states
    .filter(([, { records }]) => records > 0)
    .map(([state, { records, extraFen, reducedFen }]) => [
      party,
      kind,
      `${records} adjustments`,
      state,
      `${formatYuan(fen(extraFen))} more`,
      `${formatYuan(fen(reducedFen))} back`,
    ]);
}

async function dateStatus(database: Database, clearingDate: IsoDate): Promise<DeskAnswer> {
  const [cut, batches] = [
    await findCutOver(database, clearingDate),
    await readBatches(database, { clearingDate }),
  ];
  if (cut === null || batches.length === 0) return refused('clearing_date_open', 'this date is not closed');
  const due = batches.map((batch) => answersDue(batch, cut.cutAtMs));
  const rows = batches.map((batch, index) => [
    batch.party,
    batch.kind,
    String(batch.sequence),
    batch.fileName ?? 'no file',
    `${batch.records} records`,
    formatYuan(batch.totalFen),
    due[index] === null ? '' : `money due ${due[index]?.money ?? ''}`,
    ...(batch.withheld.records === 0
      ? []
      : [`${batch.withheld.records} withheld, ${formatYuan(batch.withheld.totalFen)}`]),
    ...(batch.adjustments.records === 0
      ? []
      : [
          `${batch.adjustments.records} adjustments, ${formatYuan(batch.adjustments.extraFen)} more, ${formatYuan(batch.adjustments.reducedFen)} back`,
        ]),
  ]);
  return {
    exit: 0,
    lines: aligned(rows),
    json: batches.map(
      (
        { party, kind, sequence, fileName, records, totalFen, withheld, adjustments, fileSm3, fileSha256 },
        index,
      ) => ({
        party,
        kind,
        clearingDate,
        sequence,
        file: fileName,
        records,
        totalFen,
        withheld,
        adjustments,
        sm3: hex(fileSm3),
        sha256: hex(fileSha256),
        due: due[index],
      }),
    ),
  };
}

/** When each answer to a batch is due, by the terms that were kept with it; silence after that is a state of its own (clearing.md 3). */
function answersDue(
  { terms }: SignedBatch,
  cutAtMs: number,
): Readonly<Record<'receipt' | 'results' | 'money', string>> | null {
  if (terms === null) return null;
  const { receipt, results, money } = readTerms(terms).profile.deadlinesHours;
  const after = (hours: number): string => new Date(cutAtMs + hours * HOUR_MS).toISOString();
  return { receipt: after(receipt), results: after(results), money: after(money) };
}

function batchesAnswer(clearingDate: IsoDate, batches: readonly ClosedBatch[], outDir: string): DeskAnswer {
  const rows = batches.map((batch) => [
    batch.party,
    batch.kind,
    `${batch.records} records`,
    formatYuan(batch.totalFen),
    batch.file === null ? 'no file' : path.join(outDir, batch.file),
  ]);
  return {
    exit: 0,
    lines: [`${clearingDate}: ${batches.length} batches`, ...aligned(rows)],
    json: { clearingDate, batches },
  };
}

function refused(code: string, text: string): DeskAnswer {
  return { exit: 1, lines: [`${code}: ${text}`], json: { error: { code, text } } };
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').toUpperCase();

export function batchKindNamed(text: string): BatchKind | null {
  return BATCH_KINDS.find((kind) => kind === text) ?? null;
}
