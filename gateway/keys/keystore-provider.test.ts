import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { hex } from '@tapgate/sdk/emv/hex';
import { parseSm2RootFile } from '@tapgate/sdk/emv/ca-keys';
import { importSm2PublicKey, sm2Verify } from '@tapgate/sdk/gm/sm2';
import { verifyIssuerCertificate } from '@tapgate/sdk/emv/sm2-certificates';
import { isoDate, terminalId } from '@tapgate/sdk/wire/identifiers';
import { issuerPersonalisation, operatorToken, terminalCredentials } from './demo-credentials.ts';
import { completeDemoKeystore, createDemoKeystore, DEMO_CA, rotateKey } from './demo-keystore.ts';
import { KEY_KINDS } from './key-kinds.ts';
import { KeystoreProvider } from './keystore-provider.ts';
import type { Keystore } from './keystore.ts';

const NOW = '2026-11-21T08:00:00Z';
const BUS = terminalId('BUSA0001');
const owners = { terminalIds: [BUS], banks: [{ bankId: 'XBANK', issuerIdentifier: '999001' }] };
const keystore = createDemoKeystore(owners, { createdAt: NOW, seed: Buffer.from('seed 1') });
const provider = new KeystoreProvider(keystore);

function rotated(from: Keystore, id: string): Keystore {
  const rotation = rotateKey(from, id, NOW);
  assert.ok(rotation.ok);
  return rotation.keystore;
}

test('a PAN token is the left half of HMAC-SM3 over the digits, by OpenSSL', () => {
  const secret = keystore.current('pan-token').secret;
  const expected = createHmac('sm3', secret)
    .update('9990010000000000012')
    .digest('hex')
    .slice(0, 32)
    .toUpperCase();
  assert.equal(provider.panToken('9990010000000000012'), expected);
  assert.throws(
    () => provider.panToken('99900100000000000 2'),
    (error: unknown) => error instanceof RangeError && !error.message.includes('9990'),
  );
});

test('a terminal’s MAC key is HMAC-SM3 of its id, and the terminal side has the same', () => {
  const expected = createHmac('sm3', keystore.current('terminal-mac').secret).update('BUSA0001').digest();
  assert.deepEqual(Buffer.from(provider.terminalMacKey(BUS)), expected);
  assert.deepEqual(terminalCredentials(keystore, BUS).macKey, provider.terminalMacKey(BUS));
});

test('a data key wrapped before a rotation of the wrapping key opens after it', () => {
  const dataKey = randomBytes(16);
  const before = provider.wrapDataKey(dataKey);
  const after = new KeystoreProvider(rotated(keystore, 'data-wrapping'));
  assert.deepEqual(Buffer.from(after.unwrapDataKey(before)), dataKey);
  const again = after.wrapDataKey(dataKey);
  assert.deepEqual([before.wrappingKeyVersion, again.wrappingKeyVersion], [1, 2]);
  assert.deepEqual(Buffer.from(after.unwrapDataKey(again)), dataKey);
  assert.throws(
    () => provider.unwrapDataKey(again),
    { name: 'KeyFault' },
    'version 2 is unknown to the old keystore',
  );
  assert.throws(() => after.unwrapDataKey({ ...before, wrappingKeyVersion: 2 }), { name: 'KeyFault' });
});

test('a sealed datum opens only in its context, also after a rotation', () => {
  const birthDate = new TextEncoder().encode('1952-03-04');
  const sealed = provider.seal(birthDate, 'card A');
  const after = new KeystoreProvider(rotated(keystore, 'personal-data'));
  assert.deepEqual(Buffer.from(after.open(sealed, 'card A')), Buffer.from(birthDate));
  assert.throws(() => after.open(sealed, 'card B'), { name: 'KeyFault' });
  assert.throws(() => after.open(sealed.subarray(0, 4), 'card A'), { name: 'KeyFault' });
  assert.throws(() => after.open(Uint8Array.of(0, 0, 0, 9, ...sealed.subarray(4)), 'card A'), {
    name: 'KeyFault',
  });
});

test('a manifest’s signature verifies under the published key and no other', () => {
  const message = new TextEncoder().encode('manifest');
  const signatureRs = provider.signManifest(message);
  assert.equal(signatureRs.length, 64);
  assert.ok(sm2Verify({ publicKeyXy: provider.manifestPublicKey(), message, signatureRs }));
  const after = new KeystoreProvider(rotated(keystore, 'manifest-signing'));
  assert.ok(!sm2Verify({ publicKeyXy: after.manifestPublicKey(), message, signatureRs }));
});

