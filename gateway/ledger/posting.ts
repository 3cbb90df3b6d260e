import { sm3 } from '@tapgate/sdk/gm/sm3';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { Purse } from './chart-of-accounts.ts';

/** What made a posting. With its id and the line number it is the posting's identity. */
export const CAUSE_KINDS = [
  'journey',
  'clearing_batch',
  'bank_settlement',
  'rejection',
  're_presentment',
  'debt',
  'write_off',
  'debt_recovery',
  'unmatched_money',
  'refund',
  'operator_payment',
  'claim_payment',
  'adjustment',
  'correction',
] as const;
export type CauseKind = (typeof CAUSE_KINDS)[number];

/**
 * One transfer: so many fen from the credit account to the debit account. It is both sides, so it cannot fail to balance.
 *
 * `state`: a posted transfer counts; a pending one reserves an uncertain amount and counts nothing until a later transfer
 * resolves it, by posting it (`resolved_posted`) or voiding it (`resolved_voided`). Rows are never changed: the resolution and
 * a correction are rows of their own that name the first.
 */
export type Posting = {
  readonly postingId: Uint8Array;
  readonly causeKind: CauseKind;
  readonly causeId: Uint8Array;
  readonly lineNo: number;
  readonly serviceDate: IsoDate;
  readonly purse: Purse;
  readonly debitAccount: string;
  readonly creditAccount: string;
  readonly amountFen: Fen;
  readonly state: PostingState;
  /** the posting that this one corrects or resolves */
  readonly refersToPostingId: Uint8Array | null;
};

export const POSTING_STATES = ['posted', 'pending', 'resolved_posted', 'resolved_voided'] as const;
export type PostingState = (typeof POSTING_STATES)[number];

/** What a posting is derived from; the same cause always gives the same postings with the same ids. */
export type Cause = {
  readonly kind: CauseKind;
  readonly id: Uint8Array;
  readonly serviceDate: IsoDate;
  readonly purse: Purse;
};

const ASCII = new TextEncoder();
const POSTING_ID_BYTES = 16;

/** Leftmost 16 bytes of SM3 over cause kind, cause id and line number: posting twice makes the same row. */
export function postingId(kind: CauseKind, causeId: Uint8Array, lineNo: number): Uint8Array {
  const head = ASCII.encode(`posting\0${kind}\0`);
  return sm3(head, causeId, Uint8Array.of(lineNo >> 8, lineNo & 0xff)).slice(0, POSTING_ID_BYTES);
}

/**
 * One line of a cause as a posting.
 *
 * @throws RangeError for an amount that is not positive or for one account on both sides: a decision that makes such a line is
 *   wrong, and the database would refuse the row as well
 */
export function posting(
  cause: Cause,
  line: {
    readonly lineNo: number;
    readonly debitAccount: string;
    readonly creditAccount: string;
    readonly amountFen: Fen;
  },
): Posting {
  if (line.amountFen <= 0) throw new RangeError('a posting has a positive amount');
  if (line.debitAccount === line.creditAccount) throw new RangeError('a posting has two accounts');
  return {
    postingId: postingId(cause.kind, cause.id, line.lineNo),
    causeKind: cause.kind,
    causeId: cause.id,
    serviceDate: cause.serviceDate,
    purse: cause.purse,
    ...line,
    state: 'posted',
    refersToPostingId: null,
  };
}

/** The same transfer the other way, linked to the first: the only way to take something back. */
export function reversal(original: Posting, correctionDate: IsoDate): Posting {
  if (original.state !== 'posted' && original.state !== 'resolved_posted')
    throw new RangeError('only a posting that counts can be reversed');
  return {
    ...original,
    postingId: postingId('correction', original.postingId, 1),
    causeKind: 'correction',
    causeId: original.postingId,
    lineNo: 1,
    serviceDate: correctionDate,
    debitAccount: original.creditAccount,
    creditAccount: original.debitAccount,
    state: 'posted',
    refersToPostingId: original.postingId,
  };
}

/** The same transfer as a reservation that counts nothing yet. */
export function pending(line: Posting): Posting {
  return { ...line, state: 'pending' };
}

/**
 * Ends a pending transfer: posted with at most its amount, or voided (then the amount is the pending one and counts nothing).
 *
 * @throws RangeError when the original is not pending, or more is posted than was reserved
 */
export function resolution(
  original: Posting,
  outcome:
    { readonly state: 'resolved_posted'; readonly amountFen: Fen } | { readonly state: 'resolved_voided' },
): Posting {
  if (original.state !== 'pending') throw new RangeError('only a pending posting can be resolved');
  const amountFen = outcome.state === 'resolved_posted' ? outcome.amountFen : original.amountFen;
  if (amountFen <= 0 || amountFen > original.amountFen)
    throw new RangeError('a pending posting is posted with at most its amount');
  return {
    ...original,
    postingId: postingId(original.causeKind, original.postingId, 0xffff),
    lineNo: original.lineNo,
    amountFen,
    state: outcome.state,
    refersToPostingId: original.postingId,
  };
}
