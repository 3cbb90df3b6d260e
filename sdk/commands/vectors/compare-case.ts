import { isDeepStrictEqual } from 'node:util';
import { isObject, type Judgement } from './vector-case.ts';

/** Prose and flags of a case, which are not results. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['reason', 'note', 'icc_hash_checkable']);

export type Miss = { readonly key: string; readonly expected: unknown; readonly actual: unknown };
export type CaseResult =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly misses: readonly Miss[] }
  | { readonly kind: 'unsupported'; readonly why: string };

/**
 * Compares every expected key with what was computed. Of an object of fields those are compared that the case names. A key or
 * field that the format does not compute, and a case that expects nothing, are unsupported: a case passes only when all that it
 * says was checked. JSON has no undefined: null is what a case says where there is nothing.
 */
export function compareCase(judgement: Judgement): CaseResult {
  if (judgement.kind === 'unsupported') return judgement;
  const { expected, values } = judgement;
  const pairs = Object.keys(expected)
    .filter((key) => !NOT_COMPARED.has(key))
    .flatMap((key) => pairsOf(key, expected[key], values.has(key), values.get(key)));
  const unknown = pairs.filter((pair) => !pair.known).map((pair) => pair.key);
  if (unknown.length > 0)
    return { kind: 'unsupported', why: `expected ${unknown.join(', ')} is not computed` };
  if (pairs.length === 0) return { kind: 'unsupported', why: 'nothing is expected' };
  const misses = pairs
    .filter((pair) => !isDeepStrictEqual(pair.expected, pair.actual ?? null))
    .map(({ key, expected, actual }) => ({ key, expected, actual }));
  return misses.length === 0 ? { kind: 'passed' } : { kind: 'failed', misses };
}

type Pair = Miss & { readonly known: boolean };

function pairsOf(key: string, expected: unknown, known: boolean, actual: unknown): Pair[] {
  if (!isObject(expected) || !isObject(actual)) return [{ key, expected, actual, known }];
  return Object.keys(expected).map((field) => ({
    key: `${key}.${field}`,
    expected: expected[field],
    actual: actual[field],
    known: field in actual,
  }));
}
