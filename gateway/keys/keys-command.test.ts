import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { terminalId } from '@tapgate/sdk/wire/identifiers';
import { operatorToken } from './demo-credentials.ts';
import { openOrCreateKeystore, openKeystore } from './open-keystore.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-keys-'));
after(() => {
  rmSync(dataDir, { recursive: true });
});

const settings = { dataDir, keystorePassphrase: null };
const owners = {
  terminalIds: [terminalId('BUSA0001')],
  banks: [{ bankId: 'XBANK', issuerIdentifier: '999001' }],
};

type Answer = { readonly code: number | null; readonly out: string; readonly err: string };

function keys(args: readonly string[], environment: Record<string, string> = {}): Answer {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'gateway/keys/keys-command.ts', ...args],
    {
      cwd: ROOT,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', DATA_DIR: dataDir, ...environment },
    },
  );
  return { code: status, out: stdout, err: stderr };
}

test('before the first start there is no keystore to show', () => {
  const answer = keys(['list']);
  assert.equal(answer.code, 1);
  assert.match(answer.err, /^keystore_missing: [^\n]+\n$/);
});

test('list, rotate and operator-token; nothing but the token shows a secret', () => {
  const made = openOrCreateKeystore(settings, owners, '2026-11-21T08:00:00Z');
  assert.equal(made.created, true);
  assert.equal(readFileSync(made.passphraseFile ?? '', 'utf8').trim().length, 32);

  const list = keys(['list']);
  assert.equal(list.code, 0);
  assert.match(list.out, /^pan-token +1 +HMAC-SM3 +current +no /m);
  const listed = keys(['list', '--json']);
  const entries = JSON.parse(listed.out) as Record<string, unknown>[];
  assert.deepEqual(Object.keys(entries[0] ?? {}).sort(), [
    'algorithm',
    'createdAt',
    'id',
    'state',
    'usage',
    'version',
  ]);
  for (const { id } of made.keystore.list()) {
    const secret = Buffer.from(made.keystore.current(id).secret);
    for (const text of [list.out, listed.out]) {
      assert.ok(
        !text.toLowerCase().includes(secret.toString('hex')) && !text.includes(secret.toString('base64url')),
        id,
      );
    }
  }

  assert.equal(keys(['operator-token']).out.trim(), operatorToken(made.keystore));

  assert.equal(keys(['rotate', 'session-token']).code, 0);
  assert.deepEqual(JSON.parse(keys(['rotate', 'session-token', '--json']).out), {
    id: 'session-token',
    version: 3,
  });
  assert.equal(openKeystore(settings)?.keystore.current('session-token').version, 3);
  assert.equal(openKeystore(settings)?.keystore.version('session-token', 1).version, 1);

  const refused = keys(['rotate', 'pan-token']);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^key_not_rotated: pan-token: the token is the name of a card/);
  assert.match(keys(['rotate', 'nothing', '--json']).err, /^\{"error":"key_not_rotated"/);
});

test('a wrong passphrase, wrong usage and wrong settings end with one line and a code', () => {
  const wrong = keys(['list'], { KEYSTORE_PASSPHRASE: 'something else' });
  assert.deepEqual([wrong.code, wrong.err.split(':')[0]], [1, 'keystore_passphrase_wrong']);
  assert.equal(wrong.err.trim().split('\n').length, 1);
  for (const args of [['lst'], ['rotate'], ['list', 'x'], ['rotate', 'a', 'b']]) {
    assert.deepEqual([keys(args).code, keys(args).err.split(':')[0]], [2, 'usage'], args.join(' '));
  }
  assert.deepEqual(
    [keys(['list'], { PORT: 'x' }).code, keys(['list'], { PORT: 'x' }).err.split(':')[0]],
    [2, 'settings_invalid'],
  );
  assert.equal(keys(['--help']).code, 0);
});
