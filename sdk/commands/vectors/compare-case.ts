import { isDeepStrictEqual } from 'node:util';
import type { Judgement } from './vector-case.ts';

/** Prose and flags of a case, which are not results. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['reason', 'note', 'icc_hash_checkable']);

export type Miss = { readonly key: string; readonly expected: unknown; readonly actual: unknown };
export type CaseResult =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly misses: readonly Miss[] }
  | { readonly kind: 'unsupported'; readonly why: string };

/**
 * Compares every expected key with what was computed. A key that the format does not compute, and a case that expects nothing,
 * are unsupported: a case passes only when all that it says was checked.
 */
export function compareCase(judgement: Judgement): CaseResult {
  if (judgement.kind === 'unsupported') return judgement;
  const keys = Object.keys(judgement.expected).filter((key) => !NOT_COMPARED.has(key));
  const unknown = keys.filter((key) => !judgement.values.has(key));
  if (unknown.length > 0)
    return { kind: 'unsupported', why: `expected ${unknown.join(', ')} is not computed` };
  if (keys.length === 0) return { kind: 'unsupported', why: 'nothing is expected' };
  const misses = keys
    .map((key) => ({ key, expected: judgement.expected[key], actual: judgement.values.get(key) }))
    .filter(({ expected, actual }) => !isDeepStrictEqual(expected, actual));
  return misses.length === 0 ? { kind: 'passed' } : { kind: 'failed', misses };
}
