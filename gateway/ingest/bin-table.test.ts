import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinTable } from './bin-table.ts';

test('the longest BIN that begins the PAN names the bank', () => {
  const table = new BinTable([
    { bin: '622', bankId: 'WIDE' },
    { bin: '62284801', bankId: 'NARROW' },
  ]);
  assert.equal(table.findBank('6228480112345678'), 'NARROW');
  assert.equal(table.findBank('6228480912345678'), 'WIDE');
  assert.equal(table.findBank('4000000000000000'), null);
  assert.equal(new BinTable([]).findBank('6228480112345678'), null);
});

test('one BIN has one bank', () => {
  assert.throws(
    () =>
      new BinTable([
        { bin: '622', bankId: 'A' },
        { bin: '622', bankId: 'B' },
      ]),
    RangeError,
  );
  assert.throws(() => new BinTable([{ bin: '62x', bankId: 'A' }]), RangeError);
});
