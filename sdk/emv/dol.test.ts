import assert from 'node:assert/strict';
import test from 'node:test';
import { buildDolData, parseDol, type DolSource } from './dol.ts';
import { bytesFromHex, hex } from './hex.ts';

function source(values: Record<string, string>): DolSource {
  return new Map(Object.entries(values).map(([tag, value]) => [tag, bytesFromHex(value)]));
}

function built(dol: string, ...sources: Record<string, string>[]): string {
  const list = parseDol(bytesFromHex(dol));
  assert.ok(list.ok);
  return hex(buildDolData(list.entries, sources.map(source)));
}

test('a list is read entry by entry, with its total length', () => {
  const list = parseDol(bytesFromHex('9F66049F02069505DF8101019C00'));
  assert.ok(list.ok);
  assert.deepEqual(
    list.entries.map(({ tag, length }) => `${tag}:${length}`),
    ['9F66:4', '9F02:6', '95:5', 'DF8101:1', '9C:0'],
  );
  assert.equal(list.totalLength, 16);
  assert.equal(parseDol(new Uint8Array()).ok, true);
});

test('a broken list names its offset', () => {
  for (const [dol, code, offset] of [
    ['9F020695', 'length_missing', 4],
    ['9F02069F', 'tag_truncated', 4],
    ['9F02', 'length_missing', 2],
    ['9F8181818101', 'tag_too_long', 4],
  ] as const) {
    const list = parseDol(bytesFromHex(dol));
    assert.ok(!list.ok, dol);
    assert.equal(list.refusal.code, code, dol);
    assert.equal(list.refusal.offset, offset, dol);
  }
});

test('each format is cut and padded on its own side', () => {
  const rows: readonly [string, string, Record<string, string>, string][] = [
    ['numeric shorter than asked: zeros in front', '9F0206', { '9F02': '0200' }, '000000000200'],
    ['numeric longer than asked: the front is cut', '9F0202', { '9F02': '000000000200' }, '0200'],
    ['compressed numeric shorter: F behind', '5A0A', { '5A': '6228000100001117' }, '6228000100001117FFFF'],
    ['compressed numeric longer: the end is cut', '5A02', { '5A': '6228000100001117' }, '6228'],
    ['binary shorter: zeros behind', '9F3704', { '9F37': '0102' }, '01020000'],
    ['binary longer: the end is cut', '9F3702', { '9F37': '01020304' }, '0102'],
    ['text shorter: zeros behind', '9F4E04', { '9F4E': '4142' }, '41420000'],
    ['tag not in the dictionary: as binary', 'DF7F03', { DF7F: '01' }, '010000'],
    ['no source has it: zeros', '9F3704', {}, '00000000'],
    ['asked for no bytes', '9F0200', { '9F02': '000000000200' }, ''],
  ];
  for (const [name, dol, values, expected] of rows) assert.equal(built(dol, values), expected, name);
});

test('the first source that has a tag wins, even with an empty value', () => {
  assert.equal(built('9F3702', { '9F37': '0102' }, { '9F37': '0304' }), '0102');
  assert.equal(built('9F3702', { '9F37': '' }, { '9F37': '0304' }), '0000');
  assert.equal(built('9F37029A03', { '9A': '260901' }, { '9F37': '0304' }), '0304260901');
});
