import { isFor } from '@tapgate/sdk/lists/list-envelope';
import type { ListKind } from '@tapgate/sdk/lists/list-kinds';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { PublishedList } from '../store/lists.ts';

/** Deltas that a terminal is sent one after the other; further behind, a snapshot is less work for both. */
const DELTAS_MAX = 100;

export type PlannedTerminal = {
  readonly terminalId: TerminalId;
  readonly operatorId: string;
  /** the version of this kind in use there; null for none */
  readonly held: number | null;
  /** under which key that version names cards; null for none, or for a list of no cards */
  readonly heldKeyId: string | null;
};

/**
 * Decides what a terminal has to fetch of one kind, in order: nothing but the newest word on what it holds; the deltas from there; or
 * a whole body and the deltas after it.
 *
 * @param published the versions of the kind that are at hand
 * @returns empty where nothing is meant for this terminal, or it holds more than it should (then nothing takes it back but a new version)
 */
export function planList(
  kind: ListKind,
  published: readonly PublishedList[],
  terminal: PlannedTerminal,
  nowMs: number,
): readonly PublishedList[] {
  const meant = published.filter(
    (list) =>
      list.kind === kind &&
      list.validFromMs <= nowMs &&
      isFor({ kind, scope: list.scope, sharePermille: list.sharePermille }, terminal),
  );
  const target = Math.max(0, ...meant.map((list) => list.version));
  const { held } = terminal;
  if (target === 0 || (held !== null && held > target)) return [];
  const find = (version: number, form: PublishedList['form']): PublishedList | undefined =>
    meant.find((list) => list.version === version && list.form === form);
  if (held === target) {
    const word = find(target, 'delta') ?? find(target, 'whole');
    return word === undefined ? [] : [word];
  }
  const keyId = meant.find((list) => list.version === target)?.listKeyId ?? null;
  const fromHeld =
    held === null || terminal.heldKeyId !== keyId ? null : deltasFrom(held, target, find, keyId);
  if (fromHeld !== null) return fromHeld;
  const wholes = meant
    .filter((list) => list.form === 'whole' && list.version > (held ?? 0) && list.listKeyId === keyId)
    .sort((a, b) => b.version - a.version);
  for (const whole of wholes) {
    const after = deltasFrom(whole.version, target, find, keyId);
    if (after !== null) return [whole, ...after];
  }
  return [];
}

function deltasFrom(
  version: number,
  target: number,
  find: (version: number, form: 'delta') => PublishedList | undefined,
  keyId: string | null,
): readonly PublishedList[] | null {
  if (target - version > DELTAS_MAX) return null;
  const deltas: PublishedList[] = [];
  for (let next = version + 1; next <= target; next++) {
    const delta = find(next, 'delta');
    if (delta === undefined || delta.listKeyId !== keyId) return null;
    deltas.push(delta);
  }
  return deltas;
}
