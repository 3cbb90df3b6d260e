import { findAll, parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { bytesFromHex, hex } from '@tapgate/sdk/emv/hex';
import type { PreparedApplication } from './pre-processing.ts';

/** An application that both sides know, by the name under which the card lists it. */
export type Candidate = {
  readonly dfName: Uint8Array;
  readonly prepared: PreparedApplication;
};

/** The contactless directory, 2PAY.SYS.DDF01 (pboc-contactless.md 1.3). */
export const DIRECTORY_NAME: Uint8Array = Buffer.from('2PAY.SYS.DDF01', 'ascii');

const LAST_PRIORITY = 16;

/**
 * The candidates of a directory, best first: by the terminal's own list, and among names of one entry by the card's priority
 * (87: low nibble, 1 is best, 0 or absent is last). An entry that asks for its holder's confirmation (87 bit 8) is left out: a
 * gate has nobody to ask.
 *
 * @param fci response data to the selection of the directory
 * @returns null when it cannot be read
 * @spec pboc-contactless.md 1.1 ("a gate must choose by its own priority list"), 1.3
 */
export function candidatesOfDirectory(
  fci: Uint8Array,
  applications: readonly PreparedApplication[],
): readonly Candidate[] | null {
  const parsed = parseTlv(fci);
  if (!parsed.ok || parsed.nodes[0]?.tag !== '6F') return null;
  const entries: DirectoryEntry[] = [];
  for (const { children = [] } of findAll(parsed.nodes, '61')) {
    const dfName = children.find((node) => node.tag === '4F')?.value;
    const indicator = children.find((node) => node.tag === '87')?.value[0] ?? 0;
    if (dfName === undefined || dfName.length < 5 || dfName.length > 16 || (indicator & 0x80) !== 0) continue;
    entries.push({ dfName, name: hex(dfName), priority: indicator & 0x0f || LAST_PRIORITY });
  }
  if (entries.length > 1) entries.sort((a, b) => a.priority - b.priority);
  const candidates: Candidate[] = [];
  for (const prepared of applications)
    for (const { dfName, name } of entries)
      if (isTaken(prepared, name)) candidates.push({ dfName, prepared });
  return candidates;
}

type DirectoryEntry = { readonly dfName: Uint8Array; readonly name: string; readonly priority: number };

/** The terminal's own list as candidates, for a card without a directory. */
export function candidatesOfTerminal(applications: readonly PreparedApplication[]): readonly Candidate[] {
  return applications.map((prepared) => ({ dfName: bytesFromHex(prepared.application.aid), prepared }));
}

/** Whether a card's DF name is the application's AID, or begins with it where that is allowed. */
export function isNameOf(prepared: PreparedApplication, dfName: Uint8Array): boolean {
  return isTaken(prepared, hex(dfName));
}

function isTaken(prepared: PreparedApplication, name: string): boolean {
  const { aid, partialSelection } = prepared.application;
  return partialSelection ? name.startsWith(aid) : name === aid;
}
