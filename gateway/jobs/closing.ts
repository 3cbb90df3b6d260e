import type { DayTypeCalendar } from '../calendar/day-types.ts';
import type { BatchTerms } from '../clearing/batch-terms.ts';
import type { BatchIdentity } from '../clearing/clearing-batch.ts';
import type { ClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { ClearingParties, CutOver } from '../store/clearing-batches.ts';
import type { DataKeyReader } from '../store/clearing-journeys.ts';
import type { Database } from '../store/connection.ts';
import type { BuiltFile } from './build-batch.ts';

/** Steps of a closing at which it may be killed; each is told when it is done. */
export type ClosingStep =
  | 'cut_over'
  | 'piece_written'
  | 'file_built'
  | 'batch_recorded'
  | 'file_published'
  | 'manifest_written'
  | 'signature_written'
  | 'control_written';

export type ClosingDependencies = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly dataKeyOf: DataKeyReader;
  readonly calendar: DayTypeCalendar;
  readonly profiles: ClearingProfiles;
  /** files go to outDir/clearingDate/party/ */
  readonly outDir: string;
  /** with which the files of a large day are made; left out, this thread makes all */
  readonly threads?: ClosingThreads;
  readonly reached?: (step: ClosingStep, batch: BatchIdentity | null) => void;
};

/** Threads that make files side by side, each with connections of its own. */
export type ClosingThreads = {
  readonly databaseUrl: string;
  /** this one included */
  readonly count: number;
  /** settled journeys; a day with fewer is closed before threads are up */
  readonly fromJourneys: number;
};

/** What the file of a batch is made with, beside its terms. */
export type FileMaking = Pick<ClosingDependencies, 'database' | 'dataKeyOf' | 'reached'> & {
  readonly keys: Pick<KeyProvider, 'claimSalt'>;
  readonly cut: CutOver;
};

/** One closing under way: what every batch of it shares. */
export type Closing = ClosingDependencies & {
  readonly cut: CutOver;
  readonly parties: ClearingParties;
  readonly files: BatchFiles;
};

/** A file that is to be made under its temporary name. */
export type FileOrder = {
  readonly batch: BatchIdentity;
  readonly terms: BatchTerms;
  readonly place: BatchPlace;
  /** the batch was never made: what is withheld from it is kept, with its cause */
  readonly isNew: boolean;
};

/** Who makes the files of a closing. */
export type BatchFiles = {
  /** files that are made side by side */
  readonly atOnce: number;
  /** @throws StoreFault, KeyFault; ClearingFault banking_day_unknown; RangeError */
  readonly make: (order: FileOrder) => Promise<BuiltFile>;
  /** Gives up what is under way: it fails, and leaves nothing behind. */
  readonly stop: () => Promise<void>;
  /** Lets go when every file was made. */
  readonly end: () => Promise<void>;
};

/** Where a batch's files go, and the name of its file in clear. */
export type BatchPlace = { readonly folder: string; readonly name: string };

const FAULTS = {
  /** something below the files was changed since they were signed */
  batch_not_reproducible: 'does not hash to what was signed',
  /** an adjusted ride's own batch failed: whether it carries the ride is not known before it is made */
  ride_not_presented: 'changes a ride whose own batch is not made: close that date first',
  /** the calendar's next year is not published: a collection has no date then, and is made when it has one */
  banking_day_unknown: 'has no collection date: the calendar does not know the next banking day',
} as const;

export type ClearingFaultCode = keyof typeof FAULTS;

/** A batch cannot be made. What is recorded stays, and closing goes on from here when the reason is gone. */
export class ClearingFault extends Error {
  override readonly name = 'ClearingFault';
  readonly code: ClearingFaultCode;
  readonly batch: BatchIdentity;

  constructor(code: ClearingFaultCode, batch: BatchIdentity) {
    super(`batch ${batch.party} ${batch.kind} ${batch.clearingDate} ${batch.sequence} ${FAULTS[code]}`);
    this.code = code;
    this.batch = batch;
  }
}
