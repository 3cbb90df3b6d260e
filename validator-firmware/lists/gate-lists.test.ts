import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  DEFAULT_GATE_PARAMETERS,
  parseGateParameters,
  type GateParameters,
} from '@tapgate/sdk/lists/gate-parameters';
import type { ListKind } from '@tapgate/sdk/lists/list-kinds';
import { gateLists } from './gate-lists.ts';
import { installSnapshot } from './install-names.ts';
import { listStandings, staleListRefusal } from './list-ages.ts';
import { ListStore } from './list-store.ts';
import { announced, cardOf, snapshot } from './name-list.fixture.ts';

const { listAges: AGES } = DEFAULT_GATE_PARAMETERS;
const NOW_MS = Date.parse('2026-11-22T08:00:00Z');
const jsonOf = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('list ages', () => {
  const at = (ageMs: Partial<Record<ListKind, number>>) =>
    staleListRefusal(
      listStandings((kind) => NOW_MS - (ageMs[kind] ?? 0), AGES, NOW_MS),
      AGES,
    );
  const refusing = { ...AGES, hotlist: { ...AGES.hotlist, stale: 'refuse' } } as const;

  test('each list has its own age and its own policy, on both sides of the limit', () => {
    assert.equal(at({}), null);
    assert.equal(
      at({ hotlist: AGES.hotlist.ageMaxMs + 1 }),
      null,
      'the hotlist is stale, and travel goes on',
    );
    assert.equal(at({ ca_keys: AGES.ca_keys.ageMaxMs }), null);
    assert.deepEqual(at({ ca_keys: AGES.ca_keys.ageMaxMs + 1 }), { code: 'list_too_old', field: 'ca_keys' });
    const standings = listStandings(() => NOW_MS - AGES.hotlist.ageMaxMs - 1, refusing, NOW_MS);
    assert.deepEqual(staleListRefusal(standings, refusing), { code: 'hotlist_too_old' });
  });

  test('a list that never came is stale; one from the future is new', () => {
    const never = listStandings(() => null, AGES, NOW_MS);
    assert.ok(never.every((list) => list.isStale && list.ageMs === null));
    const future = listStandings(() => NOW_MS + 1, AGES, NOW_MS);
    assert.ok(future.every((list) => !list.isStale && list.ageMs === 0));
  });
});

describe('gate parameters', () => {
  test('read back as they were written, and anything else is no parameters', () => {
    assert.deepEqual(parseGateParameters(jsonOf(DEFAULT_GATE_PARAMETERS)), DEFAULT_GATE_PARAMETERS);
    const short = { ...DEFAULT_GATE_PARAMETERS, tapRiskFen: undefined };
    const wrong: unknown[] = [
      short,
      { ...DEFAULT_GATE_PARAMETERS, extra: 1 },
      { ...DEFAULT_GATE_PARAMETERS, passBackWindowMs: -1 },
      { ...DEFAULT_GATE_PARAMETERS, listAges: { ...AGES, hotlist: { ageMaxMs: 1, stale: 'perhaps' } } },
      { ...DEFAULT_GATE_PARAMETERS, unsent: { countMax: 1, sumFenMax: '2', ageMaxMs: 3 } },
      [],
      null,
    ];
    for (const value of wrong) assert.equal(parseGateParameters(jsonOf(value)), null);
    assert.equal(parseGateParameters(Buffer.from('{')), null);
  });
});

describe('lists at a gate', () => {
  let directory = '';
  let lists: ListStore;
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'gate-lists-'));
    lists = await ListStore.open({ directory, storageKey: Buffer.alloc(32, 3) });
  });
  afterEach(async () => {
    await lists.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('before the first sync nobody is listed, and the lists whose policy says so keep the gate shut', () => {
    const gate = gateLists(lists);
    assert.equal(gate.hotlist().version, 0);
    assert.equal(gate.hotlist().has(gate.hotlist().nameOf(cardOf(1))), false);
    assert.deepEqual(gate.staleList(NOW_MS), { code: 'list_too_old', field: 'ca_keys' });
  });

  test('parameters of a new version hold for the next tap', async () => {
    const gate = gateLists(lists);
    assert.equal(gate.policy().passBackWindowMs, DEFAULT_GATE_PARAMETERS.passBackWindowMs);
    const changed: GateParameters = { ...DEFAULT_GATE_PARAMETERS, passBackWindowMs: 5 };
    const { statement } = snapshot({ kind: 'hotlist', version: 1, cards: [] });
    await lists.putBody({ ...statement, kind: 'gate_parameters', listKeyId: null }, jsonOf(changed));
    assert.equal(gate.policy().passBackWindowMs, 5);
  });

  test('a right holds from its first day to its last, and not by a stale list', async () => {
    const gate = gateLists(lists);
    const right = { word: 'senior', validFrom: '2026-11-01', validTo: '2026-11-30' };
    const list = snapshot({ kind: 'concessions', version: 1, rights: [[1, [right]]] });
    const madeAtMs = NOW_MS - 1_000;
    await installSnapshot(lists, announced({ ...list, statement: { ...list.statement, madeAtMs } }));
    const on = (localDate: string, nowMs = NOW_MS) =>
      gate.rightsOf(cardOf(1), { localDate, nowMs }).map((held) => held.category);
    assert.deepEqual(
      ['2026-10-31', '2026-11-01', '2026-11-30', '2026-12-01'].map((date) => on(date).length),
      [0, 1, 1, 0],
    );
    assert.deepEqual(gate.rightsOf(cardOf(2), { localDate: '2026-11-02', nowMs: NOW_MS }), []);
    assert.deepEqual(on('2026-11-30', madeAtMs + AGES.concessions.ageMaxMs + 1), []);
  });
});
