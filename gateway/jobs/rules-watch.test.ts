import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { loadRulesInTurns, readRulesMark, SHIPPED_RULES, type Rules } from '../fares/load-rules.ts';
import { RulesUnusable, RulesWatch } from './rules-watch.ts';

const CITY = 'ningbo';

describe('rules that change beside a running gateway', () => {
  let folder: string;
  let files: typeof SHIPPED_RULES;
  let startedWith: Rules;
  let prepared: Rules[];
  let prepare: (rules: Rules) => Promise<void>;
  let watch: RulesWatch;

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'tapgate-rules-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    rmSync(folder, { recursive: true });
    mkdirSync(path.join(folder, CITY), { recursive: true });
    files = { ...SHIPPED_RULES, jurisdictionsFolder: folder };
    const load = (): Promise<Rules> => loadRulesInTurns(() => Promise.resolve(), files);
    const mark = await readRulesMark(files);
    startedWith = await load();
    prepared = [];
    prepare = (rules) => Promise.resolve(void prepared.push(rules));
    watch = new RulesWatch(startedWith, mark, {
      ...{ load, readMark: () => readRulesMark(files) },
      prepare: (rules) => prepare(rules),
    });
  });

  const shipRules = (): void => {
    cpSync(path.join(SHIPPED_RULES.jurisdictionsFolder, CITY), path.join(folder, CITY), { recursive: true });
  };
  const setsInForce = (): number => [...watch.rules.ruleBook.inForce.values()].flat().length;

  test('files that nobody touches are read once', async () => {
    assert.deepEqual([await watch.look(), await watch.look()], [false, false]);
    assert.equal(watch.rules, startedWith);
  });

  test('a rule set comes into force at the second look that finds it the same, its accounts opened before', async () => {
    shipRules();
    assert.deepEqual([await watch.look(), setsInForce()], [false, 0], 'it may be half written');
    assert.equal(await watch.look(), true);
    assert.ok(setsInForce() > 0);
    assert.deepEqual(prepared, [watch.rules]);
    assert.equal(await watch.look(), false);
  });

  test('what cannot be used changes nothing and is reported once, by file and reason', async () => {
    shipRules();
    writeFileSync(path.join(folder, CITY, 'half.rules.yaml'), 'schema: tapgate-rule-set/1\nid: ha');
    assert.equal(await watch.look(), false);
    await assert.rejects(
      watch.look(),
      (fault: unknown) => fault instanceof RulesUnusable && /half\.rules\.yaml/.test(fault.message),
    );
    assert.deepEqual([await watch.look(), watch.rules], [false, startedWith]);
    rmSync(path.join(folder, CITY, 'half.rules.yaml'));
    assert.deepEqual([await watch.look(), await watch.look()], [false, true], 'mended, it is in force');
  });

  test('where the accounts cannot be opened the rules before are in force, and it is tried again', async () => {
    shipRules();
    await watch.look();
    const opened = prepare;
    prepare = () => Promise.reject(new Error('no database'));
    await assert.rejects(watch.look(), /no database/);
    assert.equal(watch.rules, startedWith);
    prepare = opened;
    assert.equal(await watch.look(), true);
  });
});
