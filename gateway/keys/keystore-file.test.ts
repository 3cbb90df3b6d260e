import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import { openKeystore, openOrCreateKeystore } from './open-keystore.ts';
import { Keystore } from './keystore.ts';
import {
  createKeystoreFile,
  openSealedKeystore,
  readKeystoreFile,
  sealKeystore,
  writeKeystoreFile,
} from './keystore-file.ts';

const QUICK = { n: 2 ** 10, r: 8, p: 1 };
const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-keys-'));
after(() => {
  rmSync(folder, { recursive: true });
});

const SECRET = Buffer.from('00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF', 'hex');
const sample = Keystore.empty().with(
  { id: 'pan-token', secret: SECRET, publicKeyXy: null, certificate: null },
  '2026-11-21T08:00:00Z',
);

test('a keystore file opens under its passphrase and holds what was put in', () => {
  const file = path.join(folder, 'one.json');
  writeKeystoreFile(file, sample, 'correct horse', QUICK);
  const read = readKeystoreFile(file, 'correct horse');
  assert.deepEqual(Buffer.from(read?.current('pan-token').secret ?? []), SECRET);
  assert.deepEqual(read?.list(), sample.list());
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(readKeystoreFile(path.join(folder, 'none.json'), 'x'), null);
});

test('the file shows no key, and neither does a keystore that is logged', () => {
  const text = sealKeystore(sample, 'correct horse', QUICK);
  const shown = [
    text,
    JSON.stringify(sample),
    inspect(sample, { depth: 9, showHidden: true }),
    JSON.stringify(sample.list()),
  ];
  for (const one of shown) {
    assert.ok(!/00112233445566778899AABBCCDDEEFF/i.test(one));
    assert.ok(!one.includes(SECRET.toString('base64').slice(0, 20)));
  }
});

test('a wrong passphrase and a changed file are refused with the same code', () => {
  const text = sealKeystore(sample, 'correct horse', QUICK);
  const wrong = { name: 'StartFault', code: 'keystore_passphrase_wrong' };
  assert.throws(() => openSealedKeystore(text, 'wrong horse', 'file'), wrong);
  const box = /"box": "([^"]{40})/.exec(text)?.[1] ?? '';
  assert.throws(
    () =>
      openSealedKeystore(text.replace(box, `${box.slice(20)}${box.slice(0, 20)}`), 'correct horse', 'file'),
    wrong,
  );
  // Parameters are authenticated too: they cannot be lowered in a file that then still opens.
  assert.throws(() => openSealedKeystore(text.replace('"p": 1', '"p": 2'), 'correct horse', 'file'), wrong);
});

test('what is no keystore file is said so, without being read as one', () => {
  const text = sealKeystore(sample, 'correct horse', QUICK);
  const cases = [
    '',
    'not json',
    '{}',
    text.slice(0, -20),
    text.replace('"n": 1024', '"n": 4294967296'),
    text.replace('"n": 1024', '"n": 1000'),
  ];
  for (const damaged of cases) {
    assert.throws(() => openSealedKeystore(damaged, 'correct horse', 'file'), { code: 'keystore_invalid' });
  }
});

test('of two first writers one counts, and a replacement leaves no other file', () => {
  const file = path.join(folder, 'race.json');
  const other = Keystore.empty();
  assert.equal(createKeystoreFile(file, sample, 'correct horse', QUICK), true);
  assert.equal(createKeystoreFile(file, other, 'correct horse', QUICK), false);
  assert.equal(readKeystoreFile(file, 'correct horse')?.list().length, 1);
  const before = readFileSync(file, 'utf8');
  writeKeystoreFile(file, sample, 'correct horse', QUICK);
  assert.notEqual(readFileSync(file, 'utf8'), before, 'sealed anew each time');
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('race')),
    ['race.json'],
  );
});

test('a torn half-written file is not taken for a keystore', () => {
  const file = path.join(folder, 'torn.json');
  writeFileSync(file, sealKeystore(sample, 'correct horse', QUICK).slice(0, 100));
  assert.throws(() => readKeystoreFile(file, 'correct horse'), { code: 'keystore_invalid' });
});

test('a passphrase that people choose is stretched with 128 MiB; one that was generated needs no more than 16', () => {
  const stretchedWith = (keystorePassphrase: string | null): unknown => {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'keystore-'));
    try {
      const settings = { dataDir, keystorePassphrase };
      const owners = { banks: [], terminalIds: [] };
      const made = openOrCreateKeystore(settings, owners, '2026-11-22T00:00:00Z');
      const read = (): unknown =>
        (JSON.parse(readFileSync(made.file, 'utf8')) as { kdf: { n: unknown } }).kdf.n;
      const first = read();
      made.replace(made.keystore);
      assert.equal(read(), first);
      assert.ok(openKeystore(settings));
      return first;
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  };
  assert.equal(stretchedWith(null), 2 ** 14);
  assert.equal(stretchedWith('correct horse'), 2 ** 17);
});
