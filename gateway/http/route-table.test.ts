import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { findTerminal } from '../intake/signed-taps.fixture.ts';
import { openTestApp, openTestWorld, type TestWorld } from '../intake/test-gateway.fixture.ts';
import { openSession } from '../intake/test-requests.fixture.ts';
import { ROUTES } from './route-table.ts';

const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');

/** Who needs no token: each proves itself by its body, or tells nothing. */
const PUBLIC = ['GET /health', 'POST /v1/terminal-enrolments', 'POST /v1/terminal-sessions'];

type Operation = { readonly security?: readonly Readonly<Record<string, unknown>>[] };
type Named = {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly who: string[];
};

describe('the routes are what the OpenAPI document says', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let gateway: ReturnType<typeof openTestApp>;
  let operations: readonly Named[];
  let tokens: Readonly<Record<string, string>>;

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    gateway = openTestApp(world, { clock: () => NOW_MS });
    const document = (await (await gateway.app.request('/openapi.json')).json()) as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    };
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security = [] }]) => ({
        name: `${method.toUpperCase()} ${path}`,
        ...{ method: method.toUpperCase(), path },
        who: security.flatMap((scheme) => Object.keys(scheme)),
      })),
    );
    const { terminalId } = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' });
    tokens = {
      terminalSession: await openSession(gateway, world.keystore, terminalId, NOW_MS),
      operatorToken: world.operatorToken,
      stranger: 'nobody-gave-this-token',
    };
  });
  after(async () => {
    await gateway.stop();
    await world.database.close();
    await server.stop();
  });

  async function send(
    { method, path }: Named,
    token: string | null,
  ): Promise<{ status: number; code: string }> {
    const response = await gateway.app.request(path.replaceAll(/\{[^}]+\}/g, '1'), {
      method,
      headers: {
        ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
        ...(method === 'POST' ? { 'Content-Type': 'application/json' } : {}),
      },
      ...(method === 'POST' ? { body: '{}' } : {}),
    });
    const text = await response.text();
    const code = /"code":"([a-z_]+)"/.exec(text)?.[1] ?? '';
    return { status: response.status, code };
  }

  test('every mounted route is in the document, and every one in the document is mounted', () => {
    const mounted = gateway.app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:([^/]+)/g, '{$1}')}`)
      .filter((name) => name !== 'GET /openapi.json');
    assert.deepEqual([...new Set(mounted)].sort(), operations.map(({ name }) => name).sort());
    assert.equal(operations.length, ROUTES.length);
  });

  test('nothing but what proves itself is open to a stranger', () => {
    const open = operations.filter(({ who }) => who.length === 0).map(({ name }) => name);
    assert.deepEqual(open.sort(), PUBLIC);
  });

  test('a route lets in whom the document names, and nobody else', async () => {
    for (const operation of operations.filter(({ who }) => who.length > 0)) {
      assert.deepEqual(await send(operation, null), { status: 401, code: 'token_missing' }, operation.name);
      for (const [holder, token] of Object.entries(tokens)) {
        const answer = await send(operation, token);
        if (operation.who.includes(holder))
          assert.notEqual(answer.status, 401, `${holder} ${operation.name}`);
        else assert.deepEqual(answer, { status: 401, code: 'token_invalid' }, `${holder} ${operation.name}`);
      }
    }
    assert.deepEqual(gateway.faults, []);
  });
});
