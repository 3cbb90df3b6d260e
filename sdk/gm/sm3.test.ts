import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';
import { bytesFromHex, hex } from '../emv/hex.ts';
import { SM3_KNOWN_ANSWERS } from './known-answers.ts';
import { hmacSm3, HmacSm3Key, sm3 } from './sm3.ts';

test('SM3 reproduces both examples of GB/T 32905-2016 annex A', () => {
  for (const { messageHex, digestHex } of SM3_KNOWN_ANSWERS) {
    assert.equal(hex(sm3(bytesFromHex(messageHex))), digestHex);
  }
});

test('parts are hashed as one message, wherever it is cut', () => {
  const message = new TextEncoder().encode('abcdabcdabcdabcd');
  for (let cut = 0; cut <= message.length; cut++) {
    assert.equal(hex(sm3(message.subarray(0, cut), message.subarray(cut))), hex(sm3(message)));
  }
  assert.equal(hex(sm3()), hex(sm3(new Uint8Array())));
});

test('HMAC-SM3 equals that of OpenSSL for keys below, at and above one block', () => {
  const message = new TextEncoder().encode('tap record');
  for (const keyBytes of [0, 1, 16, 32, 63, 64, 65, 100]) {
    const key = new Uint8Array(keyBytes).fill(0xa5);
    const expected = createHmac('sm3', key).update(message).digest();
    assert.equal(hex(hmacSm3(key, message)), hex(expected));
    assert.equal(hex(hmacSm3(key, message.subarray(0, 3), message.subarray(3))), hex(expected));
  }
});

test('HMAC-SM3 equals that of OpenSSL for every length of message, short ones computed here and long ones not', () => {
  const secret = Buffer.from('a key that stays', 'ascii');
  const key = new HmacSm3Key(secret);
  for (let length = 0; length <= 1_100; length++) {
    const message = Uint8Array.from({ length }, (_, index) => (index * 167 + length * 31) & 0xff);
    assert.equal(hex(key.tag(message)), hex(createHmac('sm3', secret).update(message).digest()), `${length}`);
  }
});
