import assert from 'node:assert/strict';
import test from 'node:test';
import type { GmProviders } from './algorithms.ts';
import { nativeProviders } from './native-provider.ts';
import { chooseGmProviders, gmProviderReport } from './provider.ts';
import { selfTestSm2, selfTestSm3, selfTestSm4 } from './self-test.ts';
import { smCryptoProviders } from './sm-crypto-provider.ts';
import { tableSm4 } from './sm4-tables.ts';

const unavailable = (): never => {
  throw new Error('digital envelope routines::unsupported');
};
const withoutSm: GmProviders = {
  sm2: {
    name: 'node:crypto',
    importPublicKey: unavailable,
    verify: unavailable,
    sign: unavailable,
    publicKeyOf: unavailable,
  },
  sm3: { name: 'node:crypto', digest: unavailable },
  sm4: { name: 'node:crypto', ecb: unavailable, cbc: unavailable, ctr: unavailable },
};

test('both implementations reproduce the published examples', () => {
  for (const providers of [nativeProviders, smCryptoProviders]) {
    assert.equal(selfTestSm2(providers.sm2), 'passed');
    assert.equal(selfTestSm3(providers.sm3), 'passed');
    assert.equal(selfTestSm4(providers.sm4), 'passed');
  }
  assert.equal(selfTestSm4(tableSm4), 'passed');
});

test('this Node verifies SM2 natively and says so', () => {
  const report = gmProviderReport();
  assert.equal(report.sm2.chosen, 'node:crypto');
  assert.equal(report.sm3.chosen, 'node:crypto');
  assert.equal(report.fellBack, false);
});

test('a Node without SM algorithms falls back to sm-crypto for each, and the report says it', () => {
  const chosen = chooseGmProviders(withoutSm, smCryptoProviders);
  assert.equal(chosen.sm2.name, 'sm-crypto');
  assert.equal(chosen.sm3.name, 'sm-crypto');
  assert.equal(chosen.sm4Long.name, 'sm-crypto');
  assert.equal(chosen.report.fellBack, true);
  assert.match(chosen.report.sm2.why, /algorithm unavailable/);
});

test('an implementation that answers wrongly is not used, and only that one', () => {
  const wrongSm3: GmProviders = {
    ...nativeProviders,
    sm3: { name: 'node:crypto', digest: () => new Uint8Array(32) },
  };
  const chosen = chooseGmProviders(wrongSm3, smCryptoProviders);
  assert.equal(chosen.sm3.name, 'sm-crypto');
  assert.equal(chosen.sm2.name, 'node:crypto');
  assert.match(chosen.report.sm3.why, /wrong answer/);
});

test('a verifier that accepts everything fails the self-test', () => {
  const credulous = { ...nativeProviders.sm2, verify: () => true };
  assert.equal(selfTestSm2(credulous), 'wrong answer');
});

test('no implementation at all is a fault, not a silent success', () => {
  assert.throws(() => chooseGmProviders(withoutSm, withoutSm), /SM2: neither/);
});
