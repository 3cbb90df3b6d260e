import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import { TapGateClient } from '@tapgate/sdk/client';
import { TapGateError } from '@tapgate/sdk/error';
import { DEFAULT_GATE_PARAMETERS } from '@tapgate/sdk/lists/gate-parameters';
import { rollOutPlace } from '@tapgate/sdk/lists/roll-out';
import { readEnrolmentCode } from '@tapgate/sdk/terminals/enrolment';
import { listSigningMessage } from '@tapgate/sdk/lists/list-envelope';
import { startGateway } from '@tapgate/gateway/gateway';
import { rotateKey } from '@tapgate/gateway/keys/demo-keystore';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { terminalId } from '@tapgate/sdk/wire/identifiers';
import { gateLists } from '@tapgate/validator-firmware/lists/gate-lists';
import { ListStore } from '@tapgate/validator-firmware/lists/list-store';
import {
  enrolDevice,
  loadIdentity,
  saveIdentity,
  sessionCredentialsOf,
  type DeviceIdentity,
} from '@tapgate/validator-firmware/sync/device-identity';
import { syncLists } from '@tapgate/validator-firmware/sync/sync-lists';
import { FaultBook, sendReport } from '@tapgate/validator-firmware/sync/terminal-report';
import { startOwnGateway, type OwnGateway } from '../city/attach-gateway.ts';

const GATE = terminalId('DEVICE01');
const STORAGE_KEY = Buffer.alloc(32, 0x51);

type Json = Record<string, unknown>;

/** Bytes as one text, whatever class holds them. */
const asHex = (_name: string, value: unknown): unknown =>
  value instanceof Uint8Array || (isBufferJson(value) && value.type === 'Buffer')
    ? Buffer.from(value instanceof Uint8Array ? value : value.data).toString('hex')
    : value;
function isBufferJson(value: unknown): value is { type: string; data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && 'data' in value;
}

