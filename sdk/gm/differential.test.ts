import assert from 'node:assert/strict';
import test from 'node:test';
import { hex } from '../emv/hex.ts';
import { SeededRandom, seedOfRun } from '../emv/seeded-random.ts';
import { nativeProviders } from './native-provider.ts';
import { smCryptoProviders } from './sm-crypto-provider.ts';
import { tableSm4 } from './sm4-tables.ts';
import { derToRs, rsToDer } from './signature-encoding.ts';
import { bytesOfScalar, privateKeyFromUniformBytes, SM2_ORDER } from './sm2-curve.ts';
import { sm2Z } from './sm2.ts';

// The two implementations are each other's oracle. sm-crypto needs some 20 ms for an SM2 verification, hence few rounds;
// TAPGATE_SM2_ROUNDS raises them.
const seed = seedOfRun(process.env, Date.now());
const rounds = Number(process.env['TAPGATE_SM2_ROUNDS'] ?? '12');
const { sm2: native2, sm3: native3, sm4: native4 } = nativeProviders;
const { sm2: oracle2, sm3: oracle3, sm4: oracle4 } = smCryptoProviders;

test(`SM3 agrees on 600 random messages (TAPGATE_SEED=${seed})`, () => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 600; round++) {
    const message = random.bytes(round < 200 ? round : random.below(2000));
    assert.equal(hex(native3.digest(message)), hex(oracle3.digest(message)), `${message.length} bytes`);
  }
});

test(`SM4 agrees in all modes and directions on 400 random inputs (TAPGATE_SEED=${seed})`, () => {
  const random = new SeededRandom(seed + 1);
  for (let round = 0; round < 400; round++) {
    const key = random.bytes(16);
    const iv = random.bytes(16);
    const data = random.bytes(16 * random.below(20));
    for (const direction of ['encrypt', 'decrypt'] as const) {
      assert.equal(hex(native4.ecb(direction, key, data)), hex(oracle4.ecb(direction, key, data)));
      assert.equal(hex(native4.cbc(direction, key, iv, data)), hex(oracle4.cbc(direction, key, iv, data)));
      assert.equal(hex(tableSm4.ecb(direction, key, data)), hex(oracle4.ecb(direction, key, data)));
      assert.equal(hex(tableSm4.cbc(direction, key, iv, data)), hex(oracle4.cbc(direction, key, iv, data)));
    }
    const any = random.bytes(random.below(200));
    const highIv = round % 4 === 0 ? Uint8Array.from(iv, (byte, index) => (index > 8 ? 0xff : byte)) : iv;
    assert.equal(hex(native4.ctr(key, highIv, any)), hex(oracle4.ctr(key, highIv, any)));
    assert.equal(hex(tableSm4.ctr(key, highIv, any)), hex(oracle4.ctr(key, highIv, any)));
    assert.equal(hex(oracle4.cbc('decrypt', key, iv, native4.cbc('encrypt', key, iv, data))), hex(data));
  }
});

test(`SM2: each verifies what the other signs, and refuses it changed (TAPGATE_SEED=${seed})`, () => {
  const random = new SeededRandom(seed + 2);
  for (let round = 0; round < rounds; round++) {
    const privateKey = privateKeyFromUniformBytes(random.bytes(48));
    const publicKeyXy = native2.publicKeyOf(privateKey);
    assert.equal(hex(publicKeyXy), hex(oracle2.publicKeyOf(privateKey)));
    const prefixed = Buffer.concat([sm2Z(publicKeyXy), random.bytes(random.below(300))]);
    const changed = Uint8Array.from(prefixed, (byte, index) =>
      index === prefixed.length - 1 ? byte ^ 1 : byte,
    );
    const nativeKey = native2.importPublicKey(publicKeyXy);
    const oracleKey = oracle2.importPublicKey(publicKeyXy);
    const byNative = native2.sign(privateKey, publicKeyXy, prefixed);
    const byOracle = oracle2.sign(privateKey, publicKeyXy, prefixed);
    assert.notEqual(hex(byNative), hex(byOracle), 'signatures are randomised');
    for (const rs of [byNative, byOracle]) {
      const back = derToRs(rsToDer(rs));
      assert.equal(back && hex(back), hex(rs));
      assert.equal(native2.verify(nativeKey, prefixed, rs), true);
      assert.equal(native2.verify(nativeKey, changed, rs), false);
    }
    assert.equal(oracle2.verify(oracleKey, prefixed, byNative), true);
    assert.equal(oracle2.verify(oracleKey, changed, byNative), false);
  }
});

test('SM2: both refuse r + s = 0 mod n and signatures that only look right', () => {
  const privateKey = bytesOfScalar(0x1234567890abcdefn);
  const publicKeyXy = native2.publicKeyOf(privateKey);
  const prefixed = Buffer.concat([sm2Z(publicKeyXy), new TextEncoder().encode('abc')]);
  const rs = native2.sign(privateKey, publicKeyXy, prefixed);
  const r = rs.subarray(0, 32);
  const cases = [
    Buffer.concat([bytesOfScalar(1n), bytesOfScalar(SM2_ORDER - 1n)]),
    Buffer.concat([bytesOfScalar(1n), bytesOfScalar(1n)]),
    Buffer.concat([r, bytesOfScalar(1n)]),
    Buffer.concat([rs.subarray(32), r]),
  ];
  for (const forged of cases) {
    assert.equal(native2.verify(native2.importPublicKey(publicKeyXy), prefixed, forged), false);
    assert.equal(oracle2.verify(oracle2.importPublicKey(publicKeyXy), prefixed, forged), false);
  }
});

test('a key of one implementation is not taken by the other', () => {
  const publicKeyXy = native2.publicKeyOf(bytesOfScalar(5n));
  const bytes = new Uint8Array(64).fill(1);
  assert.throws(() => native2.verify(oracle2.importPublicKey(publicKeyXy), bytes, bytes), TypeError);
  assert.throws(() => oracle2.verify(native2.importPublicKey(publicKeyXy), bytes, bytes), TypeError);
});
