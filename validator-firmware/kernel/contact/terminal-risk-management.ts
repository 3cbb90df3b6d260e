import type { Fen } from '@tapgate/sdk/wire/money';
import type { ContactApplicationParameters } from './contact-profile.ts';
import type { VerificationResults } from './verification-results.ts';

export type RiskFacts = {
  readonly amountFen: Fen;
  readonly parameters: Pick<ContactApplicationParameters, 'floorLimitFen' | 'randomSelection'>;
  /** 0 <= x < 100, drawn for this transaction */
  readonly randomPercent: number;
  readonly isOnExceptionFile: boolean;
  /** 9F36 and 9F13 by GET DATA; null where the card does not tell */
  readonly counters: { readonly atc: number | null; readonly lastOnlineAtc: number | null };
  /** 9F14 and 9F23; null where the card sets none: then its velocity is not asked about */
  readonly offlineLimits: { readonly lower: number | null; readonly upper: number | null };
};

/**
 * Notes what this transaction risks: exception file, floor limit, random selection for online, how many went offline before.
 *
 * @spec EMV Book 3 section 10.6 (general knowledge): selection is biased above the threshold, in proportion to the amount
 */
export function manageTerminalRisk(facts: RiskFacts, results: VerificationResults): void {
  results.performed('terminal_risk_management_performed');
  if (facts.isOnExceptionFile) results.found('on_exception_file');
  const { floorLimitFen } = facts.parameters;
  if (facts.amountFen >= floorLimitFen) results.found('floor_limit_exceeded');
  else if (facts.randomPercent < selectionPercent(facts)) results.found('selected_randomly_for_online');
  checkVelocity(facts, results);
}

function selectionPercent(facts: RiskFacts): number {
  const { floorLimitFen, randomSelection } = facts.parameters;
  const { thresholdFen, targetPercent, maxPercent } = randomSelection;
  if (facts.amountFen < thresholdFen) return targetPercent;
  const share = (facts.amountFen - thresholdFen) / (floorLimitFen - thresholdFen);
  return targetPercent + (maxPercent - targetPercent) * share;
}

function checkVelocity(facts: RiskFacts, results: VerificationResults): void {
  const { lower, upper } = facts.offlineLimits;
  if (lower === null || upper === null) return;
  const { atc, lastOnlineAtc } = facts.counters;
  // A card that does not tell its counters is taken as one beyond both limits.
  const offlineCount = atc === null || lastOnlineAtc === null ? Infinity : atc - lastOnlineAtc;
  if (offlineCount > lower) results.found('lower_offline_limit_exceeded');
  if (offlineCount > upper) results.found('upper_offline_limit_exceeded');
  if (lastOnlineAtc === 0) results.found('new_card');
}
