import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { ClassicLevel } from 'classic-level';
import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import { tapSequence } from '@tapgate/sdk/wire/identifiers';
import { JOURNAL_FORMAT } from './journal-key.ts';
import { ENTRY_DAMAGED, type JournalStore, TapJournal } from './tap-journal.ts';

const STORAGE_KEY = Buffer.alloc(32, 0x4b);
const MARK = 'a record that must not be readable at rest';
const recordOf = (sequence: number) => Buffer.from(`${MARK} ${sequence}`, 'utf8');

const hotlistKeyOf = (atc: number) => atc.toString(16).toUpperCase().padStart(32, '0') as HotlistKey;

describe('tap journal', () => {
  let directory = '';
  let journal: TapJournal | null = null;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tap-journal-'));
  });
  afterEach(async () => {
    await journal?.close().catch(() => undefined);
    journal = null;
    await rm(directory, { recursive: true, force: true });
  });

  async function open(unacknowledgedMax = 100, storageKey: Uint8Array = STORAGE_KEY): Promise<TapJournal> {
    journal = await TapJournal.open({ directory, storageKey, unacknowledgedMax });
    return journal;
  }

  /** The store behind the journal's back, as another firmware or a broken flash would leave it. */
  async function rawly(
    change: (store: ClassicLevel<Uint8Array, Uint8Array>) => Promise<void>,
  ): Promise<void> {
    const store = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
      keyEncoding: 'view',
      valueEncoding: 'view',
    });
    await change(store);
    await store.close();
  }

  async function reopen(): Promise<TapJournal> {
    await journal?.close();
    return open();
  }

  test('entries come back oldest first, as they were written, after a restart too', async () => {
    const first = await open();
    for (let count = 0; count < 300; count++) {
      if (count === 100) break;
      await first.append(recordOf);
    }
    const again = await reopen();
    const entries = await again.oldestUnacknowledged(1_000);
    assert.deepEqual(
      entries.map((entry) => entry.tapSequence),
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
    for (const entry of entries) assert.deepEqual(Buffer.from(entry.record), recordOf(entry.tapSequence));
  });

  test('only what was acknowledged is forgotten, and repeating an acknowledgement changes nothing', async () => {
    const first = await open();
    for (let count = 0; count < 5; count++) await first.append(recordOf);
    await first.acknowledge([tapSequence(2), tapSequence(4)]);
    await first.acknowledge([tapSequence(2), tapSequence(77)]);
    assert.equal(first.unacknowledgedCount(), 3);
    const again = await reopen();
    const left = await again.oldestUnacknowledged(10);
    assert.deepEqual(
      left.map((entry) => entry.tapSequence),
      [1, 3, 5],
    );
  });

  test('the tap sequence never restarts, though everything was acknowledged', async () => {
    const first = await open();
    for (let count = 0; count < 3; count++) await first.append(recordOf);
    await first.acknowledge([1, 2, 3].map(tapSequence));
    const again = await reopen();
    assert.equal(again.unacknowledgedCount(), 0);
    assert.equal((await again.append(recordOf)).tapSequence, 4);
  });

  test('a replaced device goes on after the sequence it was told', async () => {
    journal = await TapJournal.open({
      directory,
      storageKey: STORAGE_KEY,
      unacknowledgedMax: 9,
      firstTapSequence: tapSequence(5_000),
    });
    assert.equal((await journal.append(recordOf)).tapSequence, 5_000);
  });

  test('a full journal says so beforehand and refuses an append; room comes back with an acknowledgement', async () => {
    const full = await open(2);
    await full.append(recordOf);
    await full.append(recordOf);
    assert.equal(full.hasRoom(), false);
    await assert.rejects(full.append(recordOf), { code: 'journal_full' });
    await full.acknowledge([tapSequence(1)]);
    assert.equal(full.hasRoom(), true);
    assert.equal((await full.append(recordOf)).tapSequence, 3);
  });

  test('appends that are asked for at once get different sequences, in the order asked', async () => {
    const one = await open();
    const entries = await Promise.all(Array.from({ length: 20 }, () => one.append(recordOf)));
    assert.deepEqual(
      entries.map((entry) => entry.tapSequence),
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  test('a record that cannot be made takes no sequence and harms nothing', async () => {
    const one = await open();
    const refuse = () => {
      throw new RangeError('no canonical form');
    };
    await assert.rejects(one.append(refuse), RangeError);
    assert.equal((await one.append(recordOf)).tapSequence, 1);
  });

  test('a record that the gateway refuses for good is kept aside with the code, and no longer sent', async () => {
    const one = await open();
    for (let count = 0; count < 3; count++) await one.append(recordOf);
    const [oldest] = await one.oldestUnacknowledged(1);
    assert.ok(oldest);
    await one.setAside(oldest, 'terminal_mac_invalid');
    await one.setAside(oldest, 'terminal_mac_invalid');
    const again = await reopen();
    assert.deepEqual([again.unacknowledgedCount(), again.refusedCount()], [2, 1]);
    const [aside] = await again.listRefused(10);
    assert.ok(aside);
    assert.deepEqual(
      [aside.tapSequence, aside.code, Buffer.from(aside.record)],
      [1, 'terminal_mac_invalid', recordOf(1)],
    );
  });

  test('nothing of a record is readable on the flash', async () => {
    const one = await open();
    for (let count = 0; count < 10; count++) await one.append(recordOf);
    await one.close();
    for (const file of await readdir(directory)) {
      const bytes = await readFile(path.join(directory, file));
      assert.equal(bytes.includes(MARK.slice(0, 12)), false, file);
    }
  });

  test('another storage key is named, and destroys nothing', async () => {
    await (await open()).append(recordOf);
    await journal?.close();
    await assert.rejects(open(100, Buffer.alloc(32, 1)), { code: 'journal_key_wrong' });
    assert.equal((await reopen()).unacknowledgedCount(), 1);
  });

  test('a second process is kept out of the directory', async () => {
    const first = await open();
    await assert.rejects(open(), { code: 'journal_not_opened' });
    journal = first;
    await first.append(recordOf);
  });

  test('a damaged entry is moved aside and does not hold up the others', async () => {
    const one = await open();
    for (let count = 0; count < 3; count++) await one.append(recordOf);
    await one.close();
    const store = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
      keyEncoding: 'view',
      valueEncoding: 'view',
    });
    const key = Buffer.from('0100000002', 'hex');
    const sealed = await store.get(key);
    assert.ok(sealed);
    const flipped = Buffer.from(sealed);
    flipped.writeUInt8(flipped.readUInt8(30) ^ 1, 30);
    await store.put(key, flipped);
    await store.close();

    const again = await open();
    const entries = await again.oldestUnacknowledged(10);
    assert.deepEqual(
      entries.map((entry) => entry.tapSequence),
      [1, 3],
    );
    const [aside] = await again.listRefused(10);
    assert.deepEqual([aside?.tapSequence, aside?.code], [2, ENTRY_DAMAGED]);
    assert.equal(again.unacknowledgedCount(), 2);
  });

  test('an entry moved to another sequence is not believed', async () => {
    const one = await open();
    await one.append(recordOf);
    await one.close();
    const store = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
      keyEncoding: 'view',
      valueEncoding: 'view',
    });
    const sealed = await store.get(Buffer.from('0100000001', 'hex'));
    assert.ok(sealed);
    await store.put(Buffer.from('0100000009', 'hex'), sealed);
    await store.close();
    const again = await open();
    const entries = await again.oldestUnacknowledged(10);
    assert.deepEqual(
      entries.map((entry) => entry.tapSequence),
      [1],
    );
    assert.equal((await again.append(recordOf)).tapSequence, 10);
  });

  test('an upgrade with a full journal loses nothing: what an earlier firmware wrote is read, and stays full', async () => {
    const full = await open(50);
    for (let count = 0; count < 50; count++) await full.append(recordOf);
    await full.close();
    await rawly(async (store) => {
      // Format 1 had no mark, and no memory of recent taps; its entries were these.
      await store.del(Buffer.from('ff', 'hex'));
    });
    const upgraded = await open(50);
    assert.equal(upgraded.hasRoom(), false);
    assert.deepEqual(
      (await upgraded.oldestUnacknowledged(100)).map((entry) => Buffer.from(entry.record)),
      Array.from({ length: 50 }, (_, index) => recordOf(index + 1)),
    );
    await upgraded.acknowledge([tapSequence(1)]);
    assert.equal((await upgraded.append(recordOf)).tapSequence, 51);
    await upgraded.close();
    await rawly(async (store) => {
      assert.equal((await store.get(Buffer.from('ff', 'hex')))?.[0], JOURNAL_FORMAT);
    });
  });

  test('a store of a later firmware is named and left as it is', async () => {
    const one = await open();
    await one.append(recordOf);
    await one.close();
    const mark = Buffer.from('ff', 'hex');
    await rawly((store) => store.put(mark, Uint8Array.of(JOURNAL_FORMAT + 1)));
    await assert.rejects(open(), { code: 'journal_format_unknown' });
    await rawly((store) => store.put(mark, Uint8Array.of(JOURNAL_FORMAT)));
    assert.equal((await open()).unacknowledgedCount(), 1);
  });

  test('the taps that the gate looks back on come back after a restart, oldest first, each place once', async () => {
    const one = await open(1_000);
    const tapOf = (atc: number) => ({
      cardKey: hotlistKeyOf(atc),
      atc,
      tappedAtMs: 1_700_000_000_000 + atc,
      opened: atc % 2 === 0,
    });
    for (let atc = 1; atc <= 300; atc++) await one.append(recordOf, tapOf(atc));
    assert.deepEqual(
      (await reopen()).recentTaps(),
      Array.from({ length: 256 }, (_, index) => tapOf(index + 45)),
    );
  });

  for (const [outcome, kept] of [
    ['done', [1, 2]],
    ['not done', [1]],
  ] as const) {
    test(`a write that failed and was ${outcome}: the journal gives no promise until it is opened anew, then what is there counts`, async () => {
      const store: JournalStore = new ClassicLevel(directory, { keyEncoding: 'view', valueEncoding: 'view' });
      // A disk that says no: after it has written, or without.
      const write = Reflect.get(store, 'batch');
      let failsNow = false;
      mock.method(store, 'batch', async (...asked: unknown[]) => {
        if (!failsNow || outcome === 'done') await Reflect.apply(write, store, asked);
        if (failsNow) throw new Error('EIO');
      });
      const one = await TapJournal.open({
        ...{ directory, storageKey: STORAGE_KEY, unacknowledgedMax: 100 },
        storeAt: () => store,
      });
      journal = one;
      await one.append(recordOf);
      failsNow = true;
      await assert.rejects(one.append(recordOf), { code: 'journal_write_failed' });
      failsNow = false;
      assert.equal(one.hasRoom(), false);
      await assert.rejects(one.append(recordOf), { code: 'journal_write_failed' });
      const again = await reopen();
      assert.deepEqual(
        (await again.oldestUnacknowledged(10)).map((entry) => Number(entry.tapSequence)),
        kept,
      );
      assert.equal((await again.append(recordOf)).tapSequence, kept.length + 1);
    });
  }

  test('after close every call is refused', async () => {
    const one = await open();
    await one.close();
    await assert.rejects(one.append(recordOf), { code: 'journal_closed' });
    assert.equal(one.hasRoom(), false);
  });
});
