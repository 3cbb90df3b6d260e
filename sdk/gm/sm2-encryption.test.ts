import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sm2KeyPairFromSeed } from './sm2.ts';
import { sm2Decrypt, sm2Encrypt, type Sm2CiphertextForm } from './sm2-encryption.ts';

const KEY = sm2KeyPairFromSeed(Buffer.alloc(32, 3));
const OTHER = sm2KeyPairFromSeed(Buffer.alloc(32, 4));
const FORMS: readonly Sm2CiphertextForm[] = ['der', 'c1c3c2'];

test('what is encrypted under a key opens with its other half, in both written forms', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.constantFrom(...FORMS), (plain, form) => {
      const ciphertext = sm2Encrypt(KEY.publicKeyXy, plain, form);
      assert.deepEqual(sm2Decrypt(KEY.privateKey, ciphertext, form), plain);
    }),
    { numRuns: 20 },
  );
});

test('two encryptions differ, and neither opens with another key or after a change', () => {
  const plain = Buffer.from('0123456789ABCDEFFEDCBA9876543210', 'hex');
  for (const form of FORMS) {
    const first = sm2Encrypt(KEY.publicKeyXy, plain, form);
    assert.notDeepEqual(first, sm2Encrypt(KEY.publicKeyXy, plain, form));
    assert.equal(sm2Decrypt(OTHER.privateKey, first, form), null);
    for (const at of [0, 5, 40, 80, first.length - 1]) {
      const changed = Uint8Array.from(first);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal(sm2Decrypt(KEY.privateKey, changed, form), null, `${form} byte ${at}`);
    }
    assert.equal(sm2Decrypt(KEY.privateKey, first.subarray(0, -1), form), null);
  }
});

test('a DER ciphertext is a sequence of two integers and two octet strings', () => {
  const der = sm2Encrypt(KEY.publicKeyXy, Buffer.alloc(16, 9), 'der');
  assert.equal(der[0], 0x30);
  assert.equal(der[2 + (der[1] === 0x81 ? 1 : 0)], 0x02);
  const bare = sm2Encrypt(KEY.publicKeyXy, Buffer.alloc(16, 9), 'c1c3c2');
  assert.equal(bare.length, 1 + 64 + 32 + 16);
  assert.equal(bare[0], 0x04);
});

test('a key that is no point, and data that is none or too much, are refused', () => {
  assert.throws(() => sm2Encrypt(new Uint8Array(64), Uint8Array.of(1), 'der'), /curve/);
  assert.throws(() => sm2Encrypt(KEY.publicKeyXy, new Uint8Array(0), 'der'), /1 to/);
  assert.throws(() => sm2Encrypt(KEY.publicKeyXy, new Uint8Array(1_025), 'der'), /1 to/);
});
