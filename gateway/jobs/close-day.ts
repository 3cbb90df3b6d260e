import { mkdirSync, existsSync } from 'node:fs';
import path from 'node:path';
import { rsToDer } from '@tapgate/sdk/gm/sm2';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { nextBankingDay } from '../clearing/banking-day.ts';
import { batchFee } from '../clearing/batch-fee.ts';
import type { BatchIdentity, BatchKind, BatchTotals } from '../clearing/clearing-batch.ts';
import type { ClearingProfile } from '../clearing/clearing-profile.ts';
import { cupTc526 } from '../clearing/formats/cup-tc-526.ts';
import { deferredCharge } from '../clearing/formats/deferred-charge.ts';
import { subsidyClaim } from '../clearing/formats/subsidy-claim.ts';
import type { ClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { manifestBytes } from '../clearing/manifest.ts';
import { batchTemplateValues, fillTemplate } from '../clearing/text-template.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { postBatch } from '../ledger/post-batch.ts';
import {
  cutOver,
  findCutOver,
  findPreviousManifestSm3,
  readBatches,
  readClearingParties,
  recordBatch,
  recordWithheld,
  type ClearingParties,
  type CutOver,
  type CutOverRefusal,
  type SignedBatch,
  type WithheldJourney,
} from '../store/clearing-batches.ts';
import type { DataKeyReader } from '../store/clearing-journeys.ts';
import type { Database } from '../store/connection.ts';
import { whileClosingAlone } from '../store/settling-lock.ts';
import { digestFile, discardFile, publishFile, writeWhole } from './batch-file.ts';
import { claimedRides, deferredCharges, presentments, type ItemSource } from './batch-items.ts';
import { buildFile, type BuiltFile } from './build-batch.ts';

/** Steps of a closing at which it may be killed; each is told when it is done. */
export type ClosingStep =
  | 'cut_over'
  | 'piece_written'
  | 'file_built'
  | 'batch_recorded'
  | 'file_published'
  | 'manifest_written'
  | 'signature_written';

export type ClosingDependencies = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly dataKeyOf: DataKeyReader;
  readonly calendar: DayTypeCalendar;
  readonly profiles: ClearingProfiles;
  /** files go to outDir/clearingDate/party/ */
  readonly outDir: string;
  readonly reached?: (step: ClosingStep, batch: BatchIdentity | null) => void;
};

export type ClosedBatch = BatchIdentity &
  BatchTotals & {
    readonly withheld: BatchTotals;
    /** paths below outDir; the file is null where the party wants none on a day without records */
    readonly file: string | null;
    readonly manifest: string;
    readonly signature: string;
  };

export type ClosedDay = { readonly cutOver: CutOver; readonly batches: readonly ClosedBatch[] };

/** Files of one batch could not be made again as they were signed: something below them was changed. */
export class ClearingFault extends Error {
  override readonly name = 'ClearingFault';
  readonly code: 'batch_not_reproducible';
  readonly batch: BatchIdentity;

  constructor(batch: BatchIdentity) {
    super(
      `batch ${batch.party} ${batch.kind} ${batch.clearingDate} ${batch.sequence} does not hash to what was signed`,
    );
    this.code = 'batch_not_reproducible';
    this.batch = batch;
  }
}

/** Of each kind one batch a day; manifests of a party are chained in this order of kinds. */
const KINDS_OF_BANK = ['deferred_charge', 'offline_purchase'] as const satisfies readonly BatchKind[];
const SEQUENCE = 1;
const PURSE = 'bank';

/**
 * Closes a clearing date: the cut-over, then for every bank and kind, and for every funder, a batch with file, manifest, signature and
 * postings. Every step may be repeated and begun again after a crash: what is recorded stays, what is missing is made, and
 * the bytes are the same, because a batch is a function of the journeys between two cut-overs.
 *
 * @refuses clearing_date_closed_over, clearing_date_skipped
 * @throws StoreFault, KeyFault, ClearingFault
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
    const closing = new Closing(dependencies, cut, await readClearingParties(database));
    return { cutOver: cut, batches: await closing.closeBatches() };
  });
}

export type BuildRefusal = { readonly code: 'clearing_date_open' };

/**
 * Brings the files of a closed date under `outDir` again, all or those of one party or kind: from the journeys of the range and
 * from what was signed. It makes no batch that was not made; closing does.
 *
 * @refuses clearing_date_open for a date without a cut-over
 * @throws StoreFault, KeyFault, ClearingFault
 */
