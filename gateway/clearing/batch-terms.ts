import { z } from 'zod';
import { isIsoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Merchant } from './clearing-batch.ts';
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
};

const merchant = z.strictObject({ merchantId: z.string(), nameZh: z.string(), mcc: z.string() });
const termsSchema = z.strictObject({
  profile: clearingProfileSchema,
  cnapsCode: z.string().nullable(),
  collectionDate: z
    .string()
    .refine((text): text is IsoDate => isIsoDate(text))
    .nullable(),
  merchants: z.record(z.string(), merchant),
});

/** What held for every party before these keys were there: a batch of that time is made again under them. */
const BEFORE_KEPT = { textEncoding: 'gb18030', sequence: { restarts: 'daily' } } as const;
const keptTerms = z.looseObject({ profile: z.looseObject({}) });

/** Terms as they were kept. @throws ZodError when a later edition of profiles cannot read them: it must come with a migration */
export function readTerms(kept: unknown): BatchTerms {
  const terms = keptTerms.parse(kept);
  return termsSchema.parse({ ...terms, profile: { ...BEFORE_KEPT, ...terms.profile } });
}
