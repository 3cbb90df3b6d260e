import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { clearingProfileSchema, type ClearingProfile } from './clearing-profile.ts';

export const CLEARING_PROFILES_FILE = path.join(import.meta.dirname, '../banks/clearing-profiles.yaml');

const fileSchema = z.strictObject({
  version: z.literal(1),
  date: z.iso.date(),
  default: clearingProfileSchema,
  parties: z.record(z.string(), clearingProfileSchema.partial()),
});

export type ClearingProfiles = {
  /** @param unionpayId the bank's number in the interchange network, where it has one */
  readonly of: (party: string, unionpayId?: string | null) => ClearingProfile;
  /** parties with an entry of their own */
  readonly parties: readonly string[];
};

/** @throws Error naming file, path and reason */
export function loadClearingProfiles(file: string = CLEARING_PROFILES_FILE): ClearingProfiles {
  const document = parseDocument(readFileSync(file, 'utf8'), { uniqueKeys: true });
  const syntax = document.errors[0];
  if (syntax) throw new Error(`${path.basename(file)}: ${syntax.message}`);
  const parsed = fileSchema.safeParse(document.toJS());
  if (!parsed.success) {
    throw new Error(
      parsed.error.issues.map((i) => `${path.basename(file)}: ${i.path.join('.')}: ${i.message}`).join('\n'),
    );
  }
  const { default: common, parties } = parsed.data;
  return {
    parties: Object.keys(parties),
    of: (party, unionpayId) => {
      const own = Object.fromEntries(
        Object.entries(parties[party] ?? {}).filter(([, value]) => value !== undefined),
      );
      const profile: ClearingProfile = { ...common, ...own };
      if (profile.institutionId !== '' || unionpayId === undefined || unionpayId === null) return profile;
      return { ...profile, institutionId: unionpayId };
    },
  };
}
