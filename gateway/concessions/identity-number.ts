import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { isIsoDate } from '@tapgate/sdk/wire/identifiers';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';

/** All that a desk takes from an identity number: the number itself goes no further than the function that reads it. */
export type IdentityReading = {
  readonly birthDate: IsoDate;
  /** region 81, 82, 83: the residence permit of somebody who has no registered residence on the mainland */
  readonly isResidencePermit: boolean;
};

export type IdentityRefusalCode =
  | 'identity_number_first_generation'
  | 'identity_number_malformed'
  | 'identity_number_check_failed'
  | 'identity_number_region_unknown'
  | 'identity_number_birth_date_invalid';

const FIRST_GENERATION = /^\d{15}$/;
const SECOND_GENERATION = /^\d{17}[\dXx]$/;

/** First two digits: provinces by GB/T 2260, and the three codes of residence permits. */
const REGIONS: ReadonlySet<number> = new Set([
  11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61,
  62, 63, 64, 65, 71, 81, 82, 83,
]);
const RESIDENCE_PERMITS: ReadonlySet<number> = new Set([81, 82, 83]);

const OLDEST_YEARS = 150;

/**
 * Reads an identity number of 18 characters: region (6), birth date (8), sequence (3), check character (1).
 *
 * @param today the local day of the desk: nobody is born after it, or more than 150 years before
 * @refuses identity_number_first_generation (15 digits), identity_number_malformed, identity_number_check_failed,
 *   identity_number_region_unknown, identity_number_birth_date_invalid; first match wins, and no refusal holds a digit of it
 */
export function readIdentityNumber(
  number: string,
  today: IsoDate,
):
  | { readonly ok: true; readonly reading: IdentityReading }
  | { readonly ok: false; readonly refusal: Refusal } {
  const no = (code: IdentityRefusalCode): { ok: false; refusal: Refusal } => ({
    ok: false,
    refusal: refuse(code, 'identityNumber'),
  });
  if (FIRST_GENERATION.test(number)) return no('identity_number_first_generation');
  if (!SECOND_GENERATION.test(number)) return no('identity_number_malformed');
  if (!hasValidCheck(number)) return no('identity_number_check_failed');
  const region = Number(number.slice(0, 2));
  if (!REGIONS.has(region)) return no('identity_number_region_unknown');
  const birthDate = `${number.slice(6, 10)}-${number.slice(10, 12)}-${number.slice(12, 14)}`;
  if (!isIsoDate(birthDate) || birthDate > today || !isLivingAge(birthDate, today))
    return no('identity_number_birth_date_invalid');
  return { ok: true, reading: { birthDate, isResidencePermit: RESIDENCE_PERMITS.has(region) } };
}

function isLivingAge(birthDate: IsoDate, today: IsoDate): boolean {
  return Number(today.slice(0, 4)) - Number(birthDate.slice(0, 4)) <= OLDEST_YEARS;
}

/**
 * ISO/IEC 7064 MOD 11-2: read from the left, each step doubles the remainder with the digit added; the check character makes the
 * whole congruent to 1 modulo 11, and X stands for ten.
 */
function hasValidCheck(number: string): boolean {
  let remainder = 0;
  for (const character of number.slice(0, 17)) remainder = ((remainder + Number(character)) * 2) % 11;
  const last = number.charAt(17);
  const check = last === 'X' || last === 'x' ? 10 : Number(last);
  return (remainder + check) % 11 === 1;
}
