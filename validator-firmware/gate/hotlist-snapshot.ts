import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';

/** The hotlist as a gate holds it: one version, complete, read-only. */
export type HotlistSnapshot = {
  readonly version: number;
  readonly publishedAtMs: number;
  /** 32 bytes; under it the cards are named */
  readonly listKey: Uint8Array;
  readonly has: (key: HotlistKey) => boolean;
};

/** A snapshot of keys in memory, for lists of a size that fits there. */
export function hotlistOfKeys(
  list: Pick<HotlistSnapshot, 'version' | 'publishedAtMs' | 'listKey'>,
  keys: Iterable<HotlistKey>,
): HotlistSnapshot {
  const held = new Set(keys);
  return { ...list, has: (key) => held.has(key) };
}
