import type { DayTypeCalendar } from '../calendar/day-types.ts';
import type { BatchIdentity } from '../clearing/clearing-batch.ts';
import type { ClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { ClearingParties, CutOver } from '../store/clearing-batches.ts';
import type { DataKeyReader } from '../store/clearing-journeys.ts';
import type { Database } from '../store/connection.ts';

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
  readonly reached?: (step: ClosingStep, batch: BatchIdentity | null) => void;
};

/** One closing under way: what every batch of it shares. */
export type Closing = ClosingDependencies & { readonly cut: CutOver; readonly parties: ClearingParties };

/** Where a batch's files go, and the name of its file in clear. */
export type BatchPlace = { readonly folder: string; readonly name: string };

const FAULTS = {
  /** something below the files was changed since they were signed */
  batch_not_reproducible: 'does not hash to what was signed',
  /** the calendar's next year is not published: a collection has no date then, and is made when it has one */
  banking_day_unknown: 'has no collection date: the calendar does not know the next banking day',
} as const;

/** A batch cannot be made. What is recorded stays, and closing goes on from here when the reason is gone. */
export class ClearingFault extends Error {
  override readonly name = 'ClearingFault';
  readonly code: keyof typeof FAULTS;
  readonly batch: BatchIdentity;

  constructor(code: keyof typeof FAULTS, batch: BatchIdentity) {
    super(`batch ${batch.party} ${batch.kind} ${batch.clearingDate} ${batch.sequence} ${FAULTS[code]}`);
    this.code = code;
    this.batch = batch;
  }
}
