import { parseCardDate } from '@tapgate/sdk/emv/expiry';
import { equalBytes } from '@tapgate/sdk/emv/hex';
import type { TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import { type Refusal, refuse } from '@tapgate/sdk/wire/refusals';

/** AUC 9F07 byte 1, EMV Book 3 annex C2 (general knowledge, no source at hand): b6 domestic goods, b4 domestic services. */
const AUC_DOMESTIC_GOODS_OR_SERVICES = 0x28;
const AUC_INTERNATIONAL_GOODS_OR_SERVICES = 0x14;

/**
 * Decides whether a genuine card may be used here and today.
 *
 * @returns null when nothing forbids it
 * @refuses card_expired (5F24; the last day still counts), then card_unsupported with the object that forbids: 5F25 (not yet
 *   effective), 9F07 (no goods or services in this country), 9F42 (electronic cash in another currency)
 * @spec pboc-contactless.md 2.7 (expiry after the proof), 3 (the objects)
 */
export function findRestriction(evidence: TapEvidence): Refusal<'card_expired' | 'card_unsupported'> | null {
  const { cardObjects, identity, terminal } = evidence;
  const today = terminal.transactionDate;
  if (today > identity.expiry) return refuse('card_expired', '5F24');

  const effective = cardObjects.get('5F25');
  const effectiveDate = effective === undefined ? null : parseCardDate(effective);
  if (effectiveDate !== null && today < effectiveDate) return refuse('card_unsupported', '5F25');

  const usage = cardObjects.get('9F07');
  const issuerCountry = cardObjects.get('5F28');
  if (usage !== undefined && issuerCountry !== undefined) {
    const isDomestic = equalBytes(issuerCountry, terminal.objects.get('9F1A') ?? new Uint8Array(0));
    const needed = isDomestic ? AUC_DOMESTIC_GOODS_OR_SERVICES : AUC_INTERNATIONAL_GOODS_OR_SERVICES;
    if (((usage[0] ?? 0) & needed) === 0) return refuse('card_unsupported', '9F07');
  }

  const currency = cardObjects.get('9F42');
  const paysOffline = evidence.cryptogramType === 'TC';
  if (paysOffline && currency !== undefined) {
    const told = terminal.objects.get('5F2A') ?? new Uint8Array(0);
    if (!equalBytes(currency, told)) return refuse('card_unsupported', '9F42');
  }
  return null;
}
