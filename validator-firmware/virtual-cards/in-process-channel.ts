import type { CardChannel } from '../devices/card-channel.ts';
import type { AnsweringCard } from './virtual-card.ts';

/**
 * Holds a virtual card into the field, or puts it into the slot: powers it up, and answers without a reader between.
 *
 * @param sleep how a slow card lets time pass before each answer
 */
export function presentVirtualCard(
  card: AnsweringCard,
  sleep: (ms: number) => Promise<void> = wait,
): CardChannel {
  card.powerUp();
  return {
    async transmit(command) {
      if (card.faults.slowMs !== undefined) await sleep(card.faults.slowMs);
      return card.transmit(command);
    },
  };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
