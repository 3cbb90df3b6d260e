import assert from 'node:assert/strict';
import { test } from 'node:test';
import { divideFen, fen, formatYuan, multiplyPermille, subtractFen, sumFen } from './money.ts';

test('money is a safe integer of fen or nothing', () => {
  for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
    assert.throws(() => fen(value), RangeError);
  assert.equal(fen(-200), -200);
});

test('every division names its rounding, and the three differ only between whole fen', () => {
  for (let amount = 0; amount <= 40; amount += 1) {
    const exact = amount / 4;
    assert.equal(divideFen(fen(amount), 4, 'floor'), Math.floor(exact));
    assert.equal(divideFen(fen(amount), 4, 'ceil'), Math.ceil(exact));
    assert.equal(divideFen(fen(amount), 4, 'halfUp'), Math.floor(exact + 0.5));
  }
});

test('a share in permille rounds once: 91 % of 3.05 yuan is 2.7755', () => {
  assert.equal(multiplyPermille(fen(305), 910, 'floor'), 277);
  assert.equal(multiplyPermille(fen(305), 910, 'halfUp'), 278);
  assert.equal(multiplyPermille(fen(305), 910, 'ceil'), 278);
});

test('a negative amount and a divisor of zero have no rounding', () => {
  assert.throws(() => divideFen(fen(-1), 2, 'floor'), RangeError);
  assert.throws(() => divideFen(fen(1), 0, 'floor'), RangeError);
});

test('a sum that leaves the safe integers is refused, not rounded', () => {
  assert.throws(() => sumFen([fen(Number.MAX_SAFE_INTEGER), fen(1)]), RangeError);
  assert.equal(subtractFen(fen(100), fen(250)), -150);
});

test('yuan have two decimals, below zero too', () => {
  assert.deepEqual(
    [0, 5, 200, 1205, -7].map((value) => formatYuan(fen(value))),
    ['0.00', '0.05', '2.00', '12.05', '-0.07'],
  );
});
