import assert from 'node:assert/strict';
import test from 'node:test';
import { idCheckCharacter, parseIdNumber, upgradeIdNumber } from './id-number.ts';

/** An invented number with its right check character. */
function numbered(first17: string): string {
  return first17 + (idCheckCharacter(first17) ?? '');
}

test('the example of GB 11643 is read, and any other check character refused', () => {
  const read = parseIdNumber('34052419800101001X');
  assert.ok(read.ok);
  assert.deepEqual(
    [read.idNumber.region, read.idNumber.birth, read.idNumber.sex],
    ['340524', '1980-01-01', 'M'],
  );
  for (const character of '0123456789') {
    const refused = parseIdNumber(`34052419800101001${character}`);
    assert.ok(!refused.ok);
    assert.equal(refused.refusal.code, 'check_character_wrong');
  }
});

test('every single wrong digit and every exchange of neighbours is found', () => {
  const right = numbered('11010119400101998');
  for (let at = 0; at < 17; at++) {
    for (const digit of '0123456789') {
      if (digit === right[at]) continue;
      assert.equal(parseIdNumber(right.slice(0, at) + digit + right.slice(at + 1)).ok, false);
    }
    const swapped = right.slice(0, at) + (right[at + 1] ?? '') + (right[at] ?? '') + right.slice(at + 2);
    if (swapped !== right) assert.equal(parseIdNumber(swapped).ok, false, String(at));
  }
});

test('a right check character does not make a date real, nor another form a number', () => {
  for (const [text, code] of [
    [numbered('11010119550229001'), 'birth_date_invalid'],
    [numbered('11010119550431001'), 'birth_date_invalid'],
    [numbered('11010119551301001'), 'birth_date_invalid'],
    ['34052419800101001x', 'form_invalid'],
    ['X4052419800101001X', 'form_invalid'],
    ['3405241980010100', 'form_invalid'],
    ['34052419800101001X0', 'form_invalid'],
    ['３４０５２４１９８００１０１００１X', 'form_invalid'],
    ['', 'form_invalid'],
  ] as const) {
    const result = parseIdNumber(text);
    assert.ok(!result.ok, text);
    assert.equal(result.refusal.code, code, text);
  }
});

test('the holder is named by the region: mainland, permits, foreign permanent residents', () => {
  for (const [first17, holderClass, sex] of [
    ['11010119400101998', 'mainland', 'F'],
    ['81000019900307211', 'HK resident', 'M'],
    ['82000019900307212', 'Macao resident', 'F'],
    ['83000019481231777', 'Taiwan resident', 'M'],
    ['91115619900307213', 'foreign permanent resident', 'M'],
  ] as const) {
    const result = parseIdNumber(numbered(first17));
    assert.ok(result.ok, first17);
    assert.deepEqual([result.idNumber.holderClass, result.idNumber.sex], [holderClass, sex]);
  }
});

test('fifteen digits become eighteen', () => {
  assert.equal(upgradeIdNumber('340524800101001'), '34052419800101001X');
  for (const text of ['34052480010100', '34052480010100X', '34052419800101001X'])
    assert.equal(upgradeIdNumber(text), null);
  assert.equal(idCheckCharacter('3405241980010100'), null);
});
