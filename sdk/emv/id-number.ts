import { isIsoDate, type IsoDate } from '../wire/identifiers.ts';

/**
 * Resident identity numbers, GB 11643 (pboc-contactless.md 8): region 6, birth YYYYMMDD, sequence 3, check character. A number
 * of before 1999 has 15 digits: the century and the check character are missing. None of it is ever logged.
 */
export type IdHolderClass =
  'mainland' | 'HK resident' | 'Macao resident' | 'Taiwan resident' | 'foreign permanent resident';

export type IdNumber = {
  readonly region: string;
  readonly birth: IsoDate;
  readonly sex: 'M' | 'F';
  readonly holderClass: IdHolderClass;
  /** all 18 characters, the check character in upper case */
  readonly digits: string;
};

export type IdNumberRefusal = {
  readonly code: 'form_invalid' | 'birth_date_invalid' | 'check_character_wrong';
};
export type IdNumberResult =
  | { readonly ok: true; readonly idNumber: IdNumber }
  | { readonly ok: false; readonly refusal: IdNumberRefusal };

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2] as const;
const CHECK_CHARACTERS = '10X98765432';

/** Residence permits carry the same shape under these regions; the 2023 form for foreigners begins with 9 [unsure]. */
const HOLDER_CLASSES: readonly (readonly [prefix: string, holderClass: IdHolderClass])[] = [
  ['810000', 'HK resident'],
  ['820000', 'Macao resident'],
  ['830000', 'Taiwan resident'],
  ['9', 'foreign permanent resident'],
];

/** The check character over the first 17 digits; null unless they are digits. */
export function idCheckCharacter(first17: string): string | null {
  if (!/^[0-9]{17}$/.test(first17)) return null;
  const sum = WEIGHTS.reduce((total, weight, index) => total + weight * Number(first17.charAt(index)), 0);
  return CHECK_CHARACTERS.charAt(sum % 11);
}

/**
 * Decides whether a text is an identity number of 18 characters, and reads it. A lower-case x is not taken: a caller that
 * allows it puts it in upper case first.
 *
 * @refuses form_invalid, birth_date_invalid (a right check character does not make 31 April real), check_character_wrong
 */
export function parseIdNumber(text: string): IdNumberResult {
  if (!/^[0-9]{17}[0-9X]$/.test(text)) return refused('form_invalid');
  const birth = `${text.slice(6, 10)}-${text.slice(10, 12)}-${text.slice(12, 14)}`;
  if (!isIsoDate(birth)) return refused('birth_date_invalid');
  if (idCheckCharacter(text.slice(0, 17)) !== text.charAt(17)) return refused('check_character_wrong');
  const region = text.slice(0, 6);
  const holderClass = HOLDER_CLASSES.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'mainland';
  const sex = Number(text.charAt(16)) % 2 === 1 ? 'M' : 'F';
  return { ok: true, idNumber: { region, birth, sex, holderClass, digits: text } };
}

function refused(code: IdNumberRefusal['code']): IdNumberResult {
  return { ok: false, refusal: { code } };
}

/** A number of 15 digits as 18: 19 after the region, then the check character. Null unless it is 15 digits. */
export function upgradeIdNumber(text: string): string | null {
  if (!/^[0-9]{15}$/.test(text)) return null;
  const first17 = `${text.slice(0, 6)}19${text.slice(6)}`;
  return first17 + (idCheckCharacter(first17) ?? '');
}
