import type { VirtualReader } from '@tapgate/validator-firmware/devices/virtual-reader';
import type { CardFaults } from '@tapgate/validator-firmware/virtual-cards/card-faults';
import type { CityCard } from '../city/city.ts';
import type { SeededRandom } from '../seeded-random.ts';

/** One rider's hand at the gate: which card, for how long it is held there, how long nobody comes after it. */
export type Rider = { readonly card: CityCard; readonly holdMs: number; readonly pauseMs: number };

export type RiderStreamParts = {
  readonly random: SeededRandom;
  readonly newCard: (number: number, faults: CardFaults) => CityCard;
  /** mean time between riders, ms */
  readonly betweenMs: number;
};

/** Of a hundred riders: some come back with the card of an earlier one, some pull too early, one has something that is no card. */
const RETURNING_OF_100 = 15;
const HASTY_OF_100 = 5;
const MUTE_OF_100 = 1;
const CARDS_KEPT = 50;
const HOLD_MS = 400;
const COMMANDS_OF_TAP = 7;

/** An endless stream of riders, the same for the same seed. A hasty rider's card is torn at some command, once. */
export function* virtualRiders(parts: RiderStreamParts): Generator<Rider, never> {
  const { random, newCard, betweenMs } = parts;
  const known: CityCard[] = [];
  for (let number = 1; ; number++) {
    const lot = random.below(100);
    const pauseMs = Math.round(-Math.log(1 - random.next()) * betweenMs);
    const returning = lot < RETURNING_OF_100 && known.length > 0 ? random.pick(known) : null;
    if (returning !== null) {
      yield { card: returning, holdMs: HOLD_MS, pauseMs };
      continue;
    }
    const isMute = lot >= 100 - MUTE_OF_100;
    const isHasty = !isMute && lot >= 100 - MUTE_OF_100 - HASTY_OF_100;
    const card = newCard(number, {
      ...(isMute ? { mute: true } : {}),
      ...(isHasty ? { tornAtCommand: 1 + random.below(COMMANDS_OF_TAP) } : {}),
    });
    yield { card, holdMs: HOLD_MS, pauseMs };
    if (isHasty) {
      card.card.faults = {};
      yield { card, holdMs: HOLD_MS, pauseMs };
    }
    if (!isMute) known.push(card);
    if (known.length > CARDS_KEPT) known.shift();
  }
}

/** Walks riders through a virtual reader until `isOver`. */
export async function walkThrough(
  riders: Iterable<Rider>,
  reader: VirtualReader,
  at: string,
  gate: { readonly isOver: () => boolean; readonly sleep: (ms: number) => Promise<void> },
): Promise<void> {
  for (const { card, holdMs, pauseMs } of riders) {
    if (gate.isOver()) return;
    reader.insert(at, card.card);
    await gate.sleep(holdMs);
    reader.remove(at);
    await gate.sleep(pauseMs);
  }
}
