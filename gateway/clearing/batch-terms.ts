import { z } from 'zod';
import { isIsoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { BatchKind, Merchant } from './clearing-batch.ts';
import { clearingProfileSchema, type ClearingProfile } from './clearing-profile.ts';

/**
 * Everything beside the journeys that a file's bytes depend on. It is kept with the batch: profiles, names of merchants and
 * calendars change, and a file that is made again next year must be the one that was signed.
 */
export type BatchTerms = {
  readonly profile: ClearingProfile;
  /** of the bank; null for a funder */
  readonly cnapsCode: string | null;
  /** null where the calendar does not know the next banking day */
  readonly collectionDate: IsoDate | null;
  readonly merchants: Readonly<Record<string, Merchant>>;
  /** the adjustments that the batch took */
  readonly adjusted: AdjustedRange;
};

/** A half-open range of adjustments, (after, upTo] (adjustments.md). */
export type AdjustedRange = { readonly afterAdjustedNo: number; readonly upToAdjustedNo: number };

/**
 * What a new batch takes: from where the last one of its party and kind ended up to the cut-over; nothing under a profile that has no line for
 * it. A date that is closed after a later one finds its adjustments taken.
 */
export function rangeToTake(
  profile: ClearingProfile,
  kind: BatchKind,
  place: { readonly takenUpTo: number; readonly cutUpTo: number },
): AdjustedRange {
  const { takenUpTo, cutUpTo } = place;
  const upToAdjustedNo = carriesAdjustments(profile, kind) ? Math.max(takenUpTo, cutUpTo) : takenUpTo;
  return { afterAdjustedNo: takenUpTo, upToAdjustedNo };
}

export function carriesAdjustments(profile: ClearingProfile, kind: BatchKind): boolean {
  switch (kind) {
    case 'deferred_charge':
      return profile.deferredCharges !== 'deferred-charge' || profile.deferredChargeEdition === 2;
    case 'offline_purchase':
      return profile.tc526.refund !== null;
    case 'subsidy_claim':
      return profile.subsidyClaimEdition === 2;
  }
}

const merchant = z.strictObject({ merchantId: z.string(), nameZh: z.string(), mcc: z.string() });
const termsSchema = z.strictObject({
  profile: clearingProfileSchema,
  cnapsCode: z.string().nullable(),
  collectionDate: z
    .string()
    .refine((text): text is IsoDate => isIsoDate(text))
    .nullable(),
  merchants: z.record(z.string(), merchant),
  adjusted: z.strictObject({ afterAdjustedNo: z.int().min(0), upToAdjustedNo: z.int().min(0) }),
});

/** What held for every party before these keys were there: a batch of that time is made again under them. */
const BEFORE_KEPT = {
  textEncoding: 'gb18030',
  sequence: { restarts: 'daily' },
  deferredChargeEdition: 1,
  subsidyClaimEdition: 1,
} as const;
const NONE_TAKEN: AdjustedRange = { afterAdjustedNo: 0, upToAdjustedNo: 0 };
const keptTerms = z.looseObject({ profile: z.looseObject({ tc526: z.looseObject({}) }) });

/** Terms as they were kept. @throws ZodError when a later edition of profiles cannot read them: it must come with a migration */
export function readTerms(kept: unknown): BatchTerms {
  const terms = keptTerms.parse(kept);
  const profile = {
    ...BEFORE_KEPT,
    ...terms.profile,
    tc526: { refund: null, ...terms.profile.tc526 },
  };
  return termsSchema.parse({ adjusted: NONE_TAKEN, ...terms, profile });
}
