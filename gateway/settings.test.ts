import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { readSettings } from './settings.ts';

test('nothing set: loopback, 8080, a folder in the project, the embedded database', () => {
  assert.deepEqual(readSettings({}), {
    port: 8080,
    host: '127.0.0.1',
    dataDir: path.join(import.meta.dirname, '..', '.tapgate'),
    databaseUrl: null,
    keystorePassphrase: null,
  });
});

test('what is set is taken; a relative folder is below where the command was given', () => {
  const settings = readSettings({
    PORT: '0',
    HOST: '::1',
    DATA_DIR: 'some/where',
    DATABASE_URL: 'postgresql://u:p@db:5433/fares?sslmode=require',
    KEYSTORE_PASSPHRASE: ' spaces count ',
  });
  assert.deepEqual(settings, {
    port: 0,
    host: '::1',
    dataDir: path.resolve('some/where'),
    databaseUrl: 'postgresql://u:p@db:5433/fares?sslmode=require',
    keystorePassphrase: ' spaces count ',
  });
});

test('what cannot be meant is refused by name, never by value', () => {
  const cases: readonly [name: string, ...values: string[]][] = [
    ['PORT', '', '-1', '65536', '80a', '1e3', '8080 ', '0x50'],
    ['HOST', '', ' ', 'a b', 'http://x', 'x:80', '-x'],
    ['DATA_DIR', '', '  '],
    ['DATABASE_URL', '', 'secret', 'mysql://u:secret@h/d', 'postgres://u:secret@h', 'postgres://u:secret@h/'],
    ['KEYSTORE_PASSPHRASE', '', ' '],
  ];
  for (const [name, ...values] of cases) {
    for (const value of values) {
      assert.throws(
        () => readSettings({ [name]: value }),
        (error: unknown) =>
          error instanceof Error &&
          'exitCode' in error &&
          error.exitCode === 2 &&
          error.message.startsWith(`${name} `) &&
          !error.message.includes('secret'),
        `${name}=${value}`,
      );
    }
  }
});
