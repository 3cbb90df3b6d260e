import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen, type Fen } from '@tapgate/sdk/wire/money';
import { accountId, type Purse } from './chart-of-accounts.ts';
import { posting, type Cause, type Posting } from './posting.ts';

/** What a fare was and what it is after a ride that came late, as far as the books need it. */
export type AdjustmentToPost = {
  readonly adjustmentId: Uint8Array;
  /** service date of the ride that caused it */
  readonly serviceDate: IsoDate;
  readonly purse: Purse;
  readonly outcome: 'chargeable' | 'debt';
  readonly operatorId: string;
  readonly chargedFen: Fen;
  readonly fareFen: Fen;
  readonly claimedBefore: Claim | null;
  readonly claimedAfter: Claim | null;
};

export type Claim = { readonly funder: string; readonly claimedFen: Fen };

/**
 * The postings of one adjustment. The operator's earnings follow the fare; the other side is who owes:
 *
 * | difference                    | debit               | credit                                    |
 * | the rider owes more           | 1120, rider's debt  | 2010:operator                             |
 * | the rider gets back           | 2010:operator       | 2020, refunds payable to passengers       |
 * | a debtor owes less            | 2010:operator       | 1120                                      |
 * | the funder owes more / less   | 1130:funder / 2010  | 2010:operator / 1130                      |
 *
 * A bank's charge was sent with its file and cannot be changed, so what it charged too much waits in 2020 as a refund, and what is
 * missing in 1120, until a batch of the bank carries the difference (post-batch.ts).
 */
export function postAdjustment(adjustment: AdjustmentToPost): Posting[] {
  const { adjustmentId, serviceDate, purse, outcome, chargedFen, fareFen } = adjustment;
  const cause: Cause = { kind: 'adjustment', id: adjustmentId, serviceDate, purse };
  const operator = accountId('2010', adjustment.operatorId, purse);
  const lines: { debitAccount: string; creditAccount: string; amountFen: Fen }[] = [];
  const owes = (account: string, differenceFen: number): void => {
    if (differenceFen > 0)
      lines.push({ debitAccount: account, creditAccount: operator, amountFen: fen(differenceFen) });
    if (differenceFen < 0)
      lines.push({ debitAccount: operator, creditAccount: account, amountFen: fen(-differenceFen) });
  };
  const differenceFen = fareFen - chargedFen;
  const refunds = outcome === 'chargeable' && differenceFen < 0;
  owes(accountId(refunds ? '2020' : '1120', null, purse), differenceFen);
  for (const [funder, claimDifferenceFen] of claimDifferences(adjustment))
    owes(accountId('1130', funder, purse), claimDifferenceFen);
  return lines.map((line, index) => posting(cause, { lineNo: index + 1, ...line }));
}

function claimDifferences({ claimedBefore, claimedAfter }: AdjustmentToPost): Map<string, number> {
  const differences = new Map<string, number>();
  const add = (claim: Claim | null, sign: 1 | -1): void => {
    if (claim !== null)
      differences.set(claim.funder, (differences.get(claim.funder) ?? 0) + sign * claim.claimedFen);
  };
  add(claimedBefore, -1);
  add(claimedAfter, 1);
  return differences;
}
