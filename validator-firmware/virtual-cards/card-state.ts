import { type Fen, fen } from '@tapgate/sdk/wire/money';

/** What a card keeps without power: written before an answer leaves, so that a torn tap finds it moved on. */
export type CardState = {
  /** 9F36 of the last transaction; it only rises, and FFFF ends the card's life (pboc-contactless.md 2.8) */
  readonly atc: number;
  /** 9F79 */
  readonly balanceFen: Fen;
  /** 9F13: ATC of the last transaction that the issuer answered */
  readonly lastOnlineAtc: number;
};

export const ATC_MAX = 0xffff;

export function newCardState(balanceFen: Fen): CardState {
  return { atc: 0, balanceFen, lastOnlineAtc: 0 };
}

/** Text for a file beside a demo; the same for the same state. */
export function serialiseCardState(state: CardState): string {
  const { atc, balanceFen, lastOnlineAtc } = state;
  return JSON.stringify({ atc, balanceFen, lastOnlineAtc });
}

/** @throws RangeError for text that is not a card's state: it is our own file */
export function parseCardState(text: string): CardState {
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null) {
    const { atc, balanceFen, lastOnlineAtc } = value as Partial<Record<keyof CardState, unknown>>;
    if (isAtc(atc) && isAtc(lastOnlineAtc) && typeof balanceFen === 'number' && balanceFen >= 0)
      return { atc, balanceFen: fen(balanceFen), lastOnlineAtc };
  }
  throw new RangeError('not the state of a virtual card');
}

function isAtc(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= ATC_MAX;
}
