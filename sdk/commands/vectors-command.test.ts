import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { missing, SHARED_FOLDER } from '../../test-requirements.ts';
import { runVectorFile, type VectorReport } from './vectors/run-vectors.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const PUBLISHED = path.join(ROOT, 'sdk', 'gm', 'published-vectors.json');
const VECTORS = path.join(SHARED_FOLDER, 'vectors');

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readCases(file: string): JsonObject[] {
  const parsed = JSON.parse(readFileSync(file, 'utf8')) as Json;
  assert.ok(Array.isArray(parsed));
  return parsed.filter(isObject);
}

function runCases(...cases: Json[]): VectorReport {
  return runVectorFile('test', JSON.stringify(cases));
}

function cardFiles(): string[] {
  return readdirSync(VECTORS)
    .filter((name) => name.startsWith('card-') && name.endsWith('.json'))
    .map((name) => path.join(VECTORS, name));
}

test('the published examples of the standards pass', () => {
  const report = runVectorFile('published', readFileSync(PUBLISHED, 'utf8'));
  assert.deepEqual(report.lines, []);
  assert.deepEqual(report.counts, { passed: 7, failed: 0, unsupported: 0 });
});

test(
  'every shared card vector passes; what is excused is a known mistake and is printed',
  { skip: missing('shared') },
  () => {
    for (const file of cardFiles()) {
      const report = runVectorFile(path.basename(file), readFileSync(file, 'utf8'));
      assert.equal(report.counts.failed + report.counts.unsupported, 0, report.lines.join('\n'));
      assert.equal(report.counts.passed, readCases(file).length);
      assert.ok(report.lines.every((line) => line.startsWith('ERRATUM')));
    }
  },
);

/** Another value of the same form. */
function altered(value: Json): Json {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string')
    return value.endsWith('0') ? `${value.slice(0, -1)}1` : `${value.slice(0, -1)}0`;
  if (Array.isArray(value))
    return value.length === 0 ? ['extra'] : [...value.slice(0, -1), altered(value.at(-1) ?? 0)];
  if (value === null) return 'something';
  const [key] = Object.keys(value);
  return key === undefined ? { extra: 1 } : { ...value, [key]: altered(value[key] ?? null) };
}

/** What of a case is compared: its expected keys, or the steps and outcome of an exchange. */
function alterations(vector: JsonObject): [string, JsonObject][] {
  const { expected, steps, outcome } = vector;
  const variants: [string, JsonObject][] = [];
  if (isObject(expected)) {
    for (const key of Object.keys(expected)) {
      if (['reason', 'note', 'icc_hash_checkable'].includes(key)) continue;
      variants.push([key, { ...vector, expected: { ...expected, [key]: altered(expected[key] ?? null) } }]);
    }
  }
  if (Array.isArray(steps)) {
    steps.forEach((step, index) => {
      for (const key of ['sw', 'tree']) {
        if (!isObject(step)) continue;
        const changed = steps.map((other, at) =>
          at === index ? { ...step, [key]: altered(step[key] ?? null) } : other,
        );
        variants.push([`steps[${index}].${key}`, { ...vector, steps: changed }]);
      }
    });
  }
  if (isObject(outcome)) {
    for (const key of Object.keys(outcome)) {
      variants.push([
        `outcome.${key}`,
        { ...vector, outcome: { ...outcome, [key]: altered(outcome[key] ?? null) } },
      ]);
    }
  }
  return variants;
}

test(
  'no expected value can be changed without a miss, in any shared vector',
  { skip: missing('shared') },
  () => {
    let variants = 0;
    for (const file of [...cardFiles(), PUBLISHED]) {
      for (const vector of readCases(file)) {
        for (const [key, changed] of alterations(vector)) {
          const { counts, lines } = runCases(changed);
          assert.equal(
            counts.failed,
            1,
            `${path.basename(file)}: ${JSON.stringify(vector['name'])}: ${key}: ${lines.join('\n')}`,
          );
          variants++;
        }
      }
    }
    assert.ok(variants > 250, `${variants} variants`);
  },
);

