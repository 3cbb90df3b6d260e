import { isDeepStrictEqual } from 'node:util';
import type { Miss } from './compare-case.ts';
import { isObject, type VectorCase } from './vector-case.ts';

/**
 * Mistakes found in vectors of others. An erratum excuses one stated value of one key, and only where the case itself proves
 * the value wrong; any other value of that key still fails. Every use is printed.
 */
type Erratum = {
  readonly key: string;
  readonly stated: unknown;
  readonly right: unknown;
  /** the tag whose value in the case's own trees is the right one */
  readonly provenByTag: string;
  readonly why: string;
};

const ERRATA: readonly Erratum[] = [
  {
    // Trace of a qPBOC tap: the GPO response begins 77 4F 82 02 7C00 9F36 02 0ADC 57 11..; read one byte late it gives DC57.
    key: 'outcome.atc',
    stated: 'DC57',
    right: '0ADC',
    provenByTag: '9F36',
    why: 'stated DC57 is read one byte late; the tree of the same case gives 9F36 as 0ADC, which was computed',
  },
];

/** The sentence to print where a miss is a known mistake of the vector; undefined for a miss of ours. */
export function findErratum(vector: VectorCase, miss: Miss): string | undefined {
  const erratum = ERRATA.find(
    ({ key, stated, right }) =>
      key === miss.key && isDeepStrictEqual(stated, miss.expected) && isDeepStrictEqual(right, miss.actual),
  );
  if (erratum === undefined) return undefined;
  const stated = statedValues(vector['steps'], erratum.provenByTag);
  return stated.length > 0 && stated.every((value) => value === erratum.right)
    ? `${miss.key}: ${erratum.why}`
    : undefined;
}

/** The values that the case's own trees state for a tag, at any depth. */
function statedValues(tree: unknown, tag: string): unknown[] {
  if (Array.isArray(tree)) return tree.flatMap((item) => statedValues(item, tag));
  if (!isObject(tree)) return [];
  const own = tree['tag'] === tag ? [tree['value']] : [];
  return [...own, ...statedValues(tree['tree'], tag), ...statedValues(tree['children'], tag)];
}
