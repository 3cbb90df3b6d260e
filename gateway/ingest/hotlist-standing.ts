import type { HotlistBounds, HotlistStay } from './tap-facts.ts';

/**
 * - on_held_list: the list that the gate held named the card, so the gate should not have opened
 * - listed_later: a newer list named it by the time of the tap; the gate could not know
 * - clear: no list named it in time
 */
export type HotlistStanding = 'on_held_list' | 'listed_later' | 'clear';

/**
 * Judges by the list version that the record names (design.md "Rails"), not by today's list: a record that comes weeks late
 * gets the answer that it would have got at once. A version counts as later only if it was published by the time of the tap; a
 * card that was stopped afterwards was still good when it travelled.
 *
 * The version is the terminal's word, and the terminal's owner gains by a false one: an old version turns his loss into the rider's
 * debt, one that is not out yet makes a stopped card clear. So it counts within the bounds of what the terminal can have held.
 */
export function hotlistStanding(
  stays: readonly HotlistStay[],
  recorded: { readonly version: number; readonly bounds: HotlistBounds | null },
  tappedAtMs: number,
): HotlistStanding {
  const { version, bounds } = recorded;
  const heldVersion = bounds === null ? version : Math.max(bounds.floor, Math.min(version, bounds.ceiling));
  let standing: HotlistStanding = 'clear';
  for (const stay of stays) {
    const left = stay.removedVersion !== null && stay.removedVersion <= heldVersion;
    if (left) continue;
    if (stay.addedVersion <= heldVersion) return 'on_held_list';
    if (stay.addedAtMs <= tappedAtMs) standing = 'listed_later';
  }
  return standing;
}
