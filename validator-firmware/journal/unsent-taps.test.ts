import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { TapJournal } from './tap-journal.ts';
import { packRisk, unpackRisk, UnsentTaps } from './unsent-taps.ts';

const LIMITS = { countMax: 5, sumFenMax: 1_000, ageMaxMs: 60_000 };

test('the sum of what waits, on both sides of its limit, and after an acknowledgement', () => {
  const unsent = new UnsentTaps();
  unsent.add(1, { amountFen: 600, atMs: 0 });
  assert.equal(unsent.hasRoomFor({ amountFen: 400, atMs: 0 }, LIMITS), true);
  assert.equal(unsent.hasRoomFor({ amountFen: 401, atMs: 0 }, LIMITS), false);
  unsent.remove(1);
  unsent.remove(1);
  assert.equal(unsent.hasRoomFor({ amountFen: 1_000, atMs: 0 }, LIMITS), true);
});

test('the age of the oldest, on both sides of its limit; whatever goes, the next one is the oldest', () => {
  const unsent = new UnsentTaps();
  assert.equal(unsent.oldestAtMs(), null);
  unsent.add(1, { amountFen: 0, atMs: 1_000 });
  unsent.add(2, { amountFen: 0, atMs: 50_000 });
  assert.equal(unsent.hasRoomFor({ amountFen: 0, atMs: 61_000 }, LIMITS), true);
  assert.equal(unsent.hasRoomFor({ amountFen: 0, atMs: 61_001 }, LIMITS), false);
  unsent.remove(1);
  assert.equal(unsent.oldestAtMs(), 50_000);
  assert.equal(unsent.hasRoomFor({ amountFen: 0, atMs: 61_001 }, LIMITS), true);
});

test('a risk reads back as it was packed', () => {
  const risk = { amountFen: 0xffff_ffff, atMs: Date.parse('2099-12-31T00:00:00Z') };
  assert.deepEqual(unpackRisk(packRisk(risk)), risk);
  assert.equal(unpackRisk(new Uint8Array(11)), null);
});

test('a journal counts number, sum and age again after a restart, and forgets what was acknowledged or set aside', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'unsent-'));
  const settings = {
    directory,
    storageKey: Buffer.alloc(32, 1),
    unacknowledgedMax: 100,
    limits: () => LIMITS,
  };
  let journal = await TapJournal.open(settings);
  const append = (amountFen: number, atMs: number) =>
    journal.append((sequence) => Uint8Array.of(sequence), null, { amountFen, atMs });
  try {
    await append(500, 1_000);
    await append(400, 2_000);
    await journal.append((sequence) => Uint8Array.of(sequence));
    await journal.close();
    journal = await TapJournal.open(settings);
    assert.equal(journal.unacknowledgedCount(), 3);
    assert.equal(journal.oldestUnsentAtMs(), 1_000);
    assert.equal(journal.hasRoom({ amountFen: 100, atMs: 2_000 }), true);
    assert.equal(journal.hasRoom({ amountFen: 101, atMs: 2_000 }), false);
    assert.equal(journal.hasRoom({ amountFen: 0, atMs: 61_001 }), false);
    const [first, second] = await journal.oldestUnacknowledged(2);
    assert.ok(first && second);
    await journal.acknowledge([first.tapSequence]);
    assert.equal(journal.oldestUnsentAtMs(), 2_000);
    await journal.setAside(second, 'record_malformed');
    assert.equal(journal.oldestUnsentAtMs(), null);
    for (let count = 0; count < 4; count++) await append(1, 5_000);
    assert.equal(journal.unacknowledgedCount(), 5);
    assert.equal(journal.hasRoom({ amountFen: 1, atMs: 5_000 }), false);
    await journal.close();
    journal = await TapJournal.open(settings);
    assert.equal(journal.hasRoom({ amountFen: 1, atMs: 5_000 }), false);
  } finally {
    await journal.close();
    await rm(directory, { recursive: true, force: true });
  }
});
