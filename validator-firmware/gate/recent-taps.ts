import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';

/** A tap that this gate has decided a moment ago, under the name that the hotlist gives the card. */
export type RecentTap = {
  readonly cardKey: HotlistKey;
  readonly atc: number;
  readonly tappedAtMs: number;
  readonly opened: boolean;
};

/** Taps that are looked back on: more than any queue at one gate holds within a pass-back window. */
const RECENT_TAPS_MAX = 256;

/** The list after one more tap, newest last. Bounded by number and not by time: a replay has no window. */
export function rememberTap(recent: readonly RecentTap[], tap: RecentTap): readonly RecentTap[] {
  return [...recent, tap].slice(-RECENT_TAPS_MAX);
}
