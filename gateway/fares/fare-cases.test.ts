import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { missing, SHARED_FOLDER } from '../../test-requirements.ts';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { checkFareCase, type CaseVerdict } from './check-fare-case.ts';
import { loadJurisdictions } from './load-jurisdictions.ts';
import { loadRuleBook } from './load-rule-sets.ts';

const VECTORS = path.join(SHARED_FOLDER, 'vectors');
const skip = missing('shared');

const calendar = loadCalendar();
const context = { ruleBook: loadRuleBook(calendar), calendar, jurisdictions: loadJurisdictions() };

for (const file of ['fares-cn.json', 'fares-cn-likely.json', 'fares-world.json']) {
  test(`every case of ${file} is priced as published`, { skip }, () => {
    const cases: unknown = JSON.parse(readFileSync(path.join(VECTORS, file), 'utf8'));
    assert.ok(Array.isArray(cases) && cases.length > 0);
    const others = cases.map((c: unknown) => checkFareCase(c, context)).filter((v) => v.verdict !== 'passed');
    assert.deepEqual(others, []);
  });
}

const RIDE = {
  id: 'own-1',
  city: 'Ningbo',
  mode: 'metro',
  date: '2016-03-15',
  tap_in: '2016-03-15T12:00:00+08:00',
  day_type: 'weekday',
  distance_km: 4,
  expected_fen: 200,
};

const verdictOf = (more: object): CaseVerdict => checkFareCase({ ...RIDE, ...more }, context);

test('a case passes only when everything that it says is met', () => {
  const rows: [object, CaseVerdict['verdict']][] = [
    [{}, 'passed'],
    [{ expected_fen: 201 }, 'failed'],
    [{ base_fare_fen: 300 }, 'failed'],
    [{ day_type: 'weekend' }, 'failed'],
    [{ distance_km: undefined }, 'failed'],
    [{ city: 'Atlantis' }, 'unsupported'],
    [{ colour: 'red' }, 'unsupported'],
    [{ mode: 'rocket' }, 'unsupported'],
    [{ payment: 'shells' }, 'unsupported'],
    [{ rider: { category: 'pilot' } }, 'unsupported'],
    [{ rider: { resident: 'Atlantis' } }, 'unsupported'],
    [{ currency: 'GBP', expected_minor: 1 }, 'unsupported'],
    [{ expected_fen: undefined }, 'unsupported'],
    [{ date: '2016-03-16' }, 'unsupported'],
    [{ tap_out: '2016-03-15T11:00:00+08:00' }, 'unsupported'],
  ];
  for (const [more, verdict] of rows) assert.equal(verdictOf(more).verdict, verdict, JSON.stringify(more));
});

test('a case that fails brings its misses and the trace of its pricing', () => {
  const verdict = verdictOf({ expected_fen: 201 });
  assert.equal(verdict.verdict, 'failed');
  assert.deepEqual(verdict.misses, ['charged: expected 201, got 200']);
  assert.equal(verdict.trace[0]?.ruleId, 'metro-distance');
});

test('something that is no case at all is unsupported', () => {
  for (const raw of [null, 7, 'text', []]) assert.equal(checkFareCase(raw, context).verdict, 'unsupported');
});
