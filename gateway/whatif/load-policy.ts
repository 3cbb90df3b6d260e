import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { buildRuleBook, readRuleSet, RuleSetsUnusable } from '../fares/load-rule-sets.ts';
import type { NamedRuleSet, RuleBook } from '../fares/rule-book.ts';
import type { RuleText } from '../fares/rule-set.ts';
import { changedRuleSets, policyChangeSchema } from './policy-file.ts';

/** Another policy: rule sets that stand in for those in force wherever they apply. */
export type Policy = { readonly text: RuleText; readonly ruleBook: RuleBook };

/**
 * Reads policy files: whole rule sets in their published schema, or changes of what is in force.
 *
 * @throws RuleSetsUnusable naming file, path and reason; nothing is half-loaded
 */
export function loadPolicy(files: readonly string[], current: RuleBook, calendar: DayTypeCalendar): Policy {
  const loaded = files.map((file) => loadPolicyFile(file, current));
  const ruleBook = buildRuleBook(
    loaded.flatMap((policy) => policy.ruleSets),
    calendar,
  );
  const join = (texts: readonly string[], by: string): string => texts.join(by);
  return {
    text: {
      zh: join(
        loaded.map((policy) => policy.text.zh),
        '；',
      ),
      en: join(
        loaded.map((policy) => policy.text.en),
        '; ',
      ),
    },
    ruleBook,
  };
}

function loadPolicyFile(
  file: string,
  current: RuleBook,
): { readonly text: RuleText; readonly ruleSets: readonly NamedRuleSet[] } {
  const name = path.basename(file);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new RuleSetsUnusable([{ file: name, path: '', reason: 'cannot be read' }]);
  }
  if (!/^\s*"?schema"?:\s*"?tapgate-policy-change\//m.test(text)) {
    const read = readRuleSet(text, name);
    if ('problems' in read) throw new RuleSetsUnusable(read.problems);
    const ruleSet = { ...read.ruleSet, status: 'in_force' as const, supersedes: null };
    return { text: ruleSet.text, ruleSets: [{ file: name, ruleSet }] };
  }
  const document = parseDocument(text, { uniqueKeys: true });
  const syntax = document.errors[0];
  if (syntax) {
    const line = `line ${String(syntax.linePos?.[0].line ?? 0)}`;
    throw new RuleSetsUnusable([{ file: name, path: line, reason: syntax.message.split('\n')[0] ?? '' }]);
  }
  const parsed = policyChangeSchema.safeParse(document.toJS());
  if (!parsed.success) {
    throw new RuleSetsUnusable(
      parsed.error.issues.map((issue) => ({ file: name, path: issue.path.join('.'), reason: issue.message })),
    );
  }
  const changed = changedRuleSets(parsed.data, current);
  if ('problems' in changed)
    throw new RuleSetsUnusable(changed.problems.map((problem) => ({ file: name, ...problem })));
  return { text: parsed.data.text, ruleSets: changed.ruleSets.map((ruleSet) => ({ file: name, ruleSet })) };
}
