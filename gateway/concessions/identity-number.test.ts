import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { readIdentityNumber } from './identity-number.ts';

const TODAY = isoDate('2026-11-20');

/** The oracle: the published weights and check characters of GB 11643, not the doubling of MOD 11-2. */
const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS = '10X98765432';
function numbered(first17: string): string {
  const sum = WEIGHTS.reduce((total, weight, place) => total + weight * Number(first17[place]), 0);
  return `${first17}${CHECKS[sum % 11] ?? ''}`;
}

const codeOf = (number: string): string => {
  const read = readIdentityNumber(number, TODAY);
  return read.ok
    ? `${read.reading.birthDate}${read.reading.isResidencePermit ? ' permit' : ''}`
    : read.refusal.code;
};

describe('an identity number is read for its birth date', () => {
  const cases: readonly [string, string, string][] = [
    ['a number of 18', numbered('33020019500131002'), '1950-01-31'],
    ['a residence permit 81', numbered('81000019500131002'), '1950-01-31 permit'],
    ['a residence permit 82', numbered('82000019500131002'), '1950-01-31 permit'],
    ['a residence permit 83', numbered('83000019500131002'), '1950-01-31 permit'],
    ['a leap day', numbered('33020019480229003'), '1948-02-29'],
    ['born today', numbered('33020020261120002'), '2026-11-20'],
    ['150 years', numbered('33020018761231002'), '1876-12-31'],
    ['15 digits', '330200500131002', 'identity_number_first_generation'],
    ['15 digits and a letter', '33020050013100X', 'identity_number_malformed'],
    ['17 digits', '33020019500131002', 'identity_number_malformed'],
    ['19 digits', `${numbered('33020019500131002')}0`, 'identity_number_malformed'],
    ['nothing', '', 'identity_number_malformed'],
    ['full-width digits', '３３０２００１９５００１３１００２１', 'identity_number_malformed'],
    ['X in the middle', '3302001950X1310021', 'identity_number_malformed'],
    ['spaces around it', ` ${numbered('33020019500131002')}`, 'identity_number_malformed'],
    ['a region that is none', numbered('99020019500131002'), 'identity_number_region_unknown'],
    ['30 February', numbered('33020019500230002'), 'identity_number_birth_date_invalid'],
    ['29 February of an ordinary year', numbered('33020019490229002'), 'identity_number_birth_date_invalid'],
    ['born tomorrow', numbered('33020020261121002'), 'identity_number_birth_date_invalid'],
    ['151 years', numbered('33020018751231002'), 'identity_number_birth_date_invalid'],
  ];
  for (const [fact, number, is] of cases)
    test(fact, () => {
      assert.equal(codeOf(number), is);
    });
});

test('exactly one check character fits any seventeen digits; a lower-case x is an X', () => {
  const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(
      digits,
      fc.date({ min: new Date('1900-01-01'), max: new Date('2020-01-01'), noInvalidDate: true }),
      (tail, date) => {
        const first = `330200${date.toISOString().slice(0, 10).replaceAll('-', '')}${tail.join('')}`;
        const good = Array.from('0123456789X').filter(
          (c) => !codeOf(first + c).startsWith('identity_number'),
        );
        assert.deepEqual(good, [numbered(first).slice(17)]);
        assert.equal(codeOf(numbered(first).toLowerCase()), date.toISOString().slice(0, 10));
      },
    ),
    { numRuns: 500 },
  );
});

test('one wrong digit is always found, and so are two neighbours exchanged', () => {
  const number = numbered('33020019500131002');
  for (let at = 0; at < 17; at += 1) {
    for (const digit of '0123456789') {
      if (digit === number[at]) continue;
      const wrong = number.slice(0, at) + digit + number.slice(at + 1);
      assert.equal(codeOf(wrong), 'identity_number_check_failed', `place ${String(at)}`);
    }
    const swapped = number.slice(0, at) + (number[at + 1] ?? '') + (number[at] ?? '') + number.slice(at + 2);
    if (swapped === number || at === 16) continue;
    assert.equal(codeOf(swapped), 'identity_number_check_failed', `exchange at ${String(at)}`);
  }
});

test('no refusal holds a digit of the number', () => {
  const number = '33020019500131002X';
  const read = readIdentityNumber(number, TODAY);
  assert.ok(!read.ok);
  assert.doesNotMatch(JSON.stringify(read), /\d/);
});
