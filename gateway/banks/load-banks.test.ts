import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { missing, SHARED_FOLDER } from '../../test-requirements.ts';
import { BANKS_FILE, loadBanks } from './load-banks.ts';

const banks = loadBanks();

test('seven banks, each with cards of its own', () => {
  assert.equal(banks.length, 7);
  const bins = banks.flatMap((bank) => bank.bins);
  assert.equal(new Set(bins).size, bins.length);
  assert.ok(
    bins.every((bin) => bin.startsWith('999')),
    'invented BINs, of no scheme',
  );
});

test('the codes are those of the reference table', { skip: missing('shared') }, () => {
  const [head = '', ...rows] = readFileSync(
    path.join(SHARED_FOLDER, 'clearing-data/codes/ningbo-banks.csv'),
    'utf8',
  )
    .trim()
    .split('\n')
    .map((line) => line.replaceAll('\r', ''));
  const columns = head.split(',');
  const table = rows.map((row) =>
    Object.fromEntries(row.split(',').map((cell, index) => [columns[index] ?? '', cell])),
  );
  assert.equal(table.length, banks.length);
  for (const row of table) {
    const bank = banks.find(({ bankId }) => bankId === row['short']);
    assert.ok(bank, row['short']);
    const codes = [bank.bic, bank.cnapsCode, bank.unionpayId ?? ''];
    assert.deepEqual(codes, [row['bic8'], row['cnaps12_head'], row['unionpay_inst8']], bank.bankId);
  }
});

const scratch = mkdtempSync(path.join(tmpdir(), 'tapgate-banks-'));
after(() => {
  rmSync(scratch, { recursive: true });
});

test('a mistake in the file is named by path and reason', () => {
  const cases: readonly [from: string, to: string, reason: RegExp][] = [
    ["'102100099996'", "'102100099997'", /banks\.0\.cnapsCode\.value: not a CNAPS code/],
    ['ICBKCNBJ', 'ICBK', /banks\.0\.bic\.value: not a BIC/],
    ["bins: ['999002']", "bins: ['999001']", /banks\.bins: 999001 stands twice/],
    ["bins: ['999002']", 'bins: []', /banks\.1\.bins: /],
    ['bankId: CCB', 'bankId: ICBC', /banks\.bankId: ICBC stands twice/],
    ['mark: sure', 'mark: certain', /banks\.0\.bic\.mark: /],
    ['binsMark: invented', 'binsMark: invented\nnote: x', /Unrecognized key: "note"/],
  ];
  for (const [from, to, reason] of cases) {
    const file = path.join(scratch, 'banks.yaml');
    const before = readFileSync(BANKS_FILE, 'utf8');
    writeFileSync(file, before.replace(from, to));
    assert.notEqual(readFileSync(file, 'utf8'), before);
    assert.throws(() => loadBanks(file), { code: 'data_file_invalid', message: reason }, to);
  }
  assert.throws(() => loadBanks(path.join(scratch, 'none.yaml')), { code: 'data_file_invalid' });
});
