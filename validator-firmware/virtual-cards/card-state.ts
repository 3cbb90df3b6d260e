import { type Fen, fen } from '@tapgate/sdk/wire/money';

/** What a card keeps without power: written before an answer leaves, so that a torn tap finds it moved on. */
export type CardState = {
  /** 9F36 of the last transaction; it only rises, and FFFF ends the card's life (pboc-contactless.md 2.8) */
  readonly atc: number;
  /** 9F79 */
  readonly balanceFen: Fen;
};

export const ATC_MAX = 0xffff;

/** Text for a file beside a demo; the same for the same state. */
export function serialiseCardState(state: CardState): string {
  return JSON.stringify({ atc: state.atc, balanceFen: state.balanceFen });
}

/** @throws RangeError for text that is not a card's state: it is our own file */
export function parseCardState(text: string): CardState {
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null && 'atc' in value && 'balanceFen' in value) {
    const { atc, balanceFen } = value;
    const isAtc = typeof atc === 'number' && Number.isInteger(atc) && atc >= 0 && atc <= ATC_MAX;
    if (isAtc && typeof balanceFen === 'number' && balanceFen >= 0)
      return { atc, balanceFen: fen(balanceFen) };
  }
  throw new RangeError('not the state of a virtual card');
}
