import type { ListAges } from '@tapgate/sdk/lists/gate-parameters';
import { LIST_KIND_NAMES, type ListKind } from '@tapgate/sdk/lists/list-kinds';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';

export type ListStanding = {
  readonly kind: ListKind;
  /** null: there never was one */
  readonly ageMs: number | null;
  readonly isStale: boolean;
};

/**
 * How old each list is, in the order of list-kinds.ts. A list that never came is stale. An age below zero is a clock that was set
 * back, and no age at all.
 */
export function listStandings(
  madeAtMs: (kind: ListKind) => number | null,
  ages: ListAges,
  nowMs: number,
): readonly ListStanding[] {
  return LIST_KIND_NAMES.map((kind) => {
    const at = madeAtMs(kind);
    const ageMs = at === null ? null : Math.max(0, nowMs - at);
    return { kind, ageMs, isStale: ageMs === null || ageMs > ages[kind].ageMaxMs };
  });
}

/** What stale lists mean for a gate: the first one whose policy is to refuse; null when travel goes on. */
export function staleListRefusal(
  standings: readonly ListStanding[],
  ages: ListAges,
): Refusal<'hotlist_too_old' | 'list_too_old'> | null {
  const stopping = standings.find(({ kind, isStale }) => isStale && ages[kind].stale === 'refuse');
  if (stopping === undefined) return null;
  return stopping.kind === 'hotlist' ? refuse('hotlist_too_old') : refuse('list_too_old', stopping.kind);
}
