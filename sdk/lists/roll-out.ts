import { sm3 } from '../gm/sm3.ts';
import type { TerminalId } from '../wire/identifiers.ts';
import type { ListKind } from './list-kinds.ts';

/**
 * The place of a terminal in the roll-outs of one kind of list, 0 to 999, always the same: a version that is rolled out to a share
 * of s per mille is for the terminals with a lower place. Another kind has another order, so that no gate is first in everything.
 */
export function rollOutPlace(kind: ListKind, terminalId: TerminalId): number {
  const digest = sm3(Buffer.from(`tapgate-roll-out|${kind}|${terminalId}`, 'ascii'));
  return Buffer.from(digest).readUInt32BE(0) % SHARE_ALL;
}

/** Every terminal, in per mille. */
export const SHARE_ALL = 1_000;