describe('the life of a terminal beside its gateway', () => {
  let gateway: OwnGateway;
  let folder = '';
  let identity: DeviceIdentity;
  let lists: ListStore;
  let clockAheadMs = 0;
  const clock = () => Date.now() + clockAheadMs;

  before(async () => {
    gateway = await startOwnGateway({ seed: Buffer.from('device life') });
    folder = await mkdtemp(path.join(tmpdir(), 'device-life-'));
    lists = await ListStore.open({ directory: path.join(folder, 'lists'), storageKey: STORAGE_KEY });
  });
  after(async () => {
    await lists.close();
    await gateway.detach();
    await rm(folder, { recursive: true, force: true });
  });

  async function operator(
    method: string,
    route: string,
    body?: Json,
  ): Promise<{ status: number; body: Json }> {
    const response = await fetch(`${gateway.baseUrl}${route}`, {
      method,
      headers: { authorization: `Bearer ${gateway.operatorToken}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Json };
  }
  const newCode = async (place?: Json): Promise<string> => {
    const { status, body } = await operator('POST', '/v1/terminals', {
      terminalId: GATE,
      ...(place === undefined ? {} : { place }),
    });
    assert.equal(status, 201);
    return readEnrolmentCode(String(body['code'])) ?? assert.fail('the code is a code');
  };
  const clientOf = (of: DeviceIdentity) =>
    new TapGateClient({
      baseUrl: gateway.baseUrl,
      authentication: sessionCredentialsOf(of),
      retryPolicy: { attemptsMax: 1, firstDelayMs: 1, delayMaxMs: 1 },
    });
  const sync = () =>
    syncLists({
      ...{ client: clientOf(identity), lists, identity, clock },
      stagingFolder: path.join(folder, 'staging'),
    });
  const refusedWith = (code: string) => (error: unknown) =>
    error instanceof TapGateError && error.code === code;
  const cardOf = (index: number) => {
    const pan = Pan.of(`999001${String(index).padStart(13, '0')}`);
    assert.ok(pan);
    return { pan, panSequenceNumber: '01' };
  };
  const named = (index: number) => ({ pan: cardOf(index).pan.reveal(), psn: 1 });
  const isListed = (index: number): boolean => {
    const hotlist = gateLists(lists).hotlist();
    return hotlist.has(hotlist.nameOf(cardOf(index)));
  };
  const publish = async (add: number[], remove: number[] = []): Promise<number> => {
    const { status, body } = await operator('POST', '/v1/hotlist-versions', {
      add: add.map((index) => ({ ...named(index), reason: 'lost' })),
      remove: remove.map(named),
    });
    assert.equal(status, 201);
    return Number(body['version']);
  };

  test('a code enrols one device, once; a wrong code, a used one and a stranger are all told the same', async () => {
    const line = gateway.data.operators
      .flatMap((of) => of.lines)
      .find((of) => of.rail === 'oda' && of.stations.length > 0);
    assert.ok(line);
    const place = { lineId: line.lineId, stationId: line.stations[0]?.stationId ?? null, tapKind: 'entry' };
    const code = await newCode(place);
    const enrol = (typed: string) =>
      enrolDevice({ baseUrl: gateway.baseUrl, terminalId: GATE, code: typed, clock });
    await assert.rejects(enrol('0000-0000-0000-0000'), refusedWith('enrolment_refused'));
    identity = await enrol(code);
    await assert.rejects(enrol(code), refusedWith('enrolment_refused'));
    assert.equal(identity.lineId, line.lineId);
    assert.equal(identity.macKey.length, 32);
    await saveIdentity(path.join(folder, 'identity'), STORAGE_KEY, identity);
    const kept = await loadIdentity(path.join(folder, 'identity'), STORAGE_KEY);
    assert.ok(kept);
    assert.equal(JSON.stringify(kept, asHex), JSON.stringify(identity, asHex));
    // What follows is the life of a device that was started again.
    identity = kept;
    const session = await clientOf(identity).openTerminalSession();
    assert.ok(session.expiresAtMs > Date.now());
  });

  test('five wrong tries use a code up', async () => {
    const code = await newCode();
    const enrol = (typed: string) =>
      enrolDevice({ baseUrl: gateway.baseUrl, terminalId: GATE, code: typed, clock });
    for (let tries = 0; tries < 5; tries++)
      await assert.rejects(enrol('1111-1111-1111-1111'), refusedWith('enrolment_refused'));
    await assert.rejects(enrol(code), refusedWith('enrolment_refused'));
    await clientOf(identity).openTerminalSession();
  });

  test('the first sync brings every list, the next ones deltas; a card is named under the list key alone', async () => {
    assert.equal(await publish([1, 2]), 1);
    const first = await sync();
    assert.deepEqual(
      first.lists.map(({ kind, to, stoppedBy }) => [kind, to, stoppedBy]),
      [
        ['hotlist', 1, null],
        ['concessions', 1, null],
        ['ca_keys', 1, null],
        ['gate_parameters', null, null],
      ],
    );
    assert.deepEqual([1, 2, 3].map(isListed), [true, true, false]);
    await publish([3], [1]);
    await publish([4]);
    const second = await sync();
    assert.deepEqual([second.lists[0]?.from, second.lists[0]?.to], [1, 3]);
    assert.deepEqual([1, 2, 3, 4].map(isListed), [false, true, true, true]);
  });

  test('an earlier content comes back as a new version', async () => {
    const { status, body } = await operator('POST', '/v1/list-restorations', { kind: 'hotlist', earlier: 1 });
    assert.deepEqual([status, body['version']], [201, 4]);
    await sync();
    assert.equal(lists.held('hotlist')?.version, 4);
    assert.deepEqual([1, 2, 3, 4].map(isListed), [true, true, false, false]);
  });

  test('parameters for a share of terminals reach this one when the share has grown over its place', async () => {
    const placeInOrder = rollOutPlace('gate_parameters', GATE);
    const parameters = { ...DEFAULT_GATE_PARAMETERS, passBackWindowMs: 12_345 };
    await operator('POST', '/v1/gate-parameters', { parameters, sharePermille: placeInOrder });
    await sync();
    assert.equal(lists.held('gate_parameters'), null);
    const widened = await operator('POST', '/v1/list-roll-outs', {
      ...{ kind: 'gate_parameters', version: 1, sharePermille: placeInOrder + 1 },
    });
    assert.equal(widened.status, 201);
    await sync();
    assert.equal(gateLists(lists).policy().passBackWindowMs, 12_345);
    const wrong = await operator('POST', '/v1/gate-parameters', { parameters: { passBackWindowMs: 1 } });
    assert.equal(wrong.status, 400);
  });

  test('a list signed by somebody else, or offered to another terminal, is refused and the one in use stays', async () => {
    const client = clientOf(identity);
    await publish([7]);
    const forge = (statement: string) => statement.replace('"sharePermille":1000', '"sharePermille":999');
    const forging = {
      fetchListBody: client.fetchListBody.bind(client),
      getListPlan: async (held: string, keyId: string | null) => {
        const plan = await client.getListPlan(held, keyId);
        const bent = plan.lists.map(({ kind, steps }) => ({
          kind,
          steps: steps.map((step) => ({
            ...step,
            envelope: { ...step.envelope, statement: forge(step.envelope.statement) },
          })),
        }));
        return { ...plan, lists: bent };
      },
    };
    const stagingFolder = path.join(folder, 'staging');
    const forged = await syncLists({ client: forging, lists, identity, clock, stagingFolder });
    assert.equal(forged.lists[0]?.stoppedBy, 'list_signature_invalid');
    assert.deepEqual([lists.held('hotlist')?.version, isListed(7)], [4, false]);
    assert.equal((await sync()).lists[0]?.to, 5);
  });

  test('a signing key that was rotated reaches it through the key before, which then signs nothing for it any more', async () => {
    const rotated = rotateKey(gateway.keystore, 'list-signing', new Date().toISOString());
    assert.ok(rotated.ok);
    const { database, data } = gateway;
    const next = await startGateway({
      ...{ database, data, keystore: rotated.keystore, host: '127.0.0.1', port: 0 },
      onFault: (fault) => assert.fail(String(fault)),
    });
    const kept: DeviceIdentity[] = [];
    const stagingFolder = path.join(folder, 'staging');
    const parts = { lists, clock, stagingFolder };
    const keepIdentity = (changed: DeviceIdentity): Promise<void> => {
      kept.push(changed);
      return saveIdentity(path.join(folder, 'identity'), STORAGE_KEY, changed);
    };
    const clientOfNext = new TapGateClient({
      baseUrl: next.url,
      authentication: sessionCredentialsOf(identity),
    });
    try {
      const taken = await syncLists({ ...parts, client: clientOfNext, identity, keepIdentity });
      assert.deepEqual(
        [taken.stoppedBy, ...taken.lists.map(({ stoppedBy }) => stoppedBy)],
        [...[null, null, null, null, null]],
      );
      const now = (await loadIdentity(path.join(folder, 'identity'), STORAGE_KEY)) ?? assert.fail();
      assert.equal(kept.length, 1);
      assert.deepEqual(
        now.listSigningKeys.map(({ keyId }) => keyId),
        ['list-signing/2'],
      );
      // A word that the key before has signed, as whoever found that key could make one.
      const earlier = new KeystoreProvider(gateway.keystore);
      const forging = {
        fetchListBody: clientOfNext.fetchListBody.bind(clientOfNext),
        getListPlan: async (held: string, keyId: string | null) => {
          const plan = await clientOfNext.getListPlan(held, keyId, 'list-signing/2');
          assert.deepEqual(plan.signingKeys, []);
          const bent = plan.lists.map(({ kind, steps }) => ({
            kind,
            steps: steps.map((step) => {
              const { statement } = step.envelope;
              const signature = Buffer.from(earlier.signList(listSigningMessage(statement))).toString(
                'base64',
              );
              return { ...step, envelope: { statement, keyId: 'list-signing/1', signature } };
            }),
          }));
          return { ...plan, lists: bent };
        },
      };
      const refused = await syncLists({ ...parts, client: forging, identity: now });
      assert.equal(refused.lists[0]?.stoppedBy, 'list_key_unknown');
      identity = now;
      const second = await syncLists({ ...parts, client: clientOfNext, identity });
      assert.equal(second.lists[0]?.stoppedBy, null);
    } finally {
      await next.stop();
    }
  });

  test('what it says of itself stands in the list of terminals; a fault that comes twice is one', async () => {
    const faults = await FaultBook.open(path.join(folder, 'faults'));
    const client = clientOf(identity);
    clockAheadMs = 90_000;
    const asking = {
      sinceMs: Date.parse('2026-11-22T00:00:00Z'),
      ends: { judged: 5, late: 2 },
      refusedLate: 1,
    };
    const report = () =>
      sendReport({
        ...{ client, lists, faults, clock, gate: gateLists(lists), software: 'test' },
        journal: { unacknowledgedCount: () => 3, refusedCount: () => 1, oldestUnsentAtMs: () => 1_000 },
        asking: () => asking,
      });
    await faults.record({ code: 'reader_lost', atMs: clock(), detail: 'slot 0' });
    const losing = {
      sendTerminalReport: async (body: object) => {
        await client.sendTerminalReport(body);
        throw new TapGateError({ code: 'gateway_unreachable' });
      },
    };
    await assert.rejects(
      sendReport({
        ...{ client: losing, lists, faults, clock, gate: gateLists(lists), software: 'test' },
        journal: { unacknowledgedCount: () => 3, refusedCount: () => 1, oldestUnsentAtMs: () => null },
      }),
    );
    await report();
    await faults.record({ code: 'card_unreadable', atMs: clock(), detail: null });
    await report();
    await report();
    await faults.close();
    const skewed = await sync();
    clockAheadMs = 0;
    assert.ok(Math.abs((skewed.clockSkewMs ?? 0) - 90_000) < 5_000, `${skewed.clockSkewMs ?? 'no'} ms`);

    const { body } = await operator('GET', '/v1/terminals');
    const mine = (body['terminals'] as Json[]).find((row) => row['terminalId'] === GATE);
    assert.ok(mine);
    assert.deepEqual(
      [mine['queueDepth'], mine['refusedRecords'], mine['software'], mine['faultsOfDay']],
      [3, 1, 'test', 2],
    );
    assert.equal((mine['lists'] as Json)['hotlist'], 5);
    assert.deepEqual(mine['asking'], {
      ...{ since: '2026-11-22T00:00:00.000Z', asked: 7, inTime: 5, alone: 2, refusedLate: 1 },
      ends: { judged: 5, late: 2 },
    });
    assert.ok(Math.abs(Number(mine['clockSkewMs']) - 90_000) < 5_000);
    const listed = await operator('GET', `/v1/faults?terminalId=${GATE}`);
    assert.deepEqual((listed.body['faults'] as Json[]).map((fault) => fault['code']).sort(), [
      'card_unreadable',
      'reader_lost',
    ]);
    const one = await operator('GET', '/v1/faults?code=reader_lost');
    assert.equal((one.body['faults'] as Json[]).length, 1);
    assert.equal((await operator('GET', '/v1/faults?since=yesterday')).status, 400);
  });

  test('a revoked terminal gets nothing any more, whatever session it had; a new code makes it one again', async () => {
    const client = clientOf(identity);
    await client.openTerminalSession();
    await client.getListPlan('', null);
    assert.equal((await operator('POST', '/v1/terminal-revocations', { terminalId: GATE })).status, 201);
    await assert.rejects(client.getListPlan('', null), refusedWith('terminal_revoked'));
    await assert.rejects(clientOf(identity).openTerminalSession(), refusedWith('terminal_revoked'));
    assert.equal((await sync()).stoppedBy, 'terminal_revoked');
    const code = await newCode();
    identity = await enrolDevice({ baseUrl: gateway.baseUrl, terminalId: GATE, code, clock });
    assert.equal((await sync()).stoppedBy, null);
  });
});
