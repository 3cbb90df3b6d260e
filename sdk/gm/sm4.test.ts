import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import test from 'node:test';
import { bytesFromHex, hex } from '../emv/hex.ts';
import { SM4_KNOWN_ANSWER } from './known-answers.ts';
import {
  pad80,
  sm4CbcDecrypt,
  sm4CbcEncrypt,
  sm4CbcMac,
  sm4Ctr,
  sm4CtrTexts,
  sm4EcbDecrypt,
  sm4EcbEncrypt,
} from './sm4.ts';

const key = bytesFromHex(SM4_KNOWN_ANSWER.keyHex);
const block = bytesFromHex(SM4_KNOWN_ANSWER.plaintextHex);

test('SM4 reproduces example 1 of GB/T 32907-2016 in both directions', () => {
  assert.equal(hex(sm4EcbEncrypt(key, block)), SM4_KNOWN_ANSWER.ciphertextHex);
  assert.equal(
    hex(sm4EcbDecrypt(key, bytesFromHex(SM4_KNOWN_ANSWER.ciphertextHex))),
    SM4_KNOWN_ANSWER.plaintextHex,
  );
});

test('short and long inputs, which go to different implementations, chain the same way as OpenSSL', () => {
  const iv = bytesFromHex('000102030405060708090A0B0C0D0E0F');
  for (const blocks of [1, 2, 6, 7, 20]) {
    const data = Uint8Array.from({ length: blocks * 16 }, (_, index) => index & 0xff);
    const cbc = createCipheriv('sm4-cbc', key, iv).setAutoPadding(false).update(data);
    assert.equal(hex(sm4CbcEncrypt(key, iv, data)), hex(cbc));
    assert.equal(hex(sm4CbcDecrypt(key, iv, cbc)), hex(data));
    assert.equal(hex(sm4EcbDecrypt(key, sm4EcbEncrypt(key, data))), hex(data));
    const mac = createCipheriv('sm4-cbc', key, new Uint8Array(16)).setAutoPadding(false).update(data);
    assert.equal(hex(sm4CbcMac(key, data)), hex(mac.subarray(-16)));
  }
});

test('counter mode equals OpenSSL for any length, and carries over all sixteen bytes of the counter', () => {
  for (const ivHex of ['00'.repeat(16), 'FF'.repeat(16), `${'00'.repeat(12)}FFFFFFFE`]) {
    const iv = bytesFromHex(ivHex);
    for (const length of [0, 1, 15, 16, 17, 100, 1000]) {
      const data = new Uint8Array(length).fill(0x5a);
      const expected = createCipheriv('sm4-ctr', key, iv).update(data);
      assert.equal(hex(sm4Ctr(key, iv, data)), hex(expected));
      assert.equal(hex(sm4Ctr(key, iv, expected)), hex(data));
    }
  }
});

test('many texts at once come out as each alone, carries and empty texts included', () => {
  const texts = [
    '00'.repeat(16),
    'FF'.repeat(16),
    `${'00'.repeat(12)}FFFFFFFE`,
    `${'00'.repeat(4)}${'FF'.repeat(12)}`,
    `${'FF'.repeat(15)}FE`,
  ].flatMap((ivHex) =>
    [0, 1, 16, 33, 300].map((length) => ({
      iv: bytesFromHex(ivHex),
      data: Uint8Array.from({ length }, (_, index) => (index * 7) & 0xff),
    })),
  );
  const together = sm4CtrTexts(
    key,
    texts.map(({ iv, data }, index) => ({
      bytes: Buffer.concat([Buffer.alloc(index), iv, data]),
      ivAt: index,
      at: index + iv.length,
      length: data.length,
    })),
  );
  assert.deepEqual(
    together.map((text) => hex(text)),
    texts.map(({ iv, data }) => hex(createCipheriv('sm4-ctr', key, iv).update(data))),
  );
  assert.deepEqual(sm4CtrTexts(key, []), []);
  const beyond = { bytes: Buffer.alloc(20), ivAt: 0, at: 16, length: 5 };
  assert.throws(() => sm4CtrTexts(key, [beyond]), RangeError);
});

test('padding with 80 always adds, a whole block where the data is whole blocks', () => {
  assert.equal(hex(pad80(new Uint8Array(0), 8)), '8000000000000000');
  assert.equal(hex(pad80(bytesFromHex('0102'), 8)), '0102800000000000');
  assert.equal(hex(pad80(new Uint8Array(8), 8)), '00000000000000008000000000000000');
  assert.equal(pad80(new Uint8Array(32), 16).length, 48);
});

test('a key, vector or length that SM4 does not have is our fault and thrown', () => {
  assert.throws(() => sm4EcbEncrypt(new Uint8Array(15), block), RangeError);
  assert.throws(() => sm4EcbEncrypt(key, new Uint8Array(17)), RangeError);
  assert.throws(() => sm4CbcEncrypt(key, new Uint8Array(8), block), RangeError);
  assert.throws(() => sm4CbcMac(key, new Uint8Array(0)), RangeError);
});
