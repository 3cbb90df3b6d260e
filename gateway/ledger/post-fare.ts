import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { Rail } from '@tapgate/sdk/wire/rails';
import { apportion, type OperatorWeight } from './apportion.ts';
import { accountId, type Purse } from './chart-of-accounts.ts';
import { posting, type Cause, type Posting } from './posting.ts';

/** A priced journey, as much of it as the ledger needs. A held journey has no fare and is not posted. */
export type FareToPost = {
  readonly journeyId: Uint8Array;
  readonly serviceDate: IsoDate;
  readonly rail: Rail;
  readonly outcome: 'chargeable' | 'debt' | 'loss';
  /** the card's bank; needed where it pays */
  readonly bankId: string | null;
  /** who carried the rider, by weight; one operator with any positive weight is the usual case */
  readonly operators: readonly OperatorWeight[];
  /** what the rider is charged, fen, 0 for a free ride */
  readonly fareFen: Fen;
  /** what the funder owes for this ride by its agreement, fen; null where nobody funds */
  readonly subsidy: { readonly funder: string; readonly claimedFen: Fen } | null;
};

/** Every rail of today debits the holder's bank account: electronic cash and deferred charges alike. */
export const PURSE_OF_RAIL: Readonly<Record<Rail, Purse>> = {
  oda: 'bank',
  offline_purchase: 'bank',
  online: 'bank',
};

/**
 * The postings of one journey. The operators earn the fare whatever the outcome, because the rider has travelled; the
 * outcome says who owes it (clearing.md section 5):
 *
 * | outcome    | debit                                     | credit |
 * | chargeable | 1115:bank, charged and in no batch yet    | 2030   |
 * | debt       | 1120, the rider owes                      | 2030   |
 * | loss       | 5020:operator, a cost and no receivable   | 2030   |
 * | all        | 2030                                      | 2010:operator, shares that sum to the fare |
 * | subsidy    | 1130:funder, what the agreement says      | 2010:operator |
 *
 * NOTE the reference leaves open who bears a ride that does not prove. Here it is a cost of the first operator by id, in 5020 under its
 * own name: so every fen that was travelled stands in 2010, every loss stands in 5020, and both tie to the journeys.
 * A subsidy is claimed only for a ride that is charged: whether a debtor or a forger was entitled is not known.
 *
 * A zero fare without a claim posts nothing: a free ride that nobody pays for is a journey, not money.
 *
 * @throws RangeError when a chargeable fare has no bank, or no operator is named
 */
export function postFare(fare: FareToPost): Posting[] {
  const purse = PURSE_OF_RAIL[fare.rail];
  const cause: Cause = { kind: 'journey', id: fare.journeyId, serviceDate: fare.serviceDate, purse };
  const unapportioned = accountId('2030', null, purse);
  const lines: { debitAccount: string; creditAccount: string; amountFen: Fen }[] = [];

  if (fare.fareFen > 0) {
    lines.push({
      debitAccount: payerAccount(fare, purse),
      creditAccount: unapportioned,
      amountFen: fare.fareFen,
    });
    for (const share of apportion(fare.fareFen, fare.operators)) {
      const creditAccount = accountId('2010', share.operatorId, purse);
      lines.push({ debitAccount: unapportioned, creditAccount, amountFen: share.amountFen });
    }
  }
  if (fare.outcome === 'chargeable' && fare.subsidy !== null) {
    const debitAccount = accountId('1130', fare.subsidy.funder, purse);
    for (const share of apportion(fare.subsidy.claimedFen, fare.operators)) {
      const creditAccount = accountId('2010', share.operatorId, purse);
      lines.push({ debitAccount, creditAccount, amountFen: share.amountFen });
    }
  }
  return lines
    .filter((line) => line.amountFen > 0)
    .map((line, index) => posting(cause, { lineNo: index + 1, ...line }));
}

function payerAccount(fare: FareToPost, purse: Purse): string {
  switch (fare.outcome) {
    case 'chargeable':
      if (fare.bankId === null) throw new RangeError('a chargeable fare needs the bank of the card');
      return accountId('1115', fare.bankId, purse);
    case 'debt':
      return accountId('1120', null, purse);
    case 'loss': {
      const first = [...fare.operators].map((operator) => operator.operatorId).sort()[0];
      if (first === undefined) throw new RangeError('a loss needs the operator whose gate opened');
      return accountId('5020', first, purse);
    }
  }
}