test('the issuer certificate is 142 bytes and verifies under the test root, for cards of its BIN only', () => {
  const { issuerCertificate, caKeyIndex, publicKeyXy, imkAc, imkMac } = issuerPersonalisation(
    keystore,
    'XBANK',
  );
  const publicKey = importSm2PublicKey(keystore.current('root-ca').publicKeyXy ?? new Uint8Array());
  assert.ok(publicKey);
  assert.equal(issuerCertificate.length, 142);
  assert.equal(caKeyIndex, DEMO_CA.index);
  const caKey = { ...DEMO_CA, expiry: isoDate(DEMO_CA.expiresOn), algorithm: 'SM2' as const, publicKey };
  const verified = verifyIssuerCertificate(issuerCertificate, caKey, {
    pan: null,
    onDate: isoDate('2026-11-21'),
  });
  assert.ok(verified.ok);
  assert.equal(hex(verified.certificate.issuerId), '999001FF');
  assert.equal(hex(verified.certificate.publicKeyXy), hex(publicKeyXy));
  assert.deepEqual([imkAc.length, imkMac.length], [16, 16]);
  assert.deepEqual(provider.issuerMasterKey('XBANK', 'ac'), imkAc);
  assert.equal(provider.issuerMasterKey('YBANK', 'ac'), null);
  assert.ok(!parseSm2RootFile(issuerCertificate).ok);
});

test('the same seed gives the same keys, another seed or none gives others', () => {
  const all = (store: Keystore): string[] => store.list().map(({ id }) => hex(store.current(id).secret));
  const again = createDemoKeystore(owners, { createdAt: NOW, seed: Buffer.from('seed 1') });
  assert.deepEqual(all(again), all(keystore));
  const others = [
    createDemoKeystore(owners, { createdAt: NOW, seed: Buffer.from('seed 2') }),
    createDemoKeystore(owners, { createdAt: NOW }),
  ];
  for (const other of others) {
    const shared = all(other).filter((secret) => all(keystore).includes(secret));
    assert.deepEqual(shared, []);
    assert.equal(new Set(all(other)).size, all(other).length, 'no two keys are the same');
  }
});

test('a terminal that joins later gets a key, and the others keep theirs', () => {
  const METRO = terminalId('M1S1IN01');
  const joined = completeDemoKeystore(keystore, { ...owners, terminalIds: [BUS, METRO] }, { createdAt: NOW });
  assert.deepEqual(terminalCredentials(joined, BUS), terminalCredentials(keystore, BUS));
  assert.equal(terminalCredentials(joined, METRO).sm2PublicKey.length, 64);
  assert.equal(
    completeDemoKeystore(joined, owners, { createdAt: NOW }),
    joined,
    'nothing missing: the same keystore',
  );
});

test('every kind of key either rotates and keeps its old version, or says why not', () => {
  for (const [name, kind] of Object.entries(KEY_KINDS)) {
    const id = { gateway: name, bank: `${name}/XBANK`, terminal: `${name}/BUSA0001` }[kind.each];
    const rotation = rotateKey(keystore, id, NOW);
    if (kind.keptBecause !== null) {
      assert.deepEqual(rotation, { ok: false, reason: kind.keptBecause }, id);
      continue;
    }
    assert.ok(rotation.ok, id);
    assert.equal(rotation.version, 2);
    assert.deepEqual(rotation.keystore.version(id, 1), keystore.current(id));
    assert.notDeepEqual(rotation.keystore.current(id).secret, keystore.current(id).secret);
    const states = rotation.keystore
      .list()
      .filter((key) => key.id === id)
      .map((key) => key.state);
    assert.deepEqual(states, ['retired', 'current']);
  }
  assert.equal(rotateKey(keystore, 'no-such-key', NOW).ok, false);
  assert.equal(rotateKey(keystore, 'terminal/NOSUCH01', NOW).ok, false);
});

test('the operator token is 256 bits, and another one after a rotation', () => {
  assert.match(operatorToken(keystore), /^tgo_[A-Za-z0-9_-]{43}$/);
  assert.notEqual(operatorToken(rotated(keystore, 'operator-token')), operatorToken(keystore));
});
