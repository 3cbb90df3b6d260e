import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { missing } from '../../test-requirements.ts';
import { describeCardReader, newCard, ReaderEar } from './card-reader.fixture.ts';
import { openPcscReader } from './pcsc-reader.ts';
import { TestPcscd } from './pcscd.fixture.ts';

// Real pcscd, real vpcd driver, real nfc-pcsc; the card at the far end is ours.

const skip = missing('pcscd');
let pcscd: TestPcscd;

if (skip === false) {
  const readers = ['TapGate Test 00 00', 'TapGate Test 00 01'] as const;
  describeCardReader(
    'pcsc',
    {
      readers,
      open: (listener) => openPcscReader(listener, { socketPath: pcscd.socketPath }),
      insert: (reader, card) => pcscd.insert(reader, card),
      remove: (reader) => pcscd.remove(reader),
      lose: () => pcscd.stopDaemon(),
      restore: () => pcscd.startDaemon(),
    },
    {
      start: async () => {
        pcscd = await TestPcscd.start();
      },
      stop: () => pcscd.destroy(),
    },
  );
}

test('without the library the reader says so, by code', async () => {
  const opening = openPcscReader(() => undefined, { library: 'a-package-that-is-not-installed' });
  await assert.rejects(opening, { code: 'pcsc_library_absent' });
});

describe('card reader: pcsc and its daemon', { skip }, () => {
  test('a daemon that starts after the gate is waited for', async () => {
    const own = await TestPcscd.start();
    await own.stopDaemon();
    const ear = new ReaderEar();
    const reader = await openPcscReader(ear.listener, { socketPath: own.socketPath });
    try {
      assert.deepEqual(reader.readers, []);
      await own.startDaemon();
      await ear.next('reader_ready', own.readers[0]);
      await own.insert(own.readers[0], newCard());
      await ear.card(own.readers[0]);
    } finally {
      await reader.close();
      await own.destroy();
    }
  });

  test('a card that takes the place of another between two polls is met as a new card', async () => {
    const own = await TestPcscd.start();
    const ear = new ReaderEar();
    const reader = await openPcscReader(ear.listener, { socketPath: own.socketPath });
    const [first] = own.readers;
    try {
      await ear.next('reader_ready', first);
      await own.insert(first, newCard());
      const old = await ear.card(first);
      await own.remove(first);
      await own.insert(first, newCard());
      const command = Buffer.from('00A404000E325041592E5359532E444446303100', 'hex');
      assert.equal(await old.transmit(command), null);
      await ear.next('card_removed', first);
      assert.ok(await (await ear.card(first)).transmit(command));
    } finally {
      await reader.close();
      await own.destroy();
    }
  });
});
