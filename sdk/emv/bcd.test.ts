import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  bcdDigits,
  bcdFromDigits,
  bcdFromNumber,
  bcdNumber,
  compressedDigits,
  compressedFromDigits,
} from './bcd.ts';
import { bytesFromHex, hex } from './hex.ts';

test('numeric and compressed numeric fill from opposite sides', () => {
  assert.equal(hex(bcdFromNumber(200, 6)), '000000000200');
  assert.equal(hex(compressedFromDigits('62280001', 10)), `62280001${'F'.repeat(12)}`);
  assert.equal(hex(bcdFromDigits('7', 1)), '07');
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.nat({ max: 999_999_999_999 }), (value) => {
      assert.equal(bcdNumber(bcdFromNumber(value, 6)), value);
    }),
  );
  fc.assert(
    fc.property(fc.stringMatching(/^\d{1,20}$/), (digits) => {
      assert.equal(compressedDigits(compressedFromDigits(digits, 10)), digits);
    }),
  );
});

test('nibbles that are no digits are refused', () => {
  assert.equal(bcdDigits(bytesFromHex('0A')), null);
  assert.equal(bcdDigits(bytesFromHex('F0')), null);
  assert.equal(bcdNumber(bytesFromHex('FFFF')), null);
  assert.equal(compressedDigits(bytesFromHex('62F8')), null);
  assert.equal(compressedDigits(bytesFromHex('6A')), null);
  assert.equal(bcdNumber(bytesFromHex('99'.repeat(9))), null);
});

test('a value of ours that does not fit is thrown', () => {
  assert.throws(() => bcdFromNumber(1_000_000, 3), RangeError);
  assert.throws(() => bcdFromNumber(-1, 3), RangeError);
  assert.throws(() => bcdFromNumber(0.5, 3), RangeError);
  assert.throws(() => bcdFromDigits('12A', 3), RangeError);
});
