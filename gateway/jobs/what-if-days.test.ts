import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { buildRuleBook, loadRuleBook, loadRuleSets, RuleSetsUnusable } from '../fares/load-rule-sets.ts';
import type { RuleBook } from '../fares/rule-book.ts';
import { openDatabase, type Database } from '../store/connection.ts';
import { migrateDatabase } from '../store/migrate.ts';
import { FIXTURE_KEYS } from '../store/settled-day.fixture.ts';
import { inSettlingTransaction, writeSettled } from '../store/settling.ts';
import { loadPolicy } from '../whatif/load-policy.ts';
import { revenueFen } from '../whatif/policy-tally.ts';
import { whatIfCsv } from '../whatif/what-if-csv.ts';
import { whatIfPage } from '../whatif/what-if-page.ts';
import { whatIfReport } from '../whatif/what-if-report.ts';
import { insertEnrolments, pricedDay } from './priced-day.fixture.ts';
import { whatIfDays, type WhatIfAnswer } from './what-if-days.ts';

const calendar = loadCalendar();
const ruleBook = loadRuleBook(calendar);
const DATE = '2026-11-18';
const DATES = { from: isoDate(DATE), to: isoDate(DATE) };
const POLICIES = path.join(import.meta.dirname, '../whatif/policies');
const day = pricedDay({ ruleBook, calendar }, { cards: 60, ridesPerCard: 8, date: DATE, seed: 7 });
let server: TestDatabase;
let database: Database;

before(async () => {
  server = await startTestDatabase();
  await migrateDatabase(server.url);
  database = await openDatabase(server.url);
  await inSettlingTransaction(database, (transaction) =>
    writeSettled(
      transaction,
      { journeys: day.journeys, postings: [], settledTaps: [], nowWaiting: [], adjustments: [] },
      database,
    ),
  );
  await insertEnrolments(database, FIXTURE_KEYS, day.enrolments);
});
after(async () => {
  await database.close();
  await server.stop();
});

const ask = (policy: RuleBook): Promise<WhatIfAnswer> =>
  whatIfDays(
    {
      ...{ database, keys: FIXTURE_KEYS },
      rules: { ruleBook: policy, calendar, network: day.network },
      zoneOf: () => 'Asia/Shanghai',
    },
    DATES,
    () => undefined,
  );

const policyNamed = (start: string): RuleBook => {
  const file = readdirSync(POLICIES).find((name) => name.startsWith(start));
  assert.ok(file !== undefined);
  return loadPolicy([path.join(POLICIES, file)], ruleBook, calendar).ruleBook;
};

test('the rules in force, asked about as another policy, change nothing', async () => {
  const present = loadRuleSets().filter(({ ruleSet }) => ruleSet.jurisdiction === 'ningbo');
  const { tally, grounds } = await ask(buildRuleBook(present, calendar));
  assert.deepEqual(tally.side.after, tally.side.before);
  assert.equal(grounds.touchedRides, day.journeys.length);
  assert.equal(tally.rides, day.journeys.length);
  assert.equal(tally.riders.payLess + tally.riders.payMore, 0);
});

test('a held ride whose fare came later is one ride', async () => {
  const before = await ask(ruleBook);
  const [ridden] = day.journeys;
  assert.ok(ridden);
  const held = {
    ...ridden,
    journeyId: Buffer.alloc(16, 7),
    ...{ outcome: 'held' as const, cause: 'no_rule_set', listFareFen: null, fareFen: null, concession: null },
    ...{ ruleSetId: null, ruleSetVersion: null, resolvesJourneyId: null },
  };
  const { hot } = database;
  await inSettlingTransaction(database, (transaction) =>
    writeSettled(
      transaction,
      { journeys: [held], postings: [], settledTaps: [], nowWaiting: [], adjustments: [] },
      database,
    ),
  );
  assert.equal((await ask(ruleBook)).grounds.heldRides, before.grounds.heldRides + 1);
  await hot`update journey set resolves_journey_id = ${held.journeyId} where journey_id = ${ridden.journeyId}`;
  const priced = await ask(ruleBook);
  assert.equal(priced.grounds.heldRides, before.grounds.heldRides);
  assert.deepEqual(priced.tally.side, before.tally.side);
  await hot`delete from journey where journey_id = ${held.journeyId}`;
});

