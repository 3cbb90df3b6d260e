import { parseCardDate } from '@tapgate/sdk/emv/expiry';
import { equalBytes } from '@tapgate/sdk/emv/hex';
import type { TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import { type Refusal, refuse } from '@tapgate/sdk/wire/refusals';
import type { TerminalProfile } from './terminal-profile.ts';

/** AUC 9F07 byte 1, EMV Book 3 annex C2 (general knowledge, no source at hand): b6 domestic goods, b4 domestic services. */
const AUC_DOMESTIC_GOODS_OR_SERVICES = 0x28;
const AUC_INTERNATIONAL_GOODS_OR_SERVICES = 0x14;

/**
 * Decides whether a genuine card may be used here and today.
 *
 * @returns null when nothing forbids it
 * @refuses card_expired (5F24; the last day still counts), then card_unsupported with the object that forbids: 5F25 (not yet
 *   effective), 9F07 (no goods or services in this country), 9F42 (electronic cash in another currency), 9F6C (the card wants
 *   a PIN or a signature that the terminal did not offer, and the profile honours that)
 * @spec pboc-contactless.md 2.7 (expiry after the proof), 2.4 and 2.5 (TTQ and CTQ bits), 3 (the objects)
 */
export function findRestriction(
  evidence: TapEvidence,
  cardVerification: TerminalProfile['cardVerification'],
): Refusal<'card_expired' | 'card_unsupported'> | null {
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

  if (cardVerification === 'honoured' && wantsUnofferedVerification(evidence))
    return refuse('card_unsupported', '9F6C');
  return null;
}

const CTQ_ONLINE_PIN = 0x80;
const CTQ_SIGNATURE = 0x40;
const CTQ_DEVICE_CVM_DONE = 0x80;
const TTQ_ONLINE_PIN = 0x04;
const TTQ_SIGNATURE = 0x02;

/** CTQ 1.8 and 1.7 against TTQ 1.3 and 1.2; a verification done on the holder's own device (CTQ 2.8) is one. */
function wantsUnofferedVerification(evidence: TapEvidence): boolean {
  const [wishes = 0, done = 0] = evidence.cardTransactionQualifiers ?? [];
  const offered = evidence.terminal.ttq[0] ?? 0;
  if ((done & CTQ_DEVICE_CVM_DONE) !== 0) return false;
  const wantsPin = (wishes & CTQ_ONLINE_PIN) !== 0 && (offered & TTQ_ONLINE_PIN) === 0;
  const wantsSignature = (wishes & CTQ_SIGNATURE) !== 0 && (offered & TTQ_SIGNATURE) === 0;
  return wantsPin || wantsSignature;
}
