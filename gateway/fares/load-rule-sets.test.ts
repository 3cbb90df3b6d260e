import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { JURISDICTIONS_FOLDER, loadRuleBook, RuleSetsUnusable } from './load-rule-sets.ts';
import { ruleSetSchema } from './rule-set.ts';

const calendar = loadCalendar();
const GOOD = readFileSync(path.join(import.meta.dirname, 'fixtures/every-kind.rules.yaml'), 'utf8');

/** Loads a folder that holds one city with these files; returns the problems, or nothing when it loads. */
function problemsOf(files: Record<string, string>): string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'rules-'));
  try {
    mkdirSync(path.join(folder, 'nowhere'));
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, 'nowhere', name), text);
    loadRuleBook(calendar, folder);
    return [];
  } catch (error) {
    assert.ok(error instanceof RuleSetsUnusable);
    return error.problems.map((p) => `${p.file}: ${p.path}: ${p.reason}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function changed(from: string, to: string, text = GOOD): string {
  assert.ok(text.includes(from), from);
  return text.replace(from, to);
}

const SPLIT_MONTH = '{ from: 5200, permille: 500 }';

test('a bad rule file is refused with file, path and reason, and nothing is loaded', () => {
  const rows: [string, string, string, RegExp][] = [
    [
      'unknown field',
      'pricing_event: entry',
      'pricing_event: entry\ncolour: red',
      /a\.rules\.yaml: .*Unrecognized key: "colour"/,
    ],
    [
      'unknown field of a rule',
      'kind: flat\n    fen: 111',
      'kind: flat\n    fen: 111\n    fun: 1',
      /list_fares\[1\].*Unrecognized key: "fun"/,
    ],
    [
      'window end before its start',
      "'17:00-19:00'",
      "'19:00-17:00'",
      /timeframes\[0\]\.windows\[1\]: a window ends after its start/,
    ],
    [
      'window over midnight',
      "'22:30-24:00'",
      "'22:30-05:00'",
      /timeframes\[1\]\.windows\[1\]: a window ends after its start/,
    ],
    [
      'a time that is none',
      "'22:30-24:00'",
      "'22:30-24:30'",
      /timeframes\[1\]\.windows\[1\]: not HH:MM-HH:MM/,
    ],
    [
      'date outside the calendar',
      "'2024-05-04'",
      "'2031-05-04'",
      /timeframes\[4\]\.day\.dates\[1\]: 2031-05-04 is outside the calendar's coverage/,
    ],
    [
      'start outside the calendar',
      'from: 2016-01-01T00:00:00+08:00',
      'from: 2027-01-01T00:00:00+08:00',
      /effective\.from: is outside the coverage/,
    ],
    [
      'a date that is none',
      "first_day: '2018-03-01'",
      "first_day: '2018-02-30'",
      /in_force\.first_day: not an existing/,
    ],
    [
      'last day before the first',
      "last_day: '2025-06-30'",
      "last_day: '2017-06-30'",
      /in_force: last_day is before first_day/,
    ],
    [
      'an instant without offset',
      'from: 2016-01-01T00:00:00+08:00',
      'from: 2016-01-01T00:00:00',
      /effective\.from: not an instant/,
    ],
    [
      'period that ends before it starts',
      'to: null, mark: invented }\npublished',
      'to: 2015-01-01T00:00:00+08:00, mark: invented }\npublished',
      /effective: effective\.to is not after/,
    ],
    [
      'hole in a table',
      'over_km: 12.5, up_to_km: 20',
      'over_km: 13, up_to_km: 20',
      /list_fares\[2\]\.bands\[2\]: hole: nothing covers over 12.5 to 13 km/,
    ],
    [
      'overlap in a table',
      'over_km: 12.5, up_to_km: 20',
      'over_km: 12, up_to_km: 20',
      /list_fares\[2\]\.bands\[2\]: overlap: 12 to 12.5 km is covered twice/,
    ],
    [
      'table that ends unsaid',
      '    beyond_table: unknown\n',
      '',
      /list_fares\[2\]\.bands\[2\]: hole: the last band is not open/,
    ],
    [
      'hole in a matrix',
      'fen: [[130, 257], [263, 130]]',
      'fen: [[130, 257], [263]]',
      /list_fares\[0\]\.fen\[1\]: hole: not one fare per station/,
    ],
    [
      'row missing in a matrix',
      'fen: [[130, 257], [263, 130]]',
      'fen: [[130, 257]]',
      /list_fares\[0\]\.fen: hole: not one row per station/,
    ],
    [
      'station twice',
      'stations: [s0, s1]',
      'stations: [s0, s0]',
      /list_fares\[0\]\.stations: a station is listed twice/,
    ],
    [
      'gap before the first tier',
      '{ from: 0, permille: 1000 }',
      '{ from: 10, permille: 1000 }',
      /accumulators\[0\]\.tiers\[0\]\.from: gap/,
    ],
    [
      'tie of tiers',
      SPLIT_MONTH,
      '{ from: 5000, permille: 500 }',
      /accumulators\[0\]\.tiers\[2\]\.from: tie/,
    ],
    [
      'tiers that fall',
      SPLIT_MONTH,
      '{ from: 4000, permille: 500 }',
      /accumulators\[0\]\.tiers\[2\]\.from: overlap/,
    ],
    [
      'rides that are split',
      'crossing: whole_ride_before',
      'crossing: split',
      /accumulators\[1\]\.crossing: a count of rides cannot be split/,
    ],
    [
      'tie of concessions',
      'priority: 50\n    modes: [metro, bus]\n    category: helper',
      'priority: 30\n    modes: [metro, bus]\n    category: helper',
      /concessions\[6\]\.priority: tie: young-quota and helper-table/,
    ],
    [
      'tie of list fares',
      'priority: 40\n    modes: [metro]\n    same_station: true',
      'priority: 50\n    modes: [metro]\n    same_station: true',
      /list_fares\[1\]\.priority: tie/,
    ],
    [
      'unknown category',
      'category: helper\n    in_force',
      'category: helpers\n    in_force',
      /concessions\[6\]\.category: unknown rider category helpers/,
    ],
    [
      'unknown timeframe',
      'inside: late',
      'inside: later',
      /concessions\[7\]\.inside: unknown timeframe later/,
    ],
    ['unknown funder', 'funder: club', 'funder: clubs', /concessions\[3\]\.funder: unknown funder clubs/],
    ['unknown source', 'source: [own]', 'source: [other]', /funders\[0\]\.source\[0\]: unknown source other/],
    [
      'duplicate rule id',
      '- id: same-station',
      '- id: short-hop',
      /list_fares\[1\]\.id: duplicate id short-hop/,
    ],
    [
      'mode outside the scope',
      'modes: [metro, bus, ferry, tram] }\neffective',
      'modes: [metro, bus, ferry] }\neffective',
      /tram is not in this set's scope/,
    ],
    ['permille over 1000', 'permille: 333', 'permille: 1333', /concessions\[1\]\.effect/],
    ['an amount in yuan', 'fen: 111', 'fen: 1.11', /list_fares\[1\]\.fen/],
    ['a zone that is none', 'zone: Asia/Shanghai', 'zone: Asia/Atlantis', /zone: not an IANA zone/],
    ['duplicate key', 'currency: CNY', 'currency: CNY\ncurrency: HKD', /line 9: Map keys must be unique/],
    ['not YAML', 'currency: CNY', 'currency: [CNY', /line \d+: /],
    [
      'an empty eligibility',
      'eligibility: { age_from: 65 }',
      'eligibility: {}',
      /rider_categories\[0\]\.eligibility/,
    ],
    [
      'supersedes what is not here',
      'supersedes: null',
      'supersedes: { id: every-kind, version: 9 }',
      /supersedes: every-kind@9 is not loaded/,
    ],
  ];
  assert.deepEqual(problemsOf({ 'a.rules.yaml': GOOD }), []);
  for (const [name, from, to, expected] of rows) {
    const problems = problemsOf({ 'a.rules.yaml': changed(from, to) });
    assert.ok(problems.length > 0, `${name}: loaded`);
    assert.match(problems.join('\n'), expected, name);
    for (const problem of problems) assert.match(problem, /^nowhere[/\\]a\.rules\.yaml: /, name);
  }
});

const version2 = (more: (text: string) => string = (t) => t): string =>
  more(changed('version: 1', 'version: 2'));

test('two sets in force at once are an overlap; a superseding version is not', () => {
  assert.match(
    problemsOf({ 'a.rules.yaml': GOOD, 'b.rules.yaml': version2() }).join(),
    /b\.rules\.yaml: effective: overlap with every-kind@1/,
  );
  const correction = version2((t) =>
    changed('supersedes: null', 'supersedes: { id: every-kind, version: 1 }', t),
  );
  assert.deepEqual(problemsOf({ 'a.rules.yaml': GOOD, 'b.rules.yaml': correction }), []);
  const off = version2((t) => changed('status: in_force', "status: 'off'", t));
  assert.deepEqual(problemsOf({ 'a.rules.yaml': GOOD, 'b.rules.yaml': off }), []);
});

test('a version is written once', () => {
  assert.match(
    problemsOf({ 'a.rules.yaml': GOOD, 'b.rules.yaml': GOOD }).join(),
    /every-kind@1 is already taken/,
  );
});

test('between two periods of one id there is no gap', () => {
  const ends = changed(
    'to: null, mark: invented }\npublished',
    'to: 2018-01-01T00:00:00+08:00, mark: invented }\npublished',
  );
  const next = (from: string): string =>
    version2((t) => changed('from: 2016-01-01T00:00:00+08:00', `from: ${from}`, t));
  assert.deepEqual(
    problemsOf({ 'a.rules.yaml': ends, 'b.rules.yaml': next('2018-01-01T00:00:00+08:00') }),
    [],
  );
  assert.match(
    problemsOf({ 'a.rules.yaml': ends, 'b.rules.yaml': next('2018-01-02T00:00:00+08:00') }).join(),
    /gap: every-kind@1 ends before/,
  );
  assert.match(
    problemsOf({ 'a.rules.yaml': ends, 'b.rules.yaml': next('2017-12-31T23:59:59+08:00') }).join(),
    /overlap/,
  );
});

test('every rule of every city names a source and a mark, and every set is loaded', () => {
  const ruleBook = loadRuleBook(calendar);
  assert.ok(ruleBook.byRef.size >= 26);
  for (const { source } of ruleBook.byRef.values()) {
    for (const rule of [...source.list_fares, ...source.concessions, ...source.transfers])
      assert.ok(rule.source.length > 0);
  }
});

test('the published schema is the one that is loaded with', () => {
  const file = path.join(JURISDICTIONS_FOLDER, 'rule-set.schema.json');
  const written: unknown = JSON.parse(readFileSync(file, 'utf8'));
  assert.deepEqual(written, JSON.parse(JSON.stringify(z.toJSONSchema(ruleSetSchema, { io: 'input' }))));
});
