import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { nextBankingDay } from '../clearing/banking-day.ts';
import { sequenceOf } from '../clearing/batch-sequence.ts';
import { rangeToTake, readTerms, type BatchTerms } from '../clearing/batch-terms.ts';
import type { AdjustmentTotals, BatchIdentity, BatchKind, BatchTotals } from '../clearing/clearing-batch.ts';
import type { ClearingProfile } from '../clearing/clearing-profile.ts';
import { batchTemplateValues, fillTemplate } from '../clearing/text-template.ts';
import { findTakenUpTo } from '../store/clearing-adjustments.ts';
import {
  cutOver,
  findCutOver,
  readBatches,
  readClearingParties,
  type CutOver,
  type CutOverRefusal,
  type SignedBatch,
} from '../store/clearing-batches.ts';
import { whileClosingAlone } from '../store/settling-lock.ts';
import { filesOf } from './batch-files.ts';
import { ClearingFault, type Closing, type ClosingDependencies } from './closing.ts';
import { publishBatch, sentNameOf } from './publish-batch.ts';
import { signBatch } from './sign-batch.ts';

export type ClosedBatch = BatchIdentity &
  BatchTotals & {
    readonly withheld: BatchTotals;
    readonly adjustments: AdjustmentTotals;
    /** paths below outDir; the file is null where the party wants none on a day without records */
    readonly file: string | null;
    readonly manifest: string;
    readonly signature: string;
    /** written last: what it names is complete */
    readonly control: string;
  };

export type ClosedDay = { readonly cutOver: CutOver; readonly batches: readonly ClosedBatch[] };

/** Of each kind one batch a day; manifests of a party are chained in this order of kinds. */
const KINDS_OF_BANK = ['deferred_charge', 'offline_purchase'] as const satisfies readonly BatchKind[];

/**
 * Closes a clearing date: the cut-over, then for every bank and kind, and for every funder, a batch with file, manifest, signature and
 * postings. Every step may be repeated and begun again after a crash: what is recorded stays, what is missing is made, and
 * the bytes are the same, because a batch is a function of the journeys between two cut-overs and of its terms.
 *
 * @refuses clearing_date_closed_over, clearing_date_skipped
 * @throws StoreFault, KeyFault; ClearingFault or RangeError after every other batch was made: one bad file does not stop the others
 */
export async function closeDay(
  dependencies: ClosingDependencies,
  order: { readonly clearingDate: IsoDate; readonly cutAtMs: number },
): Promise<ClosedDay | CutOverRefusal> {
  const { database } = dependencies;
  return whileClosingAlone(database.hot, async () => {
    const cut = await cutOver(database, order);
    if ('code' in cut) return cut;
    dependencies.reached?.('cut_over', null);
    return withFiles(dependencies, cut, async (closing) => closeEach(closing, await batchesOfDay(closing)));
  });
}

export type BuildRefusal = { readonly code: 'clearing_date_open' };

/**
 * Brings the files of a closed date under `outDir` again, all or those of one party or kind: from the journeys of the range and
 * from what was signed. It makes no batch that was not made; closing does.
 *
 * @refuses clearing_date_open for a date without a cut-over
 * @throws as closeDay
 */
export async function buildDay(
  dependencies: ClosingDependencies,
  order: { readonly clearingDate: IsoDate; readonly party?: string; readonly kind?: BatchKind },
): Promise<ClosedDay | BuildRefusal> {
  const { database } = dependencies;
  return whileClosingAlone(database.hot, async () => {
    const cut = await findCutOver(database, order.clearingDate);
    if (cut === null) return { code: 'clearing_date_open' };
    return withFiles(dependencies, cut, async (closing) =>
      closeEach(closing, await readBatches(database, order)),
    );
  });
}

/** A batch that is there keeps the number it has, whatever the party's rule says by now. */
async function batchesOfDay({ database, profiles, parties, cut }: Closing): Promise<BatchIdentity[]> {
  const { clearingDate } = cut;
  const present = await readBatches(database, { clearingDate });
  const identity = (party: string, kind: BatchKind): BatchIdentity => {
    const made = present.find((batch) => batch.party === party && batch.kind === kind);
    const sequence = made?.sequence ?? sequenceOf(profiles.of(party).sequence, clearingDate);
    return { party, kind, clearingDate, sequence };
  };
  return [
    ...parties.banks.flatMap(({ bankId }) => KINDS_OF_BANK.map((kind) => identity(bankId, kind))),
    ...parties.funders.map((funder) => identity(funder, 'subsidy_claim')),
  ];
}

