import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { loadRuleBook, RuleSetsUnusable } from '../fares/load-rule-sets.ts';
import type { RuleBook } from '../fares/rule-book.ts';
import type { RuleText } from '../fares/rule-set.ts';
import { dateRange, endCommand, progressFormat, UsageFault } from '../jobs/day-range.ts';
import { atDesk } from '../jobs/open-desk.ts';
import { storedNetwork } from '../jobs/replay-days.ts';
import { whatIfDays } from '../jobs/what-if-days.ts';
import { loadReferenceData, type ReferenceData } from '../store/reference-data.ts';
import { countJourneys } from '../store/stored-journeys.ts';
import { MODE_TEXT, type Mode } from '../journeys/mode.ts';
import { loadPolicy, type Policy } from './load-policy.ts';
import { whatIfCsv } from './what-if-csv.ts';
import { whatIfPage } from './what-if-page.ts';
import { whatIfReport, type ReportNames } from './what-if-report.ts';
import { whatIfTable } from './what-if-table.ts';

// `npm run whatif`: what another policy would have cost on the days that are stored.

const HELP = `Usage: npm run whatif -- --from D --to D --rules FILE [--rules FILE] [options]

Prices the stored rides of the service dates from D to D under another policy, and sets both sides beside each other: revenue,
subsidy by funder, riders affected, rides by hour. Nothing that is stored changes.

Options:
  --from D, --to D   service dates, YYYY-MM-DD, both included
  --rules FILE       a rule set in the published schema (npm run fares -- schema), or a change of those in force: examples in
                     gateway/whatif/policies. Where it says nothing, a ride stays as it was
  --csv FILE         also as CSV
  --html FILE        also as one HTML page with charts that needs no network
  --json             one JSON object instead of the tables
  -h, --help         this text

DATA_DIR, DATABASE_URL and KEYSTORE_PASSPHRASE as for npm start. A gateway may be running.
Exit code: 0, 1 when it was not possible, 2 for a command or a rule file that makes no sense.
`;

async function run(): Promise<number> {
  const { values } = parseArgs({
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      rules: { type: 'string', multiple: true },
      csv: { type: 'string' },
      html: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const dates = dateRange(values);
  const calendar = loadCalendar();
  const current = loadRuleBook(calendar);
  const policy = policyOf(values.rules, () => loadPolicy(values.rules ?? [], current, calendar));
  return atDesk(async ({ database, keys }) => {
    const reference = await loadReferenceData(database);
    const journeys = await countJourneys(database, dates);
    if (journeys === 0) {
      process.stderr.write(`there is no journey of ${dates.from} to ${dates.to}\n`);
      return 1;
    }
    // A bar only where somebody watches it; a pipe gets none.
    const bar = process.stderr.isTTY
      ? new SingleBar({ format: progressFormat('pricing'), stream: process.stderr })
      : null;
    bar?.start(journeys, 0);
    const { tally, grounds } = await whatIfDays(
      {
        ...{ database, keys },
        rules: { ruleBook: policy.ruleBook, calendar, network: storedNetwork(reference) },
        zoneOf: (operatorId) => reference.operators.get(operatorId)?.timeZone ?? 'UTC',
      },
      dates,
      (read) => bar?.update(read),
    );
    bar?.stop();
    const order = { ...dates, policy: policy.text, madeAt: new Date().toISOString() };
    const report = whatIfReport(order, tally, grounds, namesOf(current, policy.ruleBook, reference));
    if (values.csv !== undefined) writeOut(values.csv, whatIfCsv(report));
    if (values.html !== undefined) writeOut(values.html, whatIfPage(report));
    process.stdout.write(values.json === true ? `${JSON.stringify(report)}\n` : whatIfTable(report));
    return 0;
  });
}

function policyOf(files: readonly string[] | undefined, load: () => Policy): Policy {
  if (files === undefined) throw new UsageFault('--rules takes a file: which policy is asked about?');
  try {
    return load();
  } catch (error) {
    if (error instanceof RuleSetsUnusable) throw new UsageFault(error.message);
    throw error;
  }
}

function writeOut(file: string, text: string): void {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(file, text);
}

/** What rules, funders and lines are called; the policy's own words go before those in force. */
function namesOf(current: RuleBook, policy: RuleBook, reference: Pick<ReferenceData, 'lines'>): ReportNames {
  const rules = new Map<string, RuleText>();
  const funders = new Map<string, RuleText>();
  for (const { source } of [...current.byRef.values(), ...policy.byRef.values()]) {
    for (const { id, text, modes } of source.concessions) rules.set(id, withMode(text, modes));
    for (const { id, text } of source.funders) funders.set(id, text);
  }
  const lines = new Map<string, RuleText>();
  for (const [id, { nameZh, nameEn }] of reference.lines) lines.set(id, { zh: nameZh, en: nameEn });
  return { rules, funders, lines };
}

/** Rules of two modes are often worded alike. */
function withMode(text: RuleText, modes: readonly Mode[]): RuleText {
  const words = (language: keyof RuleText): string =>
    modes.map((mode) => MODE_TEXT[mode][language]).join(language === 'zh' ? '、' : ', ');
  return { zh: `${words('zh')} ${text.zh}`, en: `${words('en')}, ${text.en}` };
}

await endCommand('whatif', run);
