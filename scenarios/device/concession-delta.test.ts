import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { concessionDelta } from '@tapgate/gateway/lists/concession-delta';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import { parseListStatement, writeListStatement } from '@tapgate/sdk/lists/list-envelope';
import { encodeNameListHeader, encodeRight, listKeyIdOf } from '@tapgate/sdk/lists/name-list';
import { PieceHash } from '@tapgate/sdk/lists/piece-hash';
import { hotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import { applyDelta, installSnapshot } from '@tapgate/validator-firmware/lists/install-names';
import { ListStore } from '@tapgate/validator-firmware/lists/list-store';
import { inPieces } from '@tapgate/validator-firmware/lists/name-reader';
import { seededRandom } from '../seeded-random.ts';

const LIST_KEY = Buffer.alloc(32, 0x33);
const CARDS = 200;
const CATEGORIES = ['child', 'senior', 'student', 'veteran'];
const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

type Rights = ReadonlyMap<number, ReadonlyMap<string, string | null>>;

function cardOf(index: number) {
  const pan = Pan.of(`999001${String(index).padStart(13, '0')}`);
  assert.ok(pan);
  return { pan, panSequenceNumber: '01' };
}

/** A whole list as the gateway writes one, from a register that is only a map. */
function wholeBody(version: number, rights: Rights): Uint8Array {
  const words = [...new Set([...rights.values()].flatMap((of) => [...of.keys()]))].sort();
  const entries = [...rights]
    .flatMap(([card, of]) =>
      [...of].map(([category, validTo]) =>
        Buffer.concat([
          Buffer.from(hotlistKey(LIST_KEY, cardOf(card)), 'hex'),
          encodeRight({ word: words.indexOf(category), validFrom: '1900-01-01', validTo }),
        ]),
      ),
    )
    .sort((a, b) => a.compare(b));
  const header = encodeNameListHeader({
    ...{ kind: 'concessions', form: 'snapshot', version, baseVersion: 0, words, removed: 0 },
    ...{ listKeyId: listKeyIdOf(LIST_KEY), added: entries.length },
  });
  return Buffer.concat([header, ...entries]);
}

function announced(body: Uint8Array, version: number, baseVersion: number | null) {
  const hash = new PieceHash();
  hash.update(body);
  const statement = parseListStatement(
    writeListStatement({
      ...{ kind: 'concessions', version, baseVersion, validFromMs: 1, madeAtMs: version },
      ...{ scope: { kind: 'all' }, sharePermille: 1_000, bodyBytes: body.length, bodySm3: hash.digest() },
      listKeyId: listKeyIdOf(LIST_KEY),
    }),
  );
  assert.ok(statement);
  return { statement, listKey: LIST_KEY, body: inPieces(body) };
}

function rightsHeld(lists: ListStore): unknown {
  const held = lists.held('concessions') ?? assert.fail('a list is held');
  return Array.from({ length: CARDS }, (_, card) =>
    held
      .rightsOf(held.nameOf(cardOf(card)))
      .map(({ category, validTo }) => `${category} ${validTo ?? 'always'}`)
      .sort(),
  );
}

test('a terminal that follows by deltas has the rights of one that took each list whole', async () => {
  const random = seededRandom('concession delta 1');
  const folder = await mkdtemp(path.join(tmpdir(), 'concession-delta-'));
  folders.push(folder);
  const open = (name: string) =>
    ListStore.open({ directory: path.join(folder, name), storageKey: Buffer.alloc(32, 1) });
  const [following, whole] = [await open('following'), await open('whole')];
  const register = new Map<number, Map<string, string | null>>();
  let before = wholeBody(1, register);
  await installSnapshot(following, announced(before, 1, null));
  let shorter = 0;
  for (let version = 2; version <= 20; version++) {
    for (let change = 0; change < 12; change++) {
      const card = random.below(CARDS);
      const of = register.get(card) ?? new Map<string, string | null>();
      const category = random.pick(CATEGORIES);
      if (random.below(3) === 0) of.delete(category);
      else of.set(category, random.below(2) === 0 ? null : `20${27 + random.below(5)}-12-31`);
      if (of.size === 0) register.delete(card);
      else register.set(card, of);
    }
    const now = wholeBody(version, register);
    const delta = concessionDelta(before, now) ?? assert.fail('both are concession lists');
    if (delta.length < now.length) shorter += 1;
    await applyDelta(following, announced(delta, version, version - 1));
    await installSnapshot(whole, announced(now, version, null));
    assert.deepEqual(rightsHeld(following), rightsHeld(whole), `version ${version}`);
    before = now;
  }
  assert.ok(shorter > 10, `${shorter} deltas were shorter than their lists`);
  await Promise.all([following.close(), whole.close()]);
});

test('a list of another kind, under another key or cut short has no delta', () => {
  const list = wholeBody(1, new Map([[1, new Map([['senior', null]])]]));
  const otherKey = Uint8Array.from(list);
  otherKey[16] = (otherKey[16] ?? 0) ^ 1;
  const hotlist = Uint8Array.from(list);
  hotlist[4] = 1;
  for (const other of [otherKey, hotlist, list.subarray(0, list.length - 1), new Uint8Array(0)])
    assert.equal(concessionDelta(list, other), null);
});
