import { fen, type Fen } from '@tapgate/sdk/wire/money';

/** Sums of one account over the postings that count. */
export type AccountTotals = {
  readonly accountId: string;
  readonly normalSide: 'debit' | 'credit';
  readonly debitFen: Fen;
  readonly creditFen: Fen;
};

export type TrialBalance = {
  readonly accounts: readonly (AccountTotals & { readonly balanceFen: Fen })[];
  readonly debitFen: Fen;
  readonly creditFen: Fen;
  /** debit less credit over everything: zero, or the books are broken */
  readonly differenceFen: Fen;
};

/** Balances on each account's normal side, and the proof that all debits equal all credits. */
export function trialBalance(totals: readonly AccountTotals[]): TrialBalance {
  let debit = 0;
  let credit = 0;
  const accounts = totals.map((account) => {
    debit += account.debitFen;
    credit += account.creditFen;
    const { debitFen, creditFen, normalSide } = account;
    return {
      ...account,
      balanceFen: fen(normalSide === 'debit' ? debitFen - creditFen : creditFen - debitFen),
    };
  });
  return { accounts, debitFen: fen(debit), creditFen: fen(credit), differenceFen: fen(debit - credit) };
}