async function withFiles(
  dependencies: ClosingDependencies,
  cut: CutOver,
  work: (closing: Closing) => Promise<readonly ClosedBatch[]>,
): Promise<ClosedDay> {
  const parties = await readClearingParties(dependencies.database);
  const files = filesOf(dependencies, { ...dependencies, cut });
  try {
    return { cutOver: cut, batches: await work({ ...dependencies, cut, parties, files }) };
  } finally {
    await files.end();
  }
}

/**
 * Makes batches side by side, as many as files are made at once, and those of a party in their order; without threads one after the other.
 * A fault that every batch would meet stops them all.
 */
async function closeEach(closing: Closing, batches: readonly BatchIdentity[]): Promise<ClosedBatch[]> {
  const outcomes: (ClosedBatch | Error | null)[] = batches.map(() => null);
  const fatal: unknown[] = [];
  const lastOfParty = new Map<string, Promise<unknown>>();
  let next = 0;
  const closeNext = async (): Promise<void> => {
    const place = next;
    const batch = batches[place];
    if (batch === undefined || fatal.length > 0) return;
    next += 1;
    const { party, kind, clearingDate, sequence } = batch;
    const earlier = lastOfParty.get(party) ?? Promise.resolve();
    const closed = closeBatch(closing, { party, kind, clearingDate, sequence }, earlier).catch(faultOfBatch);
    lastOfParty.set(
      party,
      closed.catch(() => undefined),
    );
    try {
      outcomes[place] = await closed;
    } catch (error) {
      fatal.push(error);
      await closing.files.stop();
    }
    await closeNext();
  };
  await Promise.all(Array.from({ length: closing.files.atOnce }, closeNext));
  if (fatal.length > 0) throw fatal[0];
  const fault = outcomes.find((outcome) => outcome instanceof Error);
  if (fault !== undefined) throw fault;
  return outcomes.flatMap((outcome) => (outcome === null || outcome instanceof Error ? [] : [outcome]));
}

/** A fault of a batch's own data or profile; one of the database or the keys, which every batch needs, is thrown. */
function faultOfBatch(error: unknown): Error {
  if (error instanceof ClearingFault || error instanceof RangeError) return error;
  throw error;
}

async function closeBatch(
  closing: Closing,
  batch: BatchIdentity,
  earlier: Promise<unknown>,
): Promise<ClosedBatch> {
  const [present] = await readBatches(closing.database, batch);
  const terms = await termsOf(closing, batch, present);
  const name = fileNameOf(batch, terms.profile);
  const folder = path.join(closing.outDir, batch.clearingDate, batch.party);
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  const place = { folder, name };
  const signed = present ?? (await signBatch(closing, batch, terms, place, earlier));
  await publishBatch(closing, signed, terms, place, present === undefined);
  const below = (file: string): string => path.join(batch.clearingDate, batch.party, file);
  return {
    ...batch,
    records: signed.records,
    totalFen: signed.totalFen,
    withheld: signed.withheld,
    adjustments: signed.adjustments,
    file: signed.fileName === null ? null : below(sentNameOf(signed.fileName, terms.profile)),
    manifest: below(`${name}.manifest.json`),
    signature: below(`${name}.sig`),
    control: below(`${name}.chk`),
  };
}

/** The terms that were kept with the batch; of a new one, those of today. */
async function termsOf(
  closing: Closing,
  batch: BatchIdentity,
  present: SignedBatch | undefined,
): Promise<BatchTerms> {
  const kept = present?.terms ?? null;
  if (kept !== null) return readTerms(kept);
  const { database, parties, profiles, calendar, cut } = closing;
  const bank = parties.banks.find((known) => known.bankId === batch.party);
  const profile = profiles.of(batch.party, bank?.unionpayId ?? null);
  const takenUpTo = await findTakenUpTo(database, batch);
  return {
    profile,
    adjusted: rangeToTake(profile, batch.kind, { takenUpTo, cutUpTo: cut.upToAdjustedNo }),
    cnapsCode: bank?.cnapsCode ?? null,
    collectionDate: nextBankingDay(calendar, batch.clearingDate),
    merchants: batch.kind === 'offline_purchase' ? Object.fromEntries(parties.merchants) : {},
  };
}

/** @throws RangeError when the profile's template makes no plain file name */
function fileNameOf(batch: BatchIdentity, profile: ClearingProfile): string {
  const name = fillTemplate(profile.fileNames[batch.kind], batchTemplateValues(batch));
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/.test(name))
    throw new RangeError('a file name is letters, digits, . _ and -');
  return name;
}
