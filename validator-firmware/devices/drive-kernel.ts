import type { Dialogue } from '../kernel/card-dialogue.ts';
import type { CardChannel } from './card-channel.ts';

/** Runs a dialogue of the kernel against a card in the field, command by command. */
export async function driveKernel<Result>(dialogue: Dialogue<Result>, card: CardChannel): Promise<Result> {
  let step = dialogue.next();
  while (step.done !== true) {
    const response = await card.transmit(step.value);
    step = dialogue.next(response);
  }
  return step.value;
}
