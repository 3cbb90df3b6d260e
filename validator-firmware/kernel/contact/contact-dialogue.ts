import { type CommandBudget, type Dialogue, exchange, type Reply, SW_OK } from '../card-dialogue.ts';

const SW1_MORE_DATA = 0x61;
const SW1_WRONG_LE = 0x6c;

/**
 * One command over contacts. With T=0 a card that has data says 61xx and is asked for it, or 6Cxx and is asked again with that Le;
 * readers that hide this answer as over the air.
 *
 * @spec pboc-contactless.md 2.3, row 61xx, 6Cxx
 */
export function* exchangeByContact(budget: CommandBudget, command: Uint8Array): Dialogue<Reply> {
  let reply = yield* exchange(budget, command);
  if (reply.kind === 'reply' && reply.sw >> 8 === SW1_WRONG_LE)
    reply = yield* exchange(budget, withLe(command, reply.sw & 0xff));
  const parts: Uint8Array[] = [];
  while (reply.kind === 'reply' && reply.sw >> 8 === SW1_MORE_DATA) {
    parts.push(reply.data);
    reply = yield* exchange(budget, Uint8Array.of(0x00, 0xc0, 0x00, 0x00, reply.sw & 0xff));
  }
  if (reply.kind !== 'reply' || parts.length === 0) return reply;
  return { ...reply, data: Buffer.concat([...parts, reply.data]) };
}

/** The command with its last byte, Le, replaced; every command here has one. */
function withLe(command: Uint8Array, le: number): Uint8Array {
  const changed = Uint8Array.from(command);
  changed[changed.length - 1] = le;
  return changed;
}

export function isOk(reply: Reply): boolean {
  return reply.kind === 'reply' && reply.sw === SW_OK;
}
