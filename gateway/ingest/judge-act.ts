import type { CryptogramType } from '@tapgate/sdk/emv/iad';
import type { TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Rail } from '@tapgate/sdk/wire/rails';
import type { ProofRefusalCode } from '@tapgate/sdk/wire/refusals';

/** Which cryptogram says on a rail that the card agreed (design.md "Rails"). */
export const CRYPTOGRAMS_OF_RAIL: Readonly<Record<Rail, readonly CryptogramType[]>> = {
  offline_purchase: ['TC'],
  oda: ['TC', 'ARQC'],
  online: ['ARQC'],
};

export type ActFacts = {
  readonly rail: Rail;
  /** what 9F02 must be here, fen; null where it is keyed in */
  readonly amountFen: number | null;
  readonly onDate: IsoDate;
  /** whether 9F26 is the issuer's; null where the issuer's key is not loaded */
  readonly cryptogramHolds: boolean | null;
};

/**
 * Decides what is left once the card has proven that this act is its own.
 *
 * @refuses in rank order: cryptogram_type_refused, cryptogram_invalid, amount_mismatch, card_expired
 */
export function judgeAct(evidence: TapEvidence, facts: ActFacts): ProofRefusalCode | null {
  if (!CRYPTOGRAMS_OF_RAIL[facts.rail].includes(evidence.cryptogramType)) return 'cryptogram_type_refused';
  if (facts.cryptogramHolds === false) return 'cryptogram_invalid';
  const signedFen = evidence.terminal.amountAuthorisedFen;
  const isRightAmount = facts.amountFen === null ? signedFen > 0 : signedFen === facts.amountFen;
  if (!isRightAmount) return 'amount_mismatch';
  if (facts.onDate > evidence.identity.expiry) return 'card_expired';
  return null;
}