test('a key that is not computed, an unknown kind and an empty case are unsupported, never passed', () => {
  const known = { name: 'x', algorithm: 'SM3', message_hex: '' };
  const rows: readonly [string, Json][] = [
    ['unknown key', { ...known, expected: { digest: '', colour: 'red' } }],
    ['nothing expected', { ...known, expected: {} }],
    ['only prose', { ...known, expected: { reason: 'because' } }],
    ['no expected', known],
    ['unknown algorithm', { ...known, algorithm: 'SM9', expected: { digest: '' } }],
    ['unknown kind', { kind: 'sfi17', record_hex: '00', expected: { empty: true } }],
    ['no format', { message: 'abc', expected: { ok: true } }],
    ['input missing', { algorithm: 'SM3', expected: { digest: '' } }],
    ['input not hex', { algorithm: 'SM3', message_hex: 'abx', expected: { digest: '' } }],
    [
      'key of 15 bytes',
      {
        algorithm: 'SM4-ECB',
        key: '00'.repeat(15),
        plaintext: '00'.repeat(16),
        expected: { ciphertext: '' },
      },
    ],
    [
      'version of another scheme',
      { algorithm: 'cryptogram-input-assembly', iad: '06015503000000', expected: { data: '' } },
    ],
    [
      'session key method in other words',
      { algorithm: 'EMV-3DES', session_key_method: 'secret', imk_ac: '', expected: { ac: '' } },
    ],
  ];
  for (const [name, vector] of rows) {
    assert.deepEqual(runCases(vector).counts, { passed: 0, failed: 0, unsupported: 1 }, name);
  }
});

test('what is no array of objects has failed', () => {
  for (const text of ['', '{}', '[1]', '[null]', '[[]]', '{"a":']) {
    assert.equal(runVectorFile('test', text).counts.failed, 1, text);
  }
});

test('an erratum excuses one value, and only where the case itself proves it wrong', () => {
  const atcNode = (value: string): Json => ({ tag: '9F36', length: 2, value });
  const trace = (stated: string, treeValue: string): JsonObject => ({
    name: 'tap',
    steps: [
      { command: '80A80000', response: `9F3602${treeValue}9000`, sw: '9000', tree: [atcNode(treeValue)] },
    ],
    outcome: { atc: stated },
    expected: 'prose',
  });
  assert.deepEqual(runCases(trace('0ADC', '0ADC')), {
    lines: [],
    counts: { passed: 1, failed: 0, unsupported: 0 },
  });
  const excused = runCases(trace('DC57', '0ADC'));
  assert.equal(excused.counts.passed, 1);
  assert.match(excused.lines[0] ?? '', /^ERRATUM .*outcome\.atc/);
  assert.equal(runCases(trace('DC58', '0ADC')).counts.failed, 1);
  assert.equal(runCases(trace('DC57', '0ADD')).counts.failed, 1);
});

test('an outcome is read by the tag in its name, and a card that is silent gives null', () => {
  const trace = (outcome: JsonObject): JsonObject => ({
    steps: [
      { command: '', response: '771A5A0862280001000011179F360200059F100807010103900000019000', sw: '9000' },
    ],
    outcome,
    expected: 'prose',
  });
  const good = {
    pan: '6228000100001117',
    pan_from_5A: '6228000100001117',
    cryptogram_type: 'TC',
    ctq_9F6C: null,
    iad: '0701010390000001',
  };
  assert.deepEqual(runCases(trace(good)).lines, []);
  assert.equal(runCases(trace({ pan_from_57: '6228000100001117' })).counts.failed, 1);
  assert.equal(runCases(trace({ mood: 'good' })).counts.unsupported, 1);
});

test('the command ends with the counts, and its exit code says whether all was well', () => {
  const run = (...files: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', 'sdk/commands/vectors-command.ts', ...files], {
      cwd: ROOT,
      encoding: 'utf8',
    });
  const lastLine = (output: string): string => output.trimEnd().split('\n').at(-1) ?? '';
  const good = run('sdk/gm/published-vectors.json');
  assert.deepEqual([lastLine(good.stdout), good.status], ['7 passed, 0 failed, 0 unsupported', 0]);
  const bad = run('sdk/gm/published-vectors.json', 'package.json', 'no-such-file.json');
  assert.deepEqual([lastLine(bad.stdout), bad.status], ['7 passed, 2 failed, 0 unsupported', 1]);
  assert.equal(run().status, 2);
  assert.ok(existsSync(PUBLISHED));
});
