// npm run fares -- check FILE…        prices published cases through the engine and compares
// npm run fares -- rules [FOLDER]     loads rule sets and says what is in force
// npm run fares -- schema             prints the JSON schema of a rule file
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { checkFareCase, NO_ID, type CaseVerdict, type CheckContext } from './check-fare-case.ts';
import { loadJurisdictions } from './load-jurisdictions.ts';
import { loadRuleBook, loadRuleSets } from './load-rule-sets.ts';
import { ruleSetSchema } from './rule-set.ts';
import type { TraceStep } from './trace.ts';

const USAGE = `Usage: npm run fares -- COMMAND

  check FILE…      price published cases through the engine that prices taps, and compare
  rules [FOLDER]   load rule sets and say what is in force
  schema           the JSON schema of a rule file
  -h, --help       this text

Exit code: 0 when everything passed, 1 when not, 2 for wrong usage.`;

function main(args: readonly string[]): number {
  const [command, ...rest] = args;
  if (command === '--help' || command === '-h') {
    console.log(USAGE);
    return 0;
  }
  if (command === 'check' && rest.length > 0) return check(rest);
  if (command === 'rules' && rest.length <= 1) return listRules(rest[0]);
  if (command === 'schema' && rest.length === 0) return printSchema();
  console.error(USAGE);
  return 2;
}

function check(files: readonly string[]): number {
  const calendar = loadCalendar();
  const context: CheckContext = {
    ruleBook: loadRuleBook(calendar),
    calendar,
    jurisdictions: loadJurisdictions(),
  };
  const count = { passed: 0, failed: 0, unsupported: 0 };
  for (const file of files) {
    for (const verdict of checkFile(file, context)) {
      count[verdict.verdict] += 1;
      if (verdict.verdict !== 'passed') print(path.basename(file), verdict);
    }
  }
  console.log(
    `${String(count.passed)} passed, ${String(count.failed)} failed, ${String(count.unsupported)} unsupported`,
  );
  return count.passed > 0 && count.failed === 0 && count.unsupported === 0 ? 0 : 1;
}

function checkFile(file: string, context: CheckContext): CaseVerdict[] {
  let cases: unknown;
  try {
    cases = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'not JSON' : 'cannot be read';
    return [{ verdict: 'unsupported', id: '(file)', reason }];
  }
  if (!Array.isArray(cases))
    return [{ verdict: 'unsupported', id: '(file)', reason: 'not an array of cases' }];
  const seen = new Set<string>();
  return cases.map((raw) => {
    const verdict = checkFareCase(raw, context);
    if (seen.has(verdict.id))
      return { verdict: 'unsupported', id: verdict.id, reason: 'id: twice in the file' };
    if (verdict.id !== NO_ID) seen.add(verdict.id);
    return verdict;
  });
}

function print(file: string, verdict: Exclude<CaseVerdict, { verdict: 'passed' }>): void {
  if (verdict.verdict === 'unsupported') {
    console.log(`${file} ${verdict.id}: unsupported: ${verdict.reason}`);
    return;
  }
  console.log(`${file} ${verdict.id}: FAILED`);
  for (const miss of verdict.misses) console.log(`  ${miss}`);
  for (const step of verdict.trace) printStep(step);
}

function printStep(step: TraceStep): void {
  const saw = JSON.stringify(step.saw);
  const change = step.applied ? `${String(step.fenIn)} -> ${String(step.fenOut)}` : 'not applied';
  console.log(`    ${step.stage} ${step.ruleId} v${String(step.version)}: ${change} ${saw}`);
  console.log(`      ${step.zh}`);
  console.log(`      ${step.en}`);
}

function printSchema(): number {
  console.log(JSON.stringify(z.toJSONSchema(ruleSetSchema, { io: 'input' }), null, 2));
  return 0;
}

function listRules(folder: string | undefined): number {
  const calendar = loadCalendar();
  const sets = folder === undefined ? loadRuleSets() : loadRuleSets(folder);
  const ruleBook = folder === undefined ? loadRuleBook(calendar) : loadRuleBook(calendar, folder);
  for (const { file, ruleSet } of sets) {
    const { from, to } = ruleSet.effective;
    const rules =
      ruleSet.list_fares.length +
      ruleSet.concessions.length +
      ruleSet.medium_discounts.length +
      ruleSet.accumulators.length +
      ruleSet.transfers.length +
      ruleSet.surcharges.length +
      ruleSet.caps.length;
    console.log(
      `${ruleSet.id}@${String(ruleSet.version)} ${ruleSet.status} ${from} .. ${to ?? 'open'} ` +
        `[${ruleSet.scope.modes.join(', ')}] ${String(rules)} rules (${file})`,
    );
  }
  console.log(`${String(ruleBook.byRef.size)} rule sets`);
  return 0;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
