import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fen, sumFen } from '@tapgate/sdk/wire/money';
import { apportion } from './apportion.ts';

const CASES: readonly (readonly [
  what: string,
  fen: number,
  weights: Record<string, number>,
  shares: Record<string, number>,
])[] = [
  ['one operator gets all', 200, { A: 7 }, { A: 200 }],
  [
    'two equal parts of an odd amount: the first by id gets the odd fen',
    201,
    { B: 1, A: 1 },
    { A: 101, B: 100 },
  ],
  ['the largest remainder is served first', 100, { A: 1, B: 1, C: 4 }, { A: 17, B: 17, C: 66 }],
  ['equal remainders go in order of id', 100, { C: 1, B: 1, A: 1 }, { A: 34, B: 33, C: 33 }],
  ['a weight of zero gets nothing', 5, { A: 0, B: 3 }, { A: 0, B: 5 }],
  ['nothing is divided into nothing', 0, { A: 1, B: 2 }, { A: 0, B: 0 }],
  ['ids are ordered by code unit, not by language', 1, { a: 1, B: 1 }, { B: 1, a: 0 }],
];

for (const [what, amount, weights, shares] of CASES) {
  test(`apportioning: ${what}`, () => {
    const result = apportion(
      fen(amount),
      Object.entries(weights).map(([operatorId, weight]) => ({ operatorId, weight })),
    );
    assert.deepEqual(Object.fromEntries(result.map((s) => [s.operatorId, s.amountFen])), shares);
  });
}

test('shares sum to the fare, differ from the exact share by less than one fen, and do not depend on the order given', () => {
  const weights = fc.uniqueArray(
    fc.record({ operatorId: fc.stringMatching(/^[A-Z]{1,3}$/), weight: fc.integer({ min: 0, max: 90_000 }) }),
    { minLength: 1, maxLength: 6, selector: (w) => w.operatorId },
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2_000_000 }), weights, (amount, given) => {
      const total = given.reduce((sum, w) => sum + w.weight, 0);
      fc.pre(total > 0);
      const shares = apportion(fen(amount), given);
      assert.equal(sumFen(shares.map((s) => s.amountFen)), amount);
      for (const share of shares) {
        const weight = given.find((w) => w.operatorId === share.operatorId)?.weight ?? Number.NaN;
        assert.ok(Math.abs(share.amountFen - (amount * weight) / total) < 1);
      }
      assert.deepEqual(apportion(fen(amount), [...given].reverse()), shares);
    }),
  );
});

test('what cannot be divided is refused', () => {
  assert.throws(() => apportion(fen(-1), [{ operatorId: 'A', weight: 1 }]), /not negative/);
  assert.throws(() => apportion(fen(1), []), /must not all be zero/);
  assert.throws(() => apportion(fen(1), [{ operatorId: 'A', weight: 0 }]), /must not all be zero/);
  assert.throws(() => apportion(fen(1), [{ operatorId: 'A', weight: 0.5 }]), /integer/);
  const twice = [
    { operatorId: 'A', weight: 1 },
    { operatorId: 'A', weight: 2 },
  ];
  assert.throws(() => apportion(fen(1), twice), /one weight/);
});
