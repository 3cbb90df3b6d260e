import assert from 'node:assert/strict';
import test from 'node:test';
import { bytesFromHex, hex } from '../emv/hex.ts';
import { SM2_KNOWN_ANSWER } from './known-answers.ts';
import { sm2VerifyPrehashed } from './sm-crypto-provider.ts';
import { bytesOfScalar, SM2_ORDER } from './sm2-curve.ts';
import {
  derToRs,
  generateSm2KeyPair,
  importSm2PublicKey,
  isOnSm2Curve,
  rsToDer,
  sm2KeyPairFromSeed,
  sm2PublicKeyOf,
  sm2Sign,
  sm2Verify,
  sm2Z,
} from './sm2.ts';
import { sm3 } from './sm3.ts';

const publicKeyXy = bytesFromHex(SM2_KNOWN_ANSWER.publicKeyXyHex);
const privateKey = bytesFromHex(SM2_KNOWN_ANSWER.privateKeyHex);
const message = bytesFromHex(SM2_KNOWN_ANSWER.messageHex);
const signatureRs = bytesFromHex(SM2_KNOWN_ANSWER.signatureRsHex);

test('the signature example of GB/T 32918.5-2017 annex A verifies, and its Z is reproduced', () => {
  assert.equal(hex(sm2Z(publicKeyXy)), SM2_KNOWN_ANSWER.zHex);
  assert.equal(hex(sm2PublicKeyOf(privateKey)), SM2_KNOWN_ANSWER.publicKeyXyHex);
  assert.equal(sm2Verify({ publicKeyXy, message, signatureRs }), true);
  const digest = sm3(sm2Z(publicKeyXy), message);
  assert.equal(sm2VerifyPrehashed(publicKeyXy, digest, signatureRs), true);
});

test('a signature holds only for its message, its key and its user id', () => {
  const other = sm2KeyPairFromSeed(Uint8Array.of(1));
  const emptyId = new Uint8Array();
  assert.equal(sm2Verify({ publicKeyXy, message: new Uint8Array(14), signatureRs }), false);
  assert.equal(sm2Verify({ publicKeyXy: other.publicKeyXy, message, signatureRs }), false);
  assert.equal(sm2Verify({ publicKeyXy, message, signatureRs, userId: emptyId }), false);
  const signedWithEmptyId = sm2Sign({ privateKey, publicKeyXy, message, userId: emptyId });
  assert.equal(sm2Verify({ publicKeyXy, message, signatureRs: signedWithEmptyId, userId: emptyId }), true);
  assert.equal(sm2Verify({ publicKeyXy, message, signatureRs: signedWithEmptyId }), false);
});

test('every single flipped bit of a signature is refused', () => {
  const key = importSm2PublicKey(publicKeyXy);
  assert.ok(key);
  for (let bit = 0; bit < 512; bit++) {
    const altered = Uint8Array.from(signatureRs);
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(key.verify(message, altered), false);
  }
});

test('what a card can send in place of a signature is refused and never thrown', () => {
  const n = bytesOfScalar(SM2_ORDER);
  const one = bytesOfScalar(1n);
  const minusOne = bytesOfScalar(SM2_ORDER - 1n);
  const zero = new Uint8Array(32);
  const r = signatureRs.subarray(0, 32);
  const s = signatureRs.subarray(32);
  const cases: [string, Uint8Array][] = [
    ['empty', new Uint8Array()],
    ['one byte short', signatureRs.subarray(1)],
    ['one byte long', Buffer.concat([signatureRs, Uint8Array.of(0)])],
    ['r = 0', Buffer.concat([zero, s])],
    ['s = 0', Buffer.concat([r, zero])],
    ['r = n', Buffer.concat([n, s])],
    ['s = n', Buffer.concat([r, n])],
    ['all ones', new Uint8Array(64).fill(0xff)],
    ['r + s = 0 mod n', Buffer.concat([one, minusOne])],
    ['r and s exchanged', Buffer.concat([s, r])],
  ];
  for (const [name, bytes] of cases) {
    assert.equal(sm2Verify({ publicKeyXy, message, signatureRs: bytes }), false, name);
  }
});

test('a public key that is no point of the curve is refused', () => {
  const altered = Uint8Array.from(publicKeyXy);
  altered[63] = (altered[63] ?? 0) ^ 1;
  const overPrime = Buffer.concat([new Uint8Array(32).fill(0xff), publicKeyXy.subarray(32)]);
  for (const xy of [altered, overPrime, new Uint8Array(64), new Uint8Array(0), publicKeyXy.subarray(1)]) {
    assert.equal(isOnSm2Curve(xy), false);
    assert.equal(importSm2PublicKey(xy), null);
    assert.equal(sm2Verify({ publicKeyXy: xy, message, signatureRs }), false);
  }
  assert.equal(isOnSm2Curve(publicKeyXy), true);
});

test('a seed names one key pair; fresh key pairs differ; both sign', () => {
  const seed = new TextEncoder().encode('card 7');
  const pair = sm2KeyPairFromSeed(seed);
  assert.equal(hex(pair.privateKey), hex(sm2KeyPairFromSeed(seed).privateKey));
  const fresh = generateSm2KeyPair();
  assert.notEqual(hex(fresh.privateKey), hex(generateSm2KeyPair().privateKey));
  for (const keys of [pair, fresh]) {
    const signed = sm2Sign({ ...keys, message });
    assert.equal(signed.length, 64);
    assert.equal(isOnSm2Curve(keys.publicKeyXy), true);
    assert.equal(sm2Verify({ publicKeyXy: keys.publicKeyXy, message, signatureRs: signed }), true);
  }
});

test('a private key out of range is our fault and thrown', () => {
  assert.throws(() => sm2PublicKeyOf(new Uint8Array(32)), RangeError);
  assert.throws(() => sm2PublicKeyOf(bytesOfScalar(SM2_ORDER)), RangeError);
  assert.throws(() => sm2Sign({ privateKey: new Uint8Array(31), publicKeyXy, message }), RangeError);
});

test('raw and DER signatures convert into each other, leading zeros and high bits included', () => {
  const samples = [
    signatureRs,
    Buffer.concat([bytesOfScalar(1n), bytesOfScalar(0x80n)]),
    Buffer.concat([bytesOfScalar(0xffn), bytesOfScalar(0x7fffn)]),
    Buffer.concat([new Uint8Array(32).fill(0xff), new Uint8Array(32).fill(0x80)]),
  ];
  for (const rs of samples) {
    const back = derToRs(rsToDer(rs));
    assert.ok(back);
    assert.equal(hex(back), hex(rs));
  }
  assert.equal(hex(rsToDer(Buffer.concat([bytesOfScalar(1n), bytesOfScalar(0x80n)]))), '300702010102020080');
});

test('DER that is not exactly one minimal signature is refused', () => {
  for (const derHex of [
    '',
    '3006020101020101FF',
    '3007020100010201',
    '30080202000102020001',
    '3006020181020101',
    '3006020101030101',
    '3106020101020101',
    '30060201010202',
    '3005020101020101',
  ]) {
    assert.equal(derToRs(bytesFromHex(derHex.length % 2 === 0 ? derHex : `${derHex}0`)), null, derHex);
  }
});
