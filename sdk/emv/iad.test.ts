import assert from 'node:assert/strict';
import test from 'node:test';
import { bytesFromHex, hex } from './hex.ts';
import { cryptogramTypeOfCid, firstCryptogramType, parseIad, secondCryptogramType } from './iad.ts';

test('the IAD is read field by field', () => {
  const iad = parseIad(bytesFromHex('07010103A00000010A010000038787868FD1FC'));
  assert.ok(iad?.discretionary);
  assert.deepEqual(
    [iad.mandatoryLength, iad.derivationKeyIndex, iad.cryptogramVersion, hex(iad.cvr), iad.algorithm],
    [7, 1, 1, '03A00000', '3DES'],
  );
  assert.deepEqual(
    [
      iad.discretionary.length,
      iad.discretionary.id,
      hex(iad.discretionary.amounts),
      hex(iad.discretionary.mac),
    ],
    [10, 1, '0000038787', '868FD1FC'],
  );
  assert.equal(parseIad(bytesFromHex('0701110390000004'))?.algorithm, 'SM4');
  assert.equal(parseIad(bytesFromHex('0701110390000004'))?.discretionary, null);
  assert.equal(parseIad(bytesFromHex('06010A03000000'))?.algorithmIndicator, null);
});

test('two amounts are kept in their order', () => {
  const iad = parseIad(bytesFromHex('07010103A00000040F0300000387870000001000868FD1FC'));
  assert.equal(hex(iad?.discretionary?.amounts ?? new Uint8Array()), '00000387870000001000');
});

test('an IAD whose mandatory part is not whole is refused; broken discretionary data is not read', () => {
  for (const iad of [
    '',
    '07',
    '070101',
    '05010103A00000',
    '07010102A0000001',
    '07010103A00000',
    'FF'.repeat(32),
    `07010103A0000001${'00'.repeat(25)}`,
  ]) {
    assert.equal(parseIad(bytesFromHex(iad)), null, iad);
  }
  for (const rest of ['0A', '0A01', '04010203', '00', '0B010000038787868FD1FC']) {
    const iad = parseIad(bytesFromHex(`07010103A0000001${rest}`));
    assert.ok(iad);
    assert.equal(iad.discretionary, null, rest);
  }
});

test('the cryptogram type stands in the CVR, so a missing 9F27 hides nothing', () => {
  const rows: readonly [
    string,
    ReturnType<typeof firstCryptogramType>,
    ReturnType<typeof secondCryptogramType>,
  ][] = [
    ['03800000', 'AAC', 'not requested'],
    ['03900000', 'TC', 'not requested'],
    ['03A00000', 'ARQC', 'not requested'],
    ['03B00000', null, 'not requested'],
    ['03200000', 'ARQC', 'AAC'],
    ['03600000', 'ARQC', 'TC'],
    ['03E00000', 'ARQC', null],
  ];
  for (const [cvr, first, second] of rows) {
    assert.equal(firstCryptogramType(bytesFromHex(cvr)), first, cvr);
    assert.equal(secondCryptogramType(bytesFromHex(cvr)), second, cvr);
  }
  assert.deepEqual(
    ['00', '40', '80', 'C0', ''].map((cid) => cryptogramTypeOfCid(bytesFromHex(cid))),
    ['AAC', 'TC', 'ARQC', null, null],
  );
});
