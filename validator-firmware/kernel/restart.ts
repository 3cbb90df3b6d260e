import type { KernelOutcome } from './kernel-outcome.ts';

/** What a terminal does after one presentation of a card. */
export type Restart =
  /** the same transaction from its beginning, with a new unpredictable number, when the card is there again */
  | { readonly next: 'present_again' }
  /** this card, by its contacts */
  | { readonly next: 'insert_card' }
  | { readonly next: 'end' };

/**
 * Decides whether a tap begins again. Only a card that left too early may: its debit has rolled back, or it never made one, and
 * what it comes with next is a new act under a higher ATC. A refusal is never repeated, because the next answer could only be
 * drawn from the card by asking until it is weak.
 *
 * @param attempt 1 for the first presentation
 * @spec pboc-contactless.md 2.3 (6984), 2.8 (tear, and the same card again)
 */
export function decideRestart(
  outcome: Pick<KernelOutcome, 'kind'>,
  attempt: number,
  attemptsMax: number,
): Restart {
  switch (outcome.kind) {
    case 'try_again':
      return attempt < attemptsMax ? { next: 'present_again' } : { next: 'end' };
    case 'other_interface':
      return { next: 'insert_card' };
    case 'approved':
    case 'online':
    case 'declined':
      return { next: 'end' };
  }
}
