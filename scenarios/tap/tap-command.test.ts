import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { TAP_SCENARIOS } from './tap-scenarios.ts';

const ROOT = path.join(import.meta.dirname, '../..');
/** A port on which no gateway listens, so that the command starts one of its own. */
const NOBODY = { HOST: '127.0.0.1', PORT: '1' };

function runTap(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', path.join(import.meta.dirname, 'tap-command.ts'), ...args],
      { cwd: ROOT, env: { ...process.env, ...NOBODY, NODE_TEST_CONTEXT: undefined } },
    );
    const output = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, ...output });
    });
  });
}

test('every scenario ends as it stands for, over a gateway that the command starts by itself', async () => {
  const { code, out, err } = await runTap('--all', '--json');
  const reports = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown> & { steps: unknown[] });
  assert.deepEqual(
    reports.map(({ scenario, ok }) => [scenario, ok]),
    TAP_SCENARIOS.map(({ name }) => [name, true]),
    err,
  );
  for (const report of reports) {
    assert.ok(report.steps.length >= 4, String(report['scenario']));
    for (const key of ['outcome', 'step', 'listFareFen', 'fareFen']) assert.ok(key in report, key);
  }
  assert.equal(code, 0);
  // No card's whole number is printed: the demonstration's BINs are 999001 to 999007, and what follows is masked.
  assert.match(out, /99900[1-7]\*/);
  assert.doesNotMatch(out, /99900[1-7]\d{6,}/);
});

test('a command that makes no sense ends with 2 and says where help is', async () => {
  for (const args of [
    [],
    ['no-such-scenario'],
    ['--all', 'clinic'],
    ['--date', '2026-02-30', 'clinic'],
    ['--what'],
  ]) {
    const { code, out, err } = await runTap(...args);
    assert.equal(code, 2, args.join(' '));
    assert.equal(out, '');
    assert.match(err, /--help/);
  }
});
