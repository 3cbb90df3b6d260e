import assert from 'node:assert/strict';
import test from 'node:test';
import { parseAfl, readRecordCommand } from './afl.ts';
import { bytesFromHex, hex } from './hex.ts';

test('a locator becomes READ RECORD commands in its order, with the authenticated records marked', () => {
  const afl = parseAfl(bytesFromHex('1002030188010201'));
  assert.ok(afl.ok);
  assert.deepEqual(
    afl.records.map(({ sfi, record, offlineAuth, contentOnly }) => [sfi, record, offlineAuth, contentOnly]),
    [
      [2, 2, true, true],
      [2, 3, false, true],
      [17, 1, true, false],
      [17, 2, false, false],
    ],
  );
  assert.equal(hex(readRecordCommand(17, 2)), '00B2028C00');
});

test('an empty locator reads nothing', () => {
  const afl = parseAfl(new Uint8Array());
  assert.ok(afl.ok);
  assert.equal(afl.records.length, 0);
});

test('the largest locator is bounded', () => {
  const afl = parseAfl(bytesFromHex('0801FF00'.repeat(63)));
  assert.ok(afl.ok);
  assert.equal(afl.records.length, 63 * 255);
});

test('every field that a card may set wrongly is refused at its offset', () => {
  for (const [afl, code, offset] of [
    ['080101', 'length_invalid', 3],
    ['08010100'.repeat(64), 'length_invalid', 256],
    ['00010100', 'sfi_invalid', 0],
    ['F8010100', 'sfi_invalid', 0],
    ['09010100', 'sfi_invalid', 0],
    ['0801010008000100', 'record_range_invalid', 5],
    ['08020100', 'record_range_invalid', 1],
    ['08010203', 'offline_auth_count_invalid', 3],
  ] as const) {
    const result = parseAfl(bytesFromHex(afl));
    assert.ok(!result.ok, afl);
    assert.deepEqual([result.refusal.code, result.refusal.offset], [code, offset], afl);
  }
});
