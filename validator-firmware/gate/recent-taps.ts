import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';

/** A tap that this gate has decided a moment ago, under the name that the hotlist gives the card. */
export type RecentTap = {
  readonly cardKey: HotlistKey;
  readonly atc: number;
  readonly tappedAtMs: number;
  readonly opened: boolean;
};

/** Taps that a pass-back guard may have to look at; a queue at a gate moves slower than this. */
const RECENT_TAPS_MAX = 256;

/** The list after one more tap: without what is older than the window, newest last, bounded. */
export function rememberTap(
  recent: readonly RecentTap[],
  tap: RecentTap,
  windowMs: number,
): readonly RecentTap[] {
  const kept = recent.filter((earlier) => tap.tappedAtMs - earlier.tappedAtMs < windowMs);
  return [...kept, tap].slice(-RECENT_TAPS_MAX);
}
