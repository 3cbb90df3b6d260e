import { addFen, fen, type Fen } from '@tapgate/sdk/wire/money';
import { accountId, type AccountCode } from './chart-of-accounts.ts';
import { posting, type Cause, type CauseKind, type Posting } from './posting.ts';

/** The parties of an event; each account of the event's lines takes the one that its code needs. */
export type EventParties = {
  readonly bankId?: string;
  readonly operatorId?: string;
  readonly funder?: string;
};

type Side = { readonly code: AccountCode; readonly party: keyof EventParties | null };
type EventLine = { readonly debit: Side; readonly credit: Side; readonly amount: 'main' | 'second' };

const bank = (code: AccountCode): Side => ({ code, party: 'bankId' });
const operator = (code: AccountCode): Side => ({ code, party: 'operatorId' });
const funder = (code: AccountCode): Side => ({ code, party: 'funder' });
const plain = (code: AccountCode): Side => ({ code, party: null });

/**
 * What happens to money after a batch was sent, as lines: clearing.md section 5, one row of its table each. `second` is the
 * part of the event that the row splits off: the bank's fee, what the bureau cuts.
 */
export const MONEY_EVENTS = {
  /** main: gross less fee, second: fee */
  bank_settlement: [
    { debit: plain('1010'), credit: bank('1110'), amount: 'main' },
    { debit: bank('5010'), credit: bank('1110'), amount: 'second' },
  ],
  rejection: [{ debit: bank('1190'), credit: bank('1110'), amount: 'main' }],
  re_presentment: [{ debit: bank('1110'), credit: bank('1190'), amount: 'main' }],
  debt: [{ debit: plain('1120'), credit: bank('1190'), amount: 'main' }],
  write_off: [{ debit: plain('5030'), credit: bank('1190'), amount: 'main' }],
  debt_recovery: [{ debit: plain('1010'), credit: plain('1120'), amount: 'main' }],
  unmatched_money: [{ debit: plain('1010'), credit: plain('2190'), amount: 'main' }],
  refund: [
    { debit: operator('2010'), credit: plain('2020'), amount: 'main' },
    { debit: plain('2020'), credit: bank('1110'), amount: 'main' },
  ],
  operator_payment: [{ debit: operator('2010'), credit: plain('1010'), amount: 'main' }],
  /** main: what the funder paid, second: what it cut, which the operator bears */
  claim_payment: [
    { debit: plain('1010'), credit: funder('1130'), amount: 'main' },
    { debit: operator('2010'), credit: funder('1130'), amount: 'second' },
  ],
} as const satisfies Partial<Record<CauseKind, readonly EventLine[]>>;

export type MoneyEventKind = keyof typeof MONEY_EVENTS;

/**
 * The postings of one event after the batch. Amounts that are zero make no line; line numbers are places in the table, so a
 * later edition with the same amounts makes the same ids.
 *
 * @throws RangeError for a negative amount, an event with no amount at all, or a party that the event needs and does not name
 */
export function postMoneyEvent(
  cause: Cause & { readonly kind: MoneyEventKind },
  parties: EventParties,
  amounts: { readonly main: Fen; readonly second?: Fen },
): Posting[] {
  const second = amounts.second ?? fen(0);
  if (amounts.main < 0 || second < 0) throw new RangeError('an event has no negative amount');
  if (addFen(amounts.main, second) === 0) throw new RangeError('an event moves money');
  const lines: readonly EventLine[] = MONEY_EVENTS[cause.kind];
  const account = (side: Side): string => {
    const party = side.party === null ? null : parties[side.party];
    if (party === undefined) throw new RangeError(`account ${side.code} needs its party`);
    return accountId(side.code, party, cause.purse);
  };
  return lines.flatMap((line, index) => {
    const amountFen = line.amount === 'main' ? amounts.main : second;
    if (amountFen === 0) return [];
    return posting(cause, {
      lineNo: index + 1,
      debitAccount: account(line.debit),
      creditAccount: account(line.credit),
      amountFen,
    });
  });
}
