import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inMinorUnits, parseDecimal } from './decimal.ts';
import { compileGrammar } from './grammar.ts';
import { simpleType } from './simple-types.ts';

const FORMS: readonly (readonly [type: string, accepted: readonly string[], refused: readonly string[]])[] = [
  ['text3', ['a', 'abc', '汉字𠀀', ' '], ['', 'abcd', '汉字𠀀a']],
  ['digits4', ['0', '0012'], ['', '12345', '1a', ' 1']],
  [
    'amountValue',
    ['0', '1.', '.5', '000000000000000000000.10', '1234567890123.12345', ' 2 ', '-0', '+1'],
    ['', '.', '-1', '1.123456', '1234567890123456789', '1,5', '1e3', 'NaN'],
  ],
  ['decimal', ['-1.5', '0.12345678901234567'], ['0.123456789012345678', '']],
  ['unsignedDecimal', ['1.5'], ['-1.5']],
  ['number', ['-12', '1.0'], ['1.5']],
  [
    'date',
    ['2026-02-28', '2024-02-29', '2026-01-01Z', '2026-01-01+08:00'],
    ['2026-02-29', '2026-2-1', '20260101', '2026-01-01+15:00', '0000-01-01'],
  ],
  [
    'dateTime',
    ['2026-11-20T23:30:00', '2026-11-20T23:30:00.123Z', '2026-11-20T24:00:00+08:00'],
    ['2026-11-20T24:00:01', '2026-11-20', '2026-11-20T23:60:00', '2026-11-20 23:30:00'],
  ],
  ['bool', ['true', '0', ' 1 '], ['TRUE', 'yes', '']],
  ['bic', ['ICBKCNBJ', 'ICBKCNBJXXX', '1CB2CN3J'], ['ICBKCNB', 'icbkcnbj', 'ICBKCNBJXX']],
  ['oldBic', ['ICBKCNBJ'], ['1CBKCNBJ', 'ICBKCN1J', 'ICBKCNBO']],
  ['iban', ['NL56AGDH9619008421'], ['NL5AGDH', 'nl56AGDH']],
  [
    'uuid',
    ['00000000-0000-4000-8000-000000000000'],
    ['00000000-0000-1000-8000-000000000000', '00000000-0000-4000-8000-00000000000G'],
  ],
  ['phone', ['+86-574123'], ['+86574123', '86-574']],
  ['country', ['CN'], ['cn', 'CHN']],
];

for (const [type, accepted, refused] of FORMS) {
  test(`form of ${type}`, () => {
    const accepts = simpleType(type);
    assert.deepEqual(
      accepted.filter((value) => !accepts(value)),
      [],
    );
    assert.deepEqual(
      refused.filter((value) => accepts(value)),
      [],
    );
  });
}

test('a name that is no form is a mistake in a grammar', () => {
  assert.throws(() => simpleType('texts'), /no simple type/);
  const edition = { version: 8, generation: 3 };
  assert.throws(() => compileGrammar('A = B:nothing', 'R:A', edition), /no simple type/);
  assert.throws(() => compileGrammar('A == B', 'R:A', edition), /not a line/);
  assert.throws(() => compileGrammar('A = B{2}:text1', 'R:A', edition), /not an element/);
});

test('an element belongs to the versions and generations that it is marked with', () => {
  const names = (version: number, generation: number): string[] => {
    const { root } = compileGrammar('A = X@<04:text1 Y@>=04@<07:text1 Z@g>=2:text1', 'R:A', {
      version,
      generation,
    });
    return root.type.kind === 'sequence' ? root.type.particles.map((particle) => particle.name) : [];
  };
  assert.deepEqual(names(3, 1), ['X']);
  assert.deepEqual(names(5, 2), ['Y', 'Z']);
  assert.deepEqual(names(8, 3), ['Z']);
});

test('decimals are exact, in any writing', () => {
  assert.equal(parseDecimal('0.1'), parseDecimal('.1000'));
  assert.equal(parseDecimal('1e5'), null);
  assert.equal(parseDecimal(''), null);
  const sum = (parseDecimal('0.1') ?? 0n) + (parseDecimal('0.2') ?? 0n);
  assert.equal(sum, parseDecimal('0.3'));
  assert.deepEqual(inMinorUnits(parseDecimal('12.05') ?? 0n, 'CNY'), { minor: 1205n, exact: true });
  assert.deepEqual(inMinorUnits(parseDecimal('12.055') ?? 0n, 'CNY'), { minor: 1205n, exact: false });
  assert.deepEqual(inMinorUnits(parseDecimal('12') ?? 0n, 'JPY'), { minor: 12n, exact: true });
});
