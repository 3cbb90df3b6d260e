import assert from 'node:assert/strict';
import test from 'node:test';
import { bytesFromHex } from './hex.ts';
import {
  parseTUnionBalance,
  parseTUnionCardData,
  parseTUnionRide,
  parseTUnionTransaction,
} from './tunion-records.ts';

test('a balance is four bytes of binary fen and 9000', () => {
  assert.equal(parseTUnionBalance(bytesFromHex('000003E89000')), 1000);
  assert.equal(parseTUnionBalance(bytesFromHex('FFFFFFFF9000')), 4294967295);
  for (const response of ['', '9000', '000003E86A82', '0003E89000', '00000003E89000']) {
    assert.equal(parseTUnionBalance(bytesFromHex(response)), null);
  }
});

test('a purse transaction is cut at its offsets', () => {
  const record = bytesFromHex('0001' + '00000A' + '000000C8' + '06' + '112233445566' + '20260901083000');
  assert.deepEqual(parseTUnionTransaction(record), {
    sequence: 1,
    overdraftFen: 10,
    amountFen: 200,
    type: '06',
    terminal: '112233445566',
    datetime: '20260901083000',
  });
});

test('a ride is cut at its offsets', () => {
  const record = bytesFromHex(
    '03' +
      '1122334455667788' +
      '01' +
      '01020304050607' +
      '000000C8' +
      '00000BB8' +
      '20260901083000' +
      '1000' +
      '01011000FFFFFFFF' +
      '000000000000',
  );
  assert.deepEqual(parseTUnionRide(record), {
    type: '03',
    terminal: '1122334455667788',
    mode: '01',
    lineStation: '01020304050607',
    amountFen: 200,
    balanceFen: 3000,
    datetime: '20260901083000',
    city: '1000',
    institution: '01011000FFFFFFFF',
  });
});

test('the card data is cut at its offsets', () => {
  const record = bytesFromHex(
    '01011000FFFFFFFF' + '00' + '02' + '03104895199900000003' + '20210416' + '20401231' + '0000',
  );
  assert.deepEqual(parseTUnionCardData(record), {
    issuer: '01011000FFFFFFFF',
    version: '02',
    cardNumber: '03104895199900000003',
    issued: '20210416',
    validUntil: '20401231',
  });
});

test('a slot of zeros is empty, and a record of another length is none', () => {
  assert.equal(parseTUnionTransaction(new Uint8Array(23)), 'empty');
  assert.equal(parseTUnionRide(new Uint8Array(48)), 'empty');
  assert.equal(parseTUnionCardData(new Uint8Array(30)), 'empty');
  for (const length of [0, 22, 24, 47, 49, 29, 31]) {
    assert.equal(parseTUnionTransaction(new Uint8Array(length)), null);
    assert.equal(parseTUnionRide(new Uint8Array(length)), null);
    assert.equal(parseTUnionCardData(new Uint8Array(length)), null);
  }
});
