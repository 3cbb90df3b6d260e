import type { Pan } from '@tapgate/sdk/emv/card-identity';
import { HmacSm3Key } from '@tapgate/sdk/gm/sm3';
import { hotlistKey, type HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';

/** The hotlist as a gate holds it: one version, complete, read-only. */
export type HotlistSnapshot = {
  readonly version: number;
  /** when the gateway last said that this version is the one to have, ms since the Unix epoch */
  readonly publishedAtMs: number;
  /** the name of a card on this list, under the list's own key */
  nameOf(card: { readonly pan: Pan; readonly panSequenceNumber: string }): HotlistKey;
  has(key: HotlistKey): boolean;
};

/** A snapshot of keys in memory, for lists of a size that fits there. @param list its listKey is 32 bytes */
export function hotlistOfKeys(
  list: Pick<HotlistSnapshot, 'version' | 'publishedAtMs'> & { readonly listKey: Uint8Array },
  keys: Iterable<HotlistKey>,
): HotlistSnapshot {
  const held = new Set(keys);
  const { version, publishedAtMs } = list;
  const listKey = new HmacSm3Key(list.listKey);
  return {
    version,
    publishedAtMs,
    nameOf: (card) => hotlistKey(listKey, card),
    has: (key) => held.has(key),
  };
}
