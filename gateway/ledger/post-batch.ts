import { sm3 } from '@tapgate/sdk/gm/sm3';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import { accountId, type Purse } from './chart-of-accounts.ts';
import { posting, type Cause, type Posting } from './posting.ts';

export type BatchToPost = {
  readonly bankId: string;
  readonly kind: string;
  readonly clearingDate: IsoDate;
  readonly sequence: number;
  readonly purse: Purse;
  /** sum of what the file carries */
  readonly presentedFen: Fen;
  /** sum of what was charged, belongs to this batch and may not be sent: its evidence does not fit the charge */
  readonly withheldFen: Fen;
  /** adjustments that the file carries, and those whose ride was withheld */
  readonly adjusted: AdjustedSums;
  readonly adjustedWithheld: AdjustedSums;
};

/** What adjustments ask for in addition and what they give back, neither negative. */
export type AdjustedSums = { readonly extraFen: Fen; readonly reducedFen: Fen };

/** Identity of a batch as a cause of postings, 16 bytes. */
export function batchCauseId(batch: {
  readonly party: string;
  readonly kind: string;
  readonly clearingDate: IsoDate;
  readonly sequence: number;
}): Uint8Array {
  const name = [batch.party, batch.kind, batch.clearingDate, String(batch.sequence)].join('\0');
  return sm3(new TextEncoder().encode(`batch\0${name}`)).slice(0, 16);
}

/**
 * Moves what a batch presents from "charged, in no batch yet" to the bank's clearing receivable, and what it withholds to
 * suspense. After every batch of a clearing date is posted, 1115 of a bank holds only what was settled after the cut-over.
 *
 * What adjustments ask for stood in 1120 since they were made and becomes the bank's to pay; what they give back stood in 2020 and is taken from
 * what the bank pays (clearing.md section 5: refund, 2020 / 1110). With a ride that was withheld, its adjustments meet it in suspense.
 */
export function postBatch(batch: BatchToPost): Posting[] {
  const { bankId, purse, adjusted, adjustedWithheld } = batch;
  const cause: Cause = {
    kind: 'clearing_batch',
    id: batchCauseId({ ...batch, party: bankId }),
    serviceDate: batch.clearingDate,
    purse,
  };
  const unbilled = accountId('1115', bankId, purse);
  const receivable = accountId('1110', bankId, purse);
  const suspense = accountId('1190', bankId, purse);
  const owed = accountId('1120', null, purse);
  const payable = accountId('2020', null, purse);
  const lines: readonly (readonly [lineNo: number, debit: string, credit: string, amountFen: Fen])[] = [
    [1, receivable, unbilled, batch.presentedFen],
    [2, suspense, unbilled, batch.withheldFen],
    [3, receivable, owed, adjusted.extraFen],
    [4, payable, receivable, adjusted.reducedFen],
    [5, suspense, owed, adjustedWithheld.extraFen],
    [6, payable, suspense, adjustedWithheld.reducedFen],
  ];
  return lines
    .filter(([, , , amountFen]) => amountFen > 0)
    .map(([lineNo, debitAccount, creditAccount, amountFen]) =>
      posting(cause, { lineNo, debitAccount, creditAccount, amountFen }),
    );
}
