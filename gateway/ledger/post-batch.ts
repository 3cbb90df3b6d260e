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
};

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
 */
export function postBatch(batch: BatchToPost): Posting[] {
  const cause: Cause = {
    kind: 'clearing_batch',
    id: batchCauseId({ ...batch, party: batch.bankId }),
    serviceDate: batch.clearingDate,
    purse: batch.purse,
  };
  const unbilled = accountId('1115', batch.bankId, batch.purse);
  const lines = [
    { lineNo: 1, debit: accountId('1110', batch.bankId, batch.purse), amountFen: batch.presentedFen },
    { lineNo: 2, debit: accountId('1190', batch.bankId, batch.purse), amountFen: batch.withheldFen },
  ];
  return lines
    .filter((line) => line.amountFen > 0)
    .map(({ lineNo, debit, amountFen }) =>
      posting(cause, { lineNo, debitAccount: debit, creditAccount: unbilled, amountFen }),
    );
}
