import type { CardChannel } from '../devices/card-channel.ts';
import type { VirtualCard } from './virtual-card.ts';

/**
 * Holds a virtual card into the field: powers it up, and answers without a reader between.
 *
 * @param wait what passes before each answer, for a card that takes its time; nothing by default
 */
export function presentVirtualCard(card: VirtualCard, wait?: () => Promise<void>): CardChannel {
  card.powerUp();
  return {
    async transmit(command) {
      await wait?.();
      return card.transmit(command);
    },
  };
}
