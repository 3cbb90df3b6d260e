import { civilDay } from '../calendar/civil-day.ts';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { ClearingProfile } from './clearing-profile.ts';

/** How a party counts the files of one kind. Receivers reject a repeated or skipped number (clearing.md section 3). */
export type SequenceRule = ClearingProfile['sequence'];

/**
 * The number of a party's batch of one kind on a clearing date. Every calendar day has exactly one, so the number follows from the
 * date alone: a day that is closed late, or closed again, has the number it would have had.
 *
 * @throws RangeError for a date before the first one of a count that never restarts
 */
export function sequenceOf(rule: SequenceRule, clearingDate: IsoDate): number {
  switch (rule.restarts) {
    case 'daily':
      return 1;
    case 'yearly':
      return civilDay(clearingDate) - civilDay(`${clearingDate.slice(0, 4)}-01-01`) + 1;
    case 'never': {
      const number = civilDay(clearingDate) - civilDay(rule.firstDate) + 1;
      if (number < 1) throw new RangeError('the count of files begins after this date');
      return number;
    }
  }
}

/** What a manifest says of its place in the count of its party and kind. */
export type CountedBatch = { readonly clearingDate: string; readonly sequence: number };

/**
 * Whether a number may follow the one before it of the same party and kind. On one date files count up by one; a new date begins at 1 or
 * counts on, whichever the party agreed on: without its rule both are taken. With no file before it at hand, a count that goes on may be
 * anywhere.
 *
 * @param rule the party's, where it is known
 */
export function sequenceFollows(
  batch: CountedBatch,
  before: CountedBatch | null,
  rule: SequenceRule | null,
): boolean {
  const { clearingDate, sequence } = batch;
  if (before?.clearingDate === clearingDate) return sequence === before.sequence + 1;
  if (rule !== null) return sequence === sequenceOf(rule, clearingDate as IsoDate);
  return sequence === 1 || before === null || sequence === before.sequence + 1;
}
