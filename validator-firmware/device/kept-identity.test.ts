import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { terminalId } from '@tapgate/sdk/wire/identifiers';
import { loadIdentity, type DeviceIdentity } from '../sync/device-identity.ts';
import { KeptIdentity } from './kept-identity.ts';

const STORAGE_KEY = Buffer.alloc(32, 3);
const ENROLLED: DeviceIdentity = {
  ...{ terminalId: terminalId('GATE0001'), operatorId: 'bus', lineId: 'bus-a', stationId: null },
  ...{ tapKind: 'single', rail: 'oda', amountFen: null, zone: 'Asia/Shanghai', region: 'somewhere' },
  ...{ sm2PrivateKey: Buffer.alloc(32, 1), sm2PublicKey: Buffer.alloc(64, 2), macKey: Buffer.alloc(32, 4) },
  listSigningKeys: [{ keyId: '01', publicKeyXy: Buffer.alloc(64, 5) }],
  ...{ nextTapSequence: 1, clockSkewMs: 0, isRevoked: false },
};

test('a revocation and a newer key for lists stand on disk, whichever came first, and nothing else has changed', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'identity-'));
  try {
    const identityFile = path.join(directory, 'identity');
    const kept = new KeptIdentity({ identityFile, storageKey: STORAGE_KEY }, ENROLLED);
    const listSigningKeys = [{ keyId: '02', publicKeyXy: Buffer.alloc(64, 6) }];
    void kept.change({ isRevoked: true });
    void kept.change({ listSigningKeys });
    assert.equal(kept.now.isRevoked, true);
    await kept.settled();
    assert.deepEqual(await loadIdentity(identityFile, STORAGE_KEY), {
      ...ENROLLED,
      ...{ listSigningKeys, isRevoked: true },
    });
    await kept.change({ isRevoked: false });
    assert.equal((await loadIdentity(identityFile, STORAGE_KEY))?.isRevoked, false);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('a disk that does not take it is told to whoever changes, and holds up no later change', async () => {
  const folder = { identityFile: '/nowhere/at/all/identity', storageKey: STORAGE_KEY };
  const kept = new KeptIdentity(folder, ENROLLED);
  await assert.rejects(kept.change({ isRevoked: true }));
  await kept.settled();
  assert.equal(kept.now.isRevoked, true);
});
