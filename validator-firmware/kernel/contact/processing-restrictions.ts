import { parseCardDate } from '@tapgate/sdk/emv/expiry';
import { equalBytes } from '@tapgate/sdk/emv/hex';
import type { DataObjects } from '@tapgate/sdk/tap-record/card-exchange';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { VerificationResults } from './verification-results.ts';

const DOMESTIC_GOODS_OR_SERVICES = 0x28;
const INTERNATIONAL_GOODS_OR_SERVICES = 0x14;

/**
 * Notes what speaks against this card here and today: versions (9F08 against 9F09), dates (5F24, 5F25), usage (9F07 with 5F28).
 * Nothing is refused yet: the action codes decide what each means.
 *
 * @spec EMV Book 3 section 10.4 (general knowledge)
 */
export function noteRestrictions(
  card: DataObjects,
  terminal: {
    readonly applicationVersion: Uint8Array;
    readonly country: Uint8Array;
    readonly today: IsoDate;
  },
  results: VerificationResults,
): void {
  const version = card.get('9F08');
  if (version !== undefined && !equalBytes(version, terminal.applicationVersion))
    results.found('application_versions_differ');

  const expiry = dateOf(card.get('5F24'));
  if (expiry === null || terminal.today > expiry) results.found('application_expired');
  const effective = dateOf(card.get('5F25'));
  if (effective !== null && terminal.today < effective) results.found('application_not_yet_effective');

  const usage = card.get('9F07');
  const country = card.get('5F28');
  if (usage === undefined || country === undefined) return;
  const needed = equalBytes(country, terminal.country)
    ? DOMESTIC_GOODS_OR_SERVICES
    : INTERNATIONAL_GOODS_OR_SERVICES;
  if (((usage[0] ?? 0) & needed) === 0) results.found('service_not_allowed');
}

function dateOf(value: Uint8Array | undefined): IsoDate | null {
  return value === undefined ? null : parseCardDate(value);
}
