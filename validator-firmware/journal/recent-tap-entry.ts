import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import type { RecentTap } from '../gate/recent-taps.ts';

/**
 * A tap that a gate looks back on, as it lies in the journal beside the tap's record:
 *
 *   0   4   tap sequence, big-endian
 *   4   16  name of the card on the hotlist
 *   20  2   ATC, big-endian
 *   22  8   when, ms since the Unix epoch, big-endian
 *   30  1   01 opened, 00 not
 */
const ENTRY_BYTES = 31;

export function packRecentTap(sequence: number, tap: RecentTap): Uint8Array {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  bytes.writeUInt32BE(sequence, 0);
  bytes.write(tap.cardKey, 4, 16, 'hex');
  bytes.writeUInt16BE(tap.atc, 20);
  bytes.writeBigUInt64BE(BigInt(tap.tappedAtMs), 22);
  bytes.writeUInt8(tap.opened ? 1 : 0, 30);
  return bytes;
}

/** @returns null for bytes of another length */
export function unpackRecentTap(
  bytes: Uint8Array,
): { readonly sequence: number; readonly tap: RecentTap } | null {
  if (bytes.length !== ENTRY_BYTES) return null;
  const view = Buffer.from(bytes);
  return {
    sequence: view.readUInt32BE(0),
    tap: {
      cardKey: view.subarray(4, 20).toString('hex').toUpperCase() as HotlistKey,
      atc: view.readUInt16BE(20),
      tappedAtMs: Number(view.readBigUInt64BE(22)),
      opened: view[30] === 1,
    },
  };
}
