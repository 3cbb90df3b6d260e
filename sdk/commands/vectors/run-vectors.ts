import { compareCase, type CaseResult, type Miss } from './compare-case.ts';
import { findErratum } from './vector-errata.ts';
import { isObject, unsupported, VectorFormError, type Judgement, type VectorCase } from './vector-case.ts';
import { VECTOR_FORMATS } from './vector-formats.ts';

export type VectorCounts = { readonly passed: number; readonly failed: number; readonly unsupported: number };
export type VectorReport = { readonly lines: readonly string[]; readonly counts: VectorCounts };

/**
 * Runs the cases of one file.
 *
 * @param label how the file is named in the report
 * @returns one line per miss, unsupported case and erratum, and the counts
 */
export function runVectorFile(label: string, text: string): VectorReport {
  const cases = parseCases(text);
  if (cases === null) return { lines: [`${label}: not a JSON array of cases`], counts: counts('failed') };
  const reports = cases.map((vector, index) => runCase(`${label}[${index}] ${caseName(vector)}`, vector));
  return {
    lines: reports.flatMap((report) => report.lines),
    counts: sumCounts(reports.map((report) => report.counts)),
  };
}

function parseCases(text: string): readonly unknown[] | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? (parsed as readonly unknown[]) : null;
  } catch {
    return null;
  }
}

function caseName(vector: unknown): string {
  return isObject(vector) && typeof vector['name'] === 'string' ? vector['name'] : '(no name)';
}

function runCase(label: string, vector: unknown): VectorReport {
  if (!isObject(vector)) return { lines: [`FAILED ${label}: not an object`], counts: counts('failed') };
  const result = judgeCase(vector);
  const errata = result.kind === 'failed' ? result.misses.map((miss) => findErratum(vector, miss)) : [];
  const misses =
    result.kind === 'failed' ? result.misses.filter((_, index) => errata[index] === undefined) : [];
  const notes = errata.filter((note) => note !== undefined).map((note) => `ERRATUM ${label}: ${note}`);
  switch (result.kind) {
    case 'passed':
      return { lines: [], counts: counts('passed') };
    case 'unsupported':
      return { lines: [`UNSUPPORTED ${label}: ${result.why}`], counts: counts('unsupported') };
    case 'failed':
      return {
        lines: [...notes, ...misses.map((miss) => `FAILED ${label}: ${describeMiss(miss)}`)],
        counts: counts(misses.length === 0 ? 'passed' : 'failed'),
      };
  }
}

function judgeCase(vector: VectorCase): CaseResult {
  const format = VECTOR_FORMATS.find((candidate) => candidate.recognises(vector));
  return compareCase(
    format === undefined ? unsupported('no known format has these keys') : judgeIn(format.judge, vector),
  );
}

/** A case that lacks an input, or has one of a wrong form, cannot be judged; what a key would refuse is a miss of all it expects. */
function judgeIn(judge: (vector: VectorCase) => Judgement, vector: VectorCase): Judgement {
  try {
    return judge(vector);
  } catch (error) {
    if (error instanceof VectorFormError) return unsupported(error.message);
    if (error instanceof RangeError) return unsupported(`an input is outside its range: ${error.message}`);
    throw error;
  }
}

function describeMiss({ key, expected, actual }: Miss): string {
  return `${key}: expected ${brief(expected)}, computed ${brief(actual)}`;
}

function brief(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

function counts(kind: keyof VectorCounts): VectorCounts {
  return { passed: 0, failed: 0, unsupported: 0, [kind]: 1 };
}

export function sumCounts(all: readonly VectorCounts[]): VectorCounts {
  return all.reduce(
    (total, one) => ({
      passed: total.passed + one.passed,
      failed: total.failed + one.failed,
      unsupported: total.unsupported + one.unsupported,
    }),
    { passed: 0, failed: 0, unsupported: 0 },
  );
}