export async function buildDay(
  dependencies: ClosingDependencies,
  order: { readonly clearingDate: IsoDate; readonly party?: string; readonly kind?: BatchKind },
): Promise<ClosedDay | BuildRefusal> {
  const { database } = dependencies;
  return whileClosingAlone(database.hot, async () => {
    const cut = await findCutOver(database, order.clearingDate);
    if (cut === null) return { code: 'clearing_date_open' };
    const closing = new Closing(dependencies, cut, await readClearingParties(database));
    return { cutOver: cut, batches: await closing.buildRecorded(order) };
  });
}

/** One closing under way: what every batch of it shares. */
class Closing {
  readonly #with: ClosingDependencies;
  readonly #cut: CutOver;
  readonly #parties: ClearingParties;

  constructor(dependencies: ClosingDependencies, cut: CutOver, parties: ClearingParties) {
    this.#with = dependencies;
    this.#cut = cut;
    this.#parties = parties;
  }

  async closeBatches(): Promise<ClosedBatch[]> {
    const { clearingDate } = this.#cut;
    const closed: ClosedBatch[] = [];
    for (const bank of this.#parties.banks) {
      for (const kind of KINDS_OF_BANK) {
        const batch = { party: bank.bankId, kind, clearingDate, sequence: SEQUENCE };
        closed.push(await this.#close(batch, this.#with.profiles.of(bank.bankId, bank.unionpayId)));
      }
    }
    for (const funder of this.#parties.funders) {
      const batch = { party: funder, kind: 'subsidy_claim', clearingDate, sequence: SEQUENCE } as const;
      closed.push(await this.#close(batch, this.#with.profiles.of(funder)));
    }
    return closed;
  }

  async buildRecorded(wanted: {
    readonly clearingDate: IsoDate;
    readonly party?: string;
    readonly kind?: BatchKind;
  }): Promise<ClosedBatch[]> {
    const built: ClosedBatch[] = [];
    for (const signed of await readBatches(this.#with.database, wanted)) {
      const bank = this.#parties.banks.find((known) => known.bankId === signed.party);
      const { party, kind, clearingDate, sequence } = signed;
      const profile = this.#with.profiles.of(party, bank?.unionpayId ?? null);
      built.push(await this.#close({ party, kind, clearingDate, sequence }, profile));
    }
    return built;
  }

  async #close(batch: BatchIdentity, profile: ClearingProfile): Promise<ClosedBatch> {
    const name = fileNameOf(batch, profile);
    const folder = path.join(this.#with.outDir, batch.clearingDate, batch.party);
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    const [present] = await readBatches(this.#with.database, batch);
    const signed = present ?? (await this.#sign(batch, profile, folder, name));
    await this.#publish(signed, profile, folder, name);
    const below = (file: string): string => path.join(batch.clearingDate, batch.party, file);
    return {
      ...batch,
      records: signed.records,
      totalFen: signed.totalFen,
      withheld: signed.withheld,
      file: signed.fileName === null ? null : below(signed.fileName),
      manifest: below(`${name}.manifest.json`),
      signature: below(`${name}.sig`),
    };
  }

  /** Builds the file under its temporary name, signs its manifest and records the batch with its postings. */
  async #sign(
    batch: BatchIdentity,
    profile: ClearingProfile,
    folder: string,
    name: string,
  ): Promise<SignedBatch> {
    const { database, keys, calendar } = this.#with;
    const built = await this.#build(batch, profile, folder, name, (withheld) =>
      recordWithheld(database, batch, withheld),
    );
    this.#with.reached?.('file_built', batch);
    const previousManifestSm3 = await findPreviousManifestSm3(database, batch);
    const fileName = built.records === 0 && profile.emptyFile === 'manifest_only' ? null : name;
    const manifest = manifestBytes({
      ...batch,
      ...built,
      format: formatOf(batch.kind),
      file: fileName,
      fileBytes: built.bytes,
      feeFen: batchFee(profile, { ...batch, totalFen: built.totalFen }),
      collectionDate: nextBankingDay(calendar, batch.clearingDate),
      previousManifestSm3,
    });
    const rs = keys.signManifest(manifest);
    const signed: SignedBatch = {
      ...batch,
      records: built.records,
      totalFen: built.totalFen,
      withheld: built.withheld,
      fileName,
      fileBytes: built.bytes,
      fileSm3: built.sm3,
      fileSha256: built.sha256,
      manifest,
      manifestSm3: sm3(manifest),
      previousManifestSm3,
      signature: profile.signature === 'der' ? rsToDer(rs) : rs,
    };
    const postings =
      batch.kind === 'subsidy_claim'
        ? []
        : postBatch({
            ...batch,
            bankId: batch.party,
            purse: PURSE,
            presentedFen: built.totalFen,
            withheldFen: built.withheld.totalFen,
          });
    await recordBatch(database, signed, PURSE, postings);
    this.#with.reached?.('batch_recorded', batch);
    return signed;
  }

  /** Brings file, manifest and signature under their real names; a file that is missing is built again and must be the same. */
  async #publish(signed: SignedBatch, profile: ClearingProfile, folder: string, name: string): Promise<void> {
    if (signed.fileName === null) {
      discardFile(folder, name);
    } else if (!isFile(path.join(folder, signed.fileName), signed)) {
      if (!isFile(path.join(folder, `.${name}.tmp`), signed)) {
        const built = await this.#build(signed, profile, folder, name, () => Promise.resolve());
        if (!sameBytes(built, signed)) {
          discardFile(folder, name);
          throw new ClearingFault(signed);
        }
      }
      publishFile(folder, name);
    }
    this.#with.reached?.('file_published', signed);
    writeWhole(folder, `${name}.manifest.json`, signed.manifest);
    this.#with.reached?.('manifest_written', signed);
    writeWhole(folder, `${name}.sig`, signed.signature);
    this.#with.reached?.('signature_written', signed);
  }

  #build(
    batch: BatchIdentity,
    profile: ClearingProfile,
    folder: string,
    name: string,
    keepWithheld: (withheld: readonly WithheldJourney[]) => Promise<void>,
  ): Promise<BuiltFile> {
    const { database, dataKeyOf, keys, reached } = this.#with;
    const watch = { keepWithheld, pieceWritten: () => reached?.('piece_written', batch) };
    const source: ItemSource = {
      database,
      dataKeyOf: cached(dataKeyOf),
      range: this.#cut,
      clearingDate: batch.clearingDate,
    };
    const place = { folder, name };
    switch (batch.kind) {
      case 'offline_purchase': {
        const items = presentments(source, batch.party, profile.tapAgeMaxDays, this.#parties.merchants);
        return buildFile(place, cupTc526(batch, profile), items, watch);
      }
      case 'deferred_charge': {
        const bank = this.#parties.banks.find((known) => known.bankId === batch.party);
        if (bank === undefined) throw new RangeError('a batch is for a bank that is known');
        const items = deferredCharges(source, batch.party, profile.tapAgeMaxDays);
        return buildFile(place, deferredCharge(batch, bank), items, watch);
      }
      case 'subsidy_claim':
        return buildFile(
          place,
          subsidyClaim(batch),
          claimedRides(source, batch.party, keys.claimSalt()),
          watch,
        );
    }
  }
}

export function fileNameOf(batch: BatchIdentity, profile: ClearingProfile): string {
  const name = fillTemplate(profile.fileNames[batch.kind], batchTemplateValues(batch));
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/.test(name))
    throw new RangeError('a file name is letters, digits, . _ and -');
  return name;
}

function formatOf(kind: BatchKind): string {
  const formats: Record<BatchKind, string> = {
    offline_purchase: 'cup-tc-526',
    deferred_charge: 'deferred-charge',
    subsidy_claim: 'subsidy-claim',
  };
  return formats[kind];
}

function isFile(file: string, signed: SignedBatch): boolean {
  if (!existsSync(file)) return false;
  return sameBytes(digestFile(file), signed);
}

function sameBytes(
  digest: { readonly bytes: number; readonly sm3: Uint8Array; readonly sha256: Uint8Array },
  signed: SignedBatch,
): boolean {
  return (
    digest.bytes === signed.fileBytes &&
    Buffer.from(digest.sm3).equals(signed.fileSm3) &&
    Buffer.from(digest.sha256).equals(signed.fileSha256)
  );
}

/** Keys of the dates of one file: a key is unwrapped once, not for every tap. */
function cached(dataKeyOf: DataKeyReader): DataKeyReader {
  const opened = new Map<IsoDate, Uint8Array | null>();
  return async (serviceDate) => {
    const present = opened.get(serviceDate);
    if (present !== undefined) return present;
    const key = await dataKeyOf(serviceDate);
    opened.set(serviceDate, key);
    return key;
  };
}
