import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { startDatabase } from '../database/database.ts';
import { findTerminal, SignedTaps } from '../intake/signed-taps.fixture.ts';
import { openTestApp, openTestWorld } from '../intake/test-gateway.fixture.ts';
import { openSession, sendTap } from '../intake/test-requests.fixture.ts';
import { StoreFault } from '../store/store-fault.ts';

const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');

test('while the database is stopped a tap is refused with 503, and accepted once it is back', async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-outage-'));
  let server = await startDatabase({ dataDir, databaseUrl: null });
  const world = await openTestWorld(server.url, { nowMs: NOW_MS });
  const gateway = openTestApp(world, { clock: () => NOW_MS });
  try {
    const placement = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' });
    const token = await openSession(gateway, world.keystore, placement.terminalId, NOW_MS);
    const taps = new SignedTaps(world.keystore);
    const bank = world.demo.banks[0];
    assert.ok(bank?.bins[0]);
    const card = taps.makeCard({ bankId: bank.bankId, bin: bank.bins[0], number: 1 });
    const record = taps.makeTap({ card, placement, sequence: 1, atc: 1, atMs: NOW_MS });
    const health = async (): Promise<number> => (await gateway.app.request('/health')).status;
    assert.equal(await health(), 200);

    await server.stop();
    const refused = await sendTap(gateway, token, record);
    assert.equal(refused.status, 503);
    assert.equal((refused.body['error'] as Record<string, unknown>)['code'], 'gateway_unavailable');
    assert.equal(await health(), 503);
    // Routes for people ask the database who they are.
    const history = await gateway.app.request(`/v1/taps/${placement.terminalId}/1`, {
      headers: { Authorization: `Bearer ${world.operatorToken}` },
    });
    assert.equal(history.status, 503);
    assert.ok(gateway.faults.length > 0);
    for (const fault of gateway.faults)
      assert.ok(fault instanceof StoreFault && fault.code === 'unavailable', String(fault));

    server = await startDatabase({ dataDir, databaseUrl: null });
    const accepted = await retried(() => sendTap(gateway, token, record));
    assert.deepEqual(
      [accepted.status, accepted.body['outcome'], accepted.body['duplicate']],
      [200, 'chargeable', false],
    );
    assert.equal(await health(), 200);
    const counted = await world.database.hot<{ count: number }[]>`select count(*) as count from tap`;
    assert.equal(counted[0]?.count, 1);
  } finally {
    await gateway.stop();
    await world.database.close();
    await server.destroy();
    rmSync(dataDir, { recursive: true, force: true });
  }
});

/** As a terminal does: again, while the answer is 503. */
async function retried(send: () => ReturnType<typeof sendTap>): ReturnType<typeof sendTap> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const answer = await send();
    if (answer.status !== 503) return answer;
  }
  return send();
}
