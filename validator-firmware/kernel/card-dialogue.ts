import { CARD_RESPONSE_BYTES_MAX } from '@tapgate/sdk/wire/limits';

/** What the shell resumes the kernel with: response data and status word, or null when the card has left the field. */
export type CardResponse = Uint8Array | null;

/** A kernel phase: yields command APDUs, is resumed with responses. It has no reader, no clock and no logger. */
export type Dialogue<Result> = Generator<Uint8Array, Result, CardResponse>;

export type Reply =
  | { readonly kind: 'reply'; readonly sw: number; readonly data: Uint8Array }
  | { readonly kind: 'torn' }
  | { readonly kind: 'protocol_error'; readonly finding: 'response_length' | 'too_many_commands' };

/**
 * Commands of one tap. A well-behaved card needs about 8; a directory of several applications that all refuse, a few more. The
 * bound ends a card that would keep a gate busy for ever.
 */
export const COMMANDS_MAX = 40;

/** Counts the commands of one tap, so that a card's answers can never make it endless. */
export class CommandBudget {
  #left = COMMANDS_MAX;

  take(): boolean {
    this.#left--;
    return this.#left >= 0;
  }
}

/** Sends one command and reads its status word. A response is 2 to 258 bytes, whatever the card means by it. */
export function* exchange(budget: CommandBudget, command: Uint8Array): Dialogue<Reply> {
  if (!budget.take()) return { kind: 'protocol_error', finding: 'too_many_commands' };
  const response = yield command;
  if (response === null) return { kind: 'torn' };
  if (response.length < 2 || response.length > CARD_RESPONSE_BYTES_MAX)
    return { kind: 'protocol_error', finding: 'response_length' };
  const swAt = response.length - 2;
  // A copy: a reader may use its buffer again, and these bytes become evidence.
  const data = response.slice(0, swAt);
  return { kind: 'reply', sw: (response[swAt] ?? 0) * 256 + (response[swAt + 1] ?? 0), data };
}

export const SW_OK = 0x9000;

/** A status word as it is printed, for the trace: it is the card's, but names nobody. */
export function statusWordText(sw: number): string {
  return sw === SW_OK ? '9000' : sw.toString(16).toUpperCase().padStart(4, '0');
}
