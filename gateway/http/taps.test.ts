import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { findTerminal, type SignedTaps } from '../intake/signed-taps.fixture.ts';
import { openTestApp, openTestWorld, type TestWorld } from '../intake/test-gateway.fixture.ts';
import { openSession, sendTap } from '../intake/test-requests.fixture.ts';
import { TestRides } from '../intake/test-rides.fixture.ts';
import { closeWaiting, settleAll } from '../jobs/settle-taps.ts';

const NOW_MS = Date.parse('2026-11-18T03:00:00Z');

describe('POST /v1/taps over a real database', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let gateway: ReturnType<typeof openTestApp>;
  let taps: SignedTaps;
  let rides: TestRides;

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    gateway = openTestApp(world, { clock: () => NOW_MS });
    rides = new TestRides(world, gateway);
    taps = rides.taps;
  });
  after(async () => {
    await gateway.stop();
    await world.database.close();
    await server.stop();
  });

  const history = (terminalId: string, sequence: number): Promise<Record<string, unknown>> =>
    rides.get(`/v1/taps/${terminalId}/${sequence}`);

  test('a bus tap is chargeable at once, settled behind, and tells its whole way', async () => {
    const placement = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' });
    const token = await openSession(gateway, world.keystore, placement.terminalId, NOW_MS);
    const record = taps.makeTap({
      card: rides.newCard(),
      placement,
      sequence: 1,
      atc: 7,
      atMs: NOW_MS - 5_000,
    });
    const first = await sendTap(gateway, token, record);
    assert.deepEqual(gateway.faults, []);
    assert.deepEqual(first, {
      status: 200,
      body: {
        terminalId: placement.terminalId,
        tapSequence: 1,
        outcome: 'chargeable',
        cause: null,
        duplicate: false,
      },
    });
    const again = await sendTap(gateway, token, record);
    assert.deepEqual(again.body, { ...first.body, duplicate: true });

    const result = await settleAll(world);
    assert.equal(result.journeys, 1);
    const told = await history(placement.terminalId, 1);
    assert.equal(told['settlement'], 'settled');
    const journey = told['journey'] as Record<string, unknown>;
    assert.equal(journey['fareFen'], 200);
    assert.equal((told['postings'] as unknown[]).length, 2);
  });

  test('a metro ride is one journey of two taps, whichever arrives first', async () => {
    const entry = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'entry', stationIndex: 0 });
    const exit = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'exit', stationIndex: 5 });
    const card = rides.newCard();
    const at = NOW_MS - 3_600_000;
    const out = taps.makeTap({ card, placement: exit, sequence: 1, atc: 12, atMs: at + 1_200_000 });
    const exitToken = await openSession(gateway, world.keystore, exit.terminalId, NOW_MS);
    assert.equal((await sendTap(gateway, exitToken, out)).body['outcome'], 'chargeable');
    assert.equal((await settleAll(world)).waitingTaps, 1);
    const into = taps.makeTap({ card, placement: entry, sequence: 1, atc: 11, atMs: at });
    const entryToken = await openSession(gateway, world.keystore, entry.terminalId, NOW_MS);
    assert.equal((await sendTap(gateway, entryToken, into)).body['outcome'], 'chargeable');
    const settled = await settleAll(world);
    assert.deepEqual([settled.journeys, settled.settledTaps, settled.waitingTaps], [1, 2, 0]);
    const told = await history(entry.terminalId, 1);
    const journey = told['journey'] as Record<string, unknown>;
    assert.equal(journey['completeness'], 'complete');
    // 8.0 km: the band up to 8 km costs 3 yuan.
    assert.equal(journey['fareFen'], 300);
    assert.deepEqual((await history(exit.terminalId, 1))['journey'], journey);
  });

  test('an entry without exit waits until the day is closed', async () => {
    const entry = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'entry' });
    const token = await openSession(gateway, world.keystore, entry.terminalId, NOW_MS);
    const record = taps.makeTap({
      card: rides.newCard(),
      placement: entry,
      sequence: 20,
      atc: 1,
      atMs: NOW_MS,
    });
    assert.equal((await sendTap(gateway, token, record)).body['outcome'], 'chargeable');
    assert.equal((await settleAll(world)).waitingTaps, 1);
    assert.equal((await closeWaiting(world, NOW_MS)).journeys, 0);
    assert.equal((await closeWaiting(world, NOW_MS + 1)).journeys, 1);
    const journey = (await history(entry.terminalId, 20))['journey'] as Record<string, unknown>;
    assert.equal(journey['completeness'], 'missing_tap_out');
  });

  test('a forged card is a loss, and takes no money identity from the card that it imitates', async () => {
    const placement = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' });
    const token = await openSession(gateway, world.keystore, placement.terminalId, NOW_MS);
    const card = rides.newCard();
    const act = { card, placement, atc: 3, atMs: NOW_MS };
    const forged = await sendTap(gateway, token, taps.makeTap({ ...act, sequence: 30, forged: true }));
    assert.deepEqual([forged.body['outcome'], forged.body['cause']], ['loss', 'dynamic_signature_invalid']);
    const genuine = await sendTap(gateway, token, taps.makeTap({ ...act, sequence: 31 }));
    assert.equal(genuine.body['outcome'], 'chargeable');
    const replayed = await sendTap(gateway, token, taps.makeTap({ ...act, sequence: 32 }));
    assert.deepEqual([replayed.body['outcome'], replayed.body['cause']], ['loss', 'atc_reused']);
    await settleAll(world);
    const journey = (await history(placement.terminalId, 30))['journey'] as Record<string, unknown>;
    assert.deepEqual([journey['outcome'], journey['fareFen']], ['loss', 200]);
  });
});
