import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { HeldList } from './held-list.ts';
import { applyDelta, installSnapshot } from './install-names.ts';
import { ListFault } from './list-fault.ts';
import { ListStore } from './list-store.ts';
import { inPieces } from './name-reader.ts';
import { announced, cardOf, delta, LIST_KEY, nameBytes, snapshot } from './name-list.fixture.ts';

const STORAGE_KEY = Buffer.alloc(32, 3);

describe('lists on a terminal', () => {
  let directory = '';
  let lists: ListStore;
  const open = () => ListStore.open({ directory, storageKey: STORAGE_KEY });
  const held = (): HeldList => {
    const list = lists.held('hotlist');
    assert.ok(list);
    return list;
  };
  const isListed = (card: number): boolean => held().has(held().nameOf(cardOf(card)));
  const install = (version: number, cards: readonly number[]) =>
    installSnapshot(lists, announced(snapshot({ kind: 'hotlist', version, cards })));
  const change = (version: number, added: readonly number[], removed: readonly number[]) =>
    applyDelta(lists, announced(delta({ kind: 'hotlist', version, added, removed })));
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'lists-'));
    lists = await open();
  });
  afterEach(async () => {
    await lists.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('every card of a snapshot is on the list, and no other', async () => {
    await install(5, range(0, 3_000));
    assert.equal(held().version, 5);
    assert.ok(range(0, 3_000).every(isListed));
    assert.ok(!range(3_000, 12_000).some(isListed));
  });

  test('a filter that says yes to everything changes no answer: the exact check has the last word', async () => {
    await install(5, range(0, 300));
    held().filter?.words.fill(0xffff_ffff);
    assert.ok(range(0, 300).every(isListed));
    assert.ok(!range(300, 2_000).some(isListed));
  });

  test('deltas add and remove, one after the other, and a start finds what they left', async () => {
    await install(1, range(0, 500));
    await change(2, range(500, 600), range(0, 50));
    await change(3, [0, 700], [599]);
    const expected = [0, ...range(50, 599), 700];
    const check = (): void => {
      assert.equal(held().version, 3);
      assert.deepEqual(range(0, 800).filter(isListed), expected);
    };
    check();
    await lists.close();
    lists = await open();
    check();
  });

  test('a list that was asked for keeps its version and its answers while a newer one comes into use', async () => {
    await install(1, [1]);
    const earlier = held();
    await change(2, [2], [1]);
    const name = (card: number) => earlier.nameOf(cardOf(card));
    assert.deepEqual([earlier.version, earlier.has(name(1)), earlier.has(name(2))], [1, true, false]);
    assert.deepEqual([held().version, isListed(1), isListed(2)], [2, false, true]);
    await install(3, [3]);
    assert.deepEqual([earlier.has(name(1)), earlier.has(name(3))], [true, false]);
    assert.deepEqual([1, 2, 3].map(isListed), [false, false, true]);
  });

  test('what is not the announced body leaves the version in use', async () => {
    await install(1, range(0, 2_000));
    const good = snapshot({ kind: 'hotlist', version: 2, cards: range(0, 4_000) });
    const bent = Buffer.from(good.body);
    bent.writeUInt8((bent.at(-1) ?? 0) ^ 1, bent.length - 1);
    const unordered = snapshot({ kind: 'hotlist', version: 2, cards: range(0, 10), shuffled: true });
    const cases: readonly [Parameters<typeof announced>[0], string][] = [
      [{ ...good, body: bent }, 'list_body_differs'],
      [{ ...good, body: good.body.subarray(0, good.body.length - 16) }, 'list_body_malformed'],
      [{ ...good, body: Buffer.concat([good.body, Buffer.alloc(16, 0xff)]) }, 'list_body_differs'],
      [unordered, 'list_body_malformed'],
      [{ ...good, body: Buffer.from('no list at all, but long enough for a header') }, 'list_body_malformed'],
    ];
    for (const [wrong, code] of cases) {
      await assert.rejects(installSnapshot(lists, announced(wrong)), { code });
      assert.equal(held().version, 1);
    }
    await assert.rejects(installSnapshot(lists, { ...announced(good), listKey: Buffer.alloc(32, 8) }), {
      code: 'list_card_key_differs',
    });
    assert.ok(range(0, 2_000).every(isListed) && !range(2_000, 4_000).some(isListed));
    await installSnapshot(lists, announced(good));
    assert.ok(range(0, 4_000).every(isListed));
  });

  test('a body that breaks off, and a delta on another version, change nothing', async () => {
    await install(1, range(0, 100));
    const whole = snapshot({ kind: 'hotlist', version: 2, cards: range(0, 5_000) });
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(whole.body.subarray(0, 50_000));
      throw new Error('the tunnel began');
    }
    await assert.rejects(installSnapshot(lists, { ...announced(whole), body: breaking() }), /tunnel/);
    const skipping = delta({ kind: 'hotlist', version: 3, added: [200], removed: [] });
    await assert.rejects(applyDelta(lists, announced(skipping)), { code: 'list_body_malformed' });
    const bent = delta({ kind: 'hotlist', version: 2, added: [200], removed: [1] });
    bent.body[bent.body.length - 1] = (bent.body.at(-1) ?? 0) ^ 1;
    await assert.rejects(applyDelta(lists, announced(bent)), ListFault);
    assert.deepEqual([held().version, isListed(1), isListed(200)], [1, true, false]);
  });

  test('a filter file that is changed or gone is made again from the names', async () => {
    await install(1, range(0, 1_000));
    await change(2, range(1_000, 1_100), []);
    const filterFile = async (): Promise<string> => {
      const file = (await readdir(directory)).find((name) => name.startsWith('filter-'));
      return path.join(directory, file ?? '');
    };
    for (const spoil of [(file: string) => appendFile(file, 'x'), (file: string) => rm(file)]) {
      await lists.close();
      await spoil(await filterFile()).catch(() => undefined);
      lists = await open();
      assert.ok(range(0, 1_100).every(isListed));
    }
  });

  test('a store opened with another key is refused, and a stray filter is cleared away', async () => {
    await install(1, [1]);
    await lists.close();
    await writeFile(path.join(directory, 'filter-hotlist-9-9.bin'), 'left behind');
    await assert.rejects(ListStore.open({ directory, storageKey: Buffer.alloc(32, 4) }), {
      code: 'lists_key_wrong',
    });
    lists = await open();
    assert.equal((await readdir(directory)).filter((name) => name.startsWith('filter-')).length, 1);
    assert.ok(isListed(1));
  });

  test('a concession list says which rights a card has, also after a delta with words of its own', async () => {
    const rights = (card: number) => {
      const list = lists.held('concessions');
      assert.ok(list);
      return list.rightsOf(list.nameOf(cardOf(card)));
    };
    const senior = { word: 'senior', validFrom: '2026-01-01', validTo: null };
    const student = { word: 'student', validFrom: '2026-09-01', validTo: '2027-08-31' };
    await installSnapshot(
      lists,
      announced(
        snapshot({
          kind: 'concessions',
          version: 1,
          rights: [
            [1, [senior, student]],
            [2, [senior]],
          ],
        }),
      ),
    );
    assert.deepEqual(
      rights(1).map((right) => [right.category, right.validFrom, right.validTo]),
      [
        ['senior', '2026-01-01', null],
        ['student', '2026-09-01', '2027-08-31'],
      ],
    );
    assert.deepEqual(rights(3), []);
    const carer = { word: 'carer', validFrom: '2026-11-01', validTo: '2026-12-31' };
    await applyDelta(
      lists,
      announced(delta({ kind: 'concessions', version: 2, rights: [[3, [carer, student]]], removed: [2] })),
    );
    assert.deepEqual(rights(2), []);
    assert.deepEqual(
      rights(3)
        .map((right) => right.category)
        .sort(),
      ['carer', 'student'],
    );
    assert.equal(rights(1).length, 2);
  });

  test('names are the leftmost 16 bytes of HMAC-SM3 over PAN and sequence number', () => {
    assert.equal(nameBytes(7).length, 16);
    assert.equal(LIST_KEY.length, 32);
  });

  test('an empty list is a list', async () => {
    await install(1, []);
    assert.equal(isListed(1), false);
    await installSnapshot(lists, {
      ...announced(snapshot({ kind: 'hotlist', version: 2, cards: [] })),
      body: inPieces(snapshot({ kind: 'hotlist', version: 2, cards: [] }).body, 7),
    });
    assert.equal(held().version, 2);
  });
});
