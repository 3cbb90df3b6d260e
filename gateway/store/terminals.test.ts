import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { openTestWorld, type TestWorld } from '../intake/test-gateway.fixture.ts';
import { enrolTerminal, readTerminalsMark, revokeTerminal, tryCode, writeCode } from './terminals.ts';

const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');

describe('the register of terminals', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let ids: readonly string[];

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    ids = [...world.reference.terminals.keys()];
  });
  after(async () => {
    await world.database.close();
    await server.stop();
  });

  const idOf = (place: number): string =>
    ids[place] ?? assert.fail('the demonstration has that many terminals');

  test('a code given before a revocation enrols nothing after it', async () => {
    const { database } = world;
    const terminalId = idOf(0);
    const code = { terminalId, codeSealed: Buffer.from('sealed'), expiresAtMs: NOW_MS + 60_000 };
    await writeCode(database, code, 5);
    assert.notEqual(await tryCode(database, terminalId, NOW_MS), null, 'good until then');
    assert.equal(await revokeTerminal(database, terminalId, NOW_MS), true);
    assert.equal(await tryCode(database, terminalId, NOW_MS), null);
    const order = { code: code.codeSealed, terminalId, publicKeyXy: new Uint8Array(64), nowMs: NOW_MS };
    assert.equal(await enrolTerminal(database, order), null);
  });

  test('of two changes at once the earlier one is seen too, though it is committed last', async () => {
    const { database } = world;
    let commit = (): void => undefined;
    const held = new Promise<void>((resolve) => (commit = resolve));
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const earlier = database.hot.begin(async (transaction) => {
      await transaction`update terminal set revoked_at = now(), changed_at = clock_timestamp() where terminal_id = ${idOf(1)}`;
      begin();
      await held;
    });
    await begun;
    await revokeTerminal(database, idOf(2), NOW_MS);
    const before = await readTerminalsMark(database);
    commit();
    await earlier;
    assert.notEqual(await readTerminalsMark(database), before);
  });
});
