import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { compileRuleBook, type BookProblem, type NamedRuleSet, type RuleBook } from './rule-book.ts';
import { ruleSetSchema } from './rule-set.ts';

/** The folder of the cities that are shipped: one folder per jurisdiction. */
export const JURISDICTIONS_FOLDER = path.join(import.meta.dirname, '..', 'jurisdictions');

/** Everything that is wrong in a folder of rule sets, each with file, path and reason. Nothing is loaded. */
export class RuleSetsUnusable extends Error {
  readonly problems: readonly BookProblem[];

  constructor(problems: readonly BookProblem[]) {
    super(problems.map((p) => `${p.file}: ${p.path === '' ? '(file)' : p.path}: ${p.reason}`).join('\n'));
    this.name = 'RuleSetsUnusable';
    this.problems = problems;
  }
}

/** Reads every rule set of a folder, all or nothing. @throws RuleSetsUnusable */
export function loadRuleBook(calendar: DayTypeCalendar, folder: string = JURISDICTIONS_FOLDER): RuleBook {
  return buildRuleBook(loadRuleSets(folder), calendar);
}

/** @throws RuleSetsUnusable */
export function buildRuleBook(named: readonly NamedRuleSet[], calendar: DayTypeCalendar): RuleBook {
  const compiled = compileRuleBook(named, calendar);
  if ('problems' in compiled) throw new RuleSetsUnusable(compiled.problems);
  return compiled.ruleBook;
}

/** Reads `<folder>/<jurisdiction>/*.rules.yaml`. @throws RuleSetsUnusable */
export function loadRuleSets(folder: string = JURISDICTIONS_FOLDER): NamedRuleSet[] {
  const files = readdirSync(folder)
    .sort()
    .filter((name) => statSync(path.join(folder, name)).isDirectory())
    .flatMap((name) =>
      readdirSync(path.join(folder, name))
        .sort()
        .filter(isRuleSetFile)
        .map((file) => path.join(name, file)),
    );
  return usable(files.map((file) => readRuleSet(readFileSync(path.join(folder, file), 'utf8'), file)));
}

export const isRuleSetFile = (name: string): boolean => /\.rules\.(yaml|json)$/.test(name);

type ReadRuleSet = NamedRuleSet | { readonly problems: readonly BookProblem[] };

/** All of them, or none. @throws RuleSetsUnusable */
export function usable(read: readonly ReadRuleSet[]): NamedRuleSet[] {
  const problems = read.flatMap((one) => ('problems' in one ? one.problems : []));
  if (problems.length > 0) throw new RuleSetsUnusable(problems);
  return read.filter((one): one is NamedRuleSet => !('problems' in one));
}

/** Reads one rule file, wherever it stands. @throws RuleSetsUnusable */
export function loadRuleSetFile(file: string): NamedRuleSet {
  const [read] = usable([readRuleSet(readFileSync(file, 'utf8'), path.basename(file))]);
  if (read === undefined) throw new RangeError('a file that is usable is one rule set');
  return read;
}

/** Parses the text of one rule file (YAML, of which JSON is a part) by the published schema. */
export function readRuleSet(text: string, file: string): ReadRuleSet {
  const document = parseDocument(text, { uniqueKeys: true });
  if (document.errors.length > 0) {
    return {
      problems: document.errors.map((e) => ({
        file,
        path: `line ${String(e.linePos?.[0].line ?? 0)}`,
        reason: e.message.split('\n')[0] ?? e.code,
      })),
    };
  }
  const parsed = ruleSetSchema.safeParse(document.toJS());
  if (parsed.success) return { file, ruleSet: parsed.data };
  return {
    problems: parsed.error.issues.map((issue) => ({
      file,
      path: pathText(issue.path),
      reason: issue.message,
    })),
  };
}

function pathText(segments: readonly PropertyKey[]): string {
  let text = '';
  for (const segment of segments) {
    if (typeof segment === 'number') text += `[${String(segment)}]`;
    else text += text === '' ? String(segment) : `.${String(segment)}`;
  }
  return text;
}