test('from 65 instead of 70: exactly the registered riders of 67 ride for less, and the bureau pays what they save', async () => {
  const { tally, grounds } = await ask(policyNamed('ningbo-65'));
  const of67 = new Set(
    day.enrolments.filter(({ person }) => person.birthDate === '1959-01-01').map(({ panToken }) => panToken),
  );
  const theirs = day.journeys.filter(
    ({ panToken, rail, outcome, fareFen }) =>
      of67.has(panToken) && rail === 'oda' && outcome === 'chargeable' && (fareFen ?? 0) > 0,
  );
  const { before: was, after: is } = tally.side;
  // Counted from the rides themselves: free outside 07-09 and 17-19 and on buses, half within them on the metro.
  const saved = theirs.reduce((sum, { mode, startedAtMs, fareFen }) => {
    const hour = new Date(startedAtMs + 8 * 3_600_000).getUTCHours();
    const peak = mode === 'metro' && ((hour >= 7 && hour < 9) || (hour >= 17 && hour < 19));
    return sum + (peak ? (fareFen ?? 0) - Math.round((fareFen ?? 0) / 2) : (fareFen ?? 0));
  }, 0);
  assert.ok(saved > 0);
  assert.equal(was.chargedFen - is.chargedFen, saved);
  const claims = (of: typeof is): number => [...of.claimedFen.values()].reduce((a, b) => a + b, 0);
  assert.equal(claims(is) - claims(was), saved);
  assert.equal(tally.riders.payLess, new Set(theirs.map(({ panToken }) => panToken)).size);
  assert.equal(grounds.borrowedEvidenceCards, tally.riders.payLess);
  // A debt is no ride that the bureau pays for.
  assert.equal(revenueFen(was) - revenueFen(is), was.owedFen - is.owedFen);
});

test('free from 60 at all hours: nobody of 60 or older pays, and no ride is at a reduced fare any more', async () => {
  const { tally } = await ask(policyNamed('shenzhen'));
  assert.equal(tally.side.after.reduced, 0);
  const registered = new Set(day.enrolments.map(({ panToken }) => panToken));
  const free = day.journeys.filter(({ panToken, rail }) => registered.has(panToken) && rail === 'oda').length;
  assert.equal(tally.side.after.free, free);
});

test('ages that nobody registered are counted and said, and the page carries all it needs', async () => {
  const { tally, grounds } = await ask(policyNamed('ningbo-65'));
  const registered = new Set(day.enrolments.map(({ panToken }) => panToken));
  const unknown = day.journeys.filter(({ panToken, mode }) => mode !== 'clinic' && !registered.has(panToken));
  assert.equal(grounds.unknownAgeRides, unknown.length);
  assert.equal(grounds.unknownAgeCards, new Set(unknown.map(({ panToken }) => panToken)).size);
  const none = new Map<string, never>();
  const order = { ...DATES, policy: { zh: '甲 <乙>', en: 'a "b" & c' }, madeAt: '2026-11-22T00:00:00Z' };
  const report = whatIfReport(order, tally, grounds, { rules: none, funders: none, lines: none });
  assert.ok(report.remarks.some(({ en }) => en.includes(`${unknown.length} rides`)));
  const page = whatIfPage(report);
  assert.ok(page.includes('甲 &lt;乙&gt;') && !page.includes('<乙>'));
  assert.equal(page.match(/<svg /g)?.length, 6);
  assert.doesNotMatch(page.replaceAll(/xmlns(:\w+)?="[^"]*"/g, ''), /(src|href)=|https?:|@import|url\((?!#)/);
  assert.doesNotMatch(page, /#0a0b\d\d/);
  const csv = whatIfCsv(report).split('\r\n');
  assert.equal(csv[0], '\uFEFFsection,id,zh,en,unit,before,after,difference');
  assert.equal(csv.filter((line) => line.startsWith('hours,')).length, 72);
});

test('a policy file that does not hold together is refused with file, path and reason, and nothing is loaded', () => {
  const wrong = (text: string): string => {
    const file = path.join(POLICIES, `../no-such-${text}.yaml`);
    try {
      loadPolicy([file], ruleBook, calendar);
    } catch (error) {
      assert.ok(error instanceof RuleSetsUnusable);
      return error.message;
    }
    return '';
  };
  assert.equal(wrong('file'), 'no-such-file.yaml: (file): cannot be read');
});
