import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { TAP_BODY_BYTES_MAX } from '@tapgate/sdk/wire/limits';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { findTerminal, SignedTaps } from '../intake/signed-taps.fixture.ts';
import { openTestApp, openTestWorld, type TestWorld } from '../intake/test-gateway.fixture.ts';
import { openSession, sessionProof } from '../intake/test-requests.fixture.ts';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import { createGatewayServer } from './gateway-server.ts';

const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');

/** What a case is made of: a valid request that it spoils. */
type Good = {
  readonly token: string;
  readonly otherToken: string;
  readonly record: Uint8Array;
  readonly placement: TerminalPlacement;
};

type Case = {
  readonly fact: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: (good: Good) => Record<string, string | undefined>;
  readonly body?: (good: Good) => string | Uint8Array | ReadableStream<Uint8Array>;
  /** status, code, field */
  readonly is: readonly [number, string, string?];
};

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const tapBody = (record: Uint8Array): string => JSON.stringify({ record: base64(record) });
const changedAt = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

/** A body without a stated length, of more bytes than the route takes. */
function unstated(): ReadableStream<Uint8Array> {
  let pieces = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      pieces += 1;
      if (pieces > 32) controller.close();
      else controller.enqueue(new Uint8Array(1_024).fill(0x20));
    },
  });
}

const CASES: readonly Case[] = [
  { fact: 'a route that is none', path: '/v1/nothing', is: [404, 'route_unknown'] },
  { fact: 'a method that the route has not', method: 'PUT', is: [405, 'method_not_allowed'] },
  { fact: 'no token', headers: () => ({ Authorization: undefined }), is: [401, 'token_missing'] },
  { fact: 'another scheme', headers: () => ({ Authorization: 'Basic YTpi' }), is: [401, 'token_invalid'] },
  {
    fact: 'a token that is none',
    headers: () => ({ Authorization: 'Bearer abc' }),
    is: [401, 'token_invalid'],
  },
  {
    fact: 'a token whose MAC was changed',
    headers: ({ token }) => ({ Authorization: `Bearer ${token.slice(0, -2)}AA` }),
    is: [401, 'token_invalid'],
  },
  {
    fact: 'a token that names another terminal',
    headers: ({ token }) => ({ Authorization: `Bearer ZZZZ9999${token.slice(8)}` }),
    is: [401, 'token_invalid'],
  },
  {
    fact: 'no content type',
    headers: () => ({ 'Content-Type': undefined }),
    is: [415, 'content_type_unsupported'],
  },
  {
    fact: 'another content type',
    headers: () => ({ 'Content-Type': 'text/plain' }),
    is: [415, 'content_type_unsupported'],
  },
  {
    fact: 'a budget that is no number',
    headers: () => ({ 'Tap-Budget-Ms': 'soon' }),
    is: [400, 'field_invalid', 'Tap-Budget-Ms'],
  },
  {
    fact: 'a budget of nothing',
    headers: () => ({ 'Tap-Budget-Ms': '0' }),
    is: [400, 'field_invalid', 'Tap-Budget-Ms'],
  },
  {
    fact: 'a stated length over the bound',
    body: () => `{"record":"${'A'.repeat(TAP_BODY_BYTES_MAX)}"}`,
    is: [413, 'body_too_large'],
  },
  { fact: 'a stream over the bound', body: () => unstated(), is: [413, 'body_too_large'] },
  { fact: 'no body', body: () => '', is: [400, 'json_malformed'] },
  { fact: 'JSON that ends too soon', body: () => '{"record":', is: [400, 'json_malformed'] },
  { fact: 'text after the JSON', body: ({ record }) => `${tapBody(record)}x`, is: [400, 'json_malformed'] },
  {
    fact: 'bytes that are not UTF-8',
    body: () => Uint8Array.of(0x22, 0xff, 0x22),
    is: [400, 'json_malformed'],
  },
  { fact: 'an array', body: () => '[]', is: [400, 'field_invalid', ''] },
  { fact: 'null', body: () => 'null', is: [400, 'field_invalid', ''] },
  { fact: 'no record', body: () => '{}', is: [400, 'field_invalid', 'record'] },
  { fact: 'a record that is a number', body: () => '{"record":5}', is: [400, 'field_invalid', 'record'] },
  { fact: 'an empty record', body: () => '{"record":""}', is: [400, 'field_invalid', 'record'] },
  {
    fact: 'a field that nobody knows',
    body: ({ record }) => JSON.stringify({ record: base64(record), priority: 1 }),
    is: [400, 'field_invalid', 'priority'],
  },
  {
    fact: 'an unknown field with a name that would spoil a log',
    body: ({ record }) => JSON.stringify({ record: base64(record), 'a\n<b>': 1 }),
    is: [400, 'field_invalid', 'a??b?'],
  },
  {
    fact: 'a prototype key',
    body: () => '{"__proto__":{},"record":"AAAA"}',
    is: [400, 'field_invalid', '__proto__'],
  },
  {
    fact: 'text that is no base64',
    body: () => '{"record":"!!!!"}',
    is: [400, 'record_not_base64', 'record'],
  },
  {
    fact: 'base64 without its padding',
    body: () => '{"record":"AAAAA"}',
    is: [400, 'record_not_base64', 'record'],
  },
  {
    fact: 'base64 of the URL alphabet',
    body: () => '{"record":"-_-_"}',
    is: [400, 'record_not_base64', 'record'],
  },
  {
    fact: 'base64 with bits left over',
    body: () => '{"record":"AB=="}',
    is: [400, 'record_not_base64', 'record'],
  },
  {
    fact: 'a record over the size bound',
    body: () => tapBody(new Uint8Array(3_073)),
    is: [413, 'record_too_large', 'record'],
  },
  {
    fact: 'bytes that are no TLV',
    body: () => tapBody(Uint8Array.of(1, 2, 3)),
    is: [400, 'record_malformed', 'E1'],
  },
  {
    fact: 'a record that is cut off',
    body: ({ record }) => tapBody(record.subarray(0, -1)),
    is: [400, 'record_malformed', 'E1'],
  },
  {
    fact: 'a record with a byte behind it',
    body: ({ record }) => tapBody(Buffer.concat([record, Uint8Array.of(0)])),
    is: [400, 'record_malformed', 'E1'],
  },
  {
    fact: 'a field of the record of another form',
    // E1 82 xx xx C1 01 [01]: the layout version.
    body: ({ record }) => tapBody(changedAt(record, 6)),
    is: [400, 'record_malformed', 'E1.C1'],
  },
  {
    fact: 'a terminal that is not registered',
    // C2 08 and then the terminal id: its last letter.
    body: ({ record }) => tapBody(changedAt(record, 16)),
    is: [403, 'terminal_unknown', 'record.terminalId'],
  },
  {
    fact: 'a record that was changed on its way',
    body: ({ record }) => tapBody(changedAt(record, record.length - 40)),
    is: [403, 'terminal_mac_invalid', 'record.mac'],
  },
  {
    fact: 'a record of another terminal than the session',
    headers: ({ otherToken }) => ({ Authorization: `Bearer ${otherToken}` }),
    is: [403, 'terminal_mismatch', 'record.terminalId'],
  },
  {
    fact: 'a session proof without a field',
    path: '/v1/terminal-sessions',
    body: () => '{"terminalId":"BUSA0001"}',
    is: [400, 'field_invalid', 'issuedAtMs'],
  },
  {
    fact: 'a session proof of a stranger',
    path: '/v1/terminal-sessions',
    body: () =>
      JSON.stringify({
        terminalId: 'ZZZZ9999',
        issuedAtMs: NOW_MS,
        nonce: '0'.repeat(16),
        signature: base64(new Uint8Array(64)),
      }),
    is: [403, 'terminal_unknown', 'terminalId'],
  },
  {
    fact: 'a session proof with a signature of zeros',
    path: '/v1/terminal-sessions',
    body: ({ placement }) =>
      JSON.stringify({
        terminalId: placement.terminalId,
        issuedAtMs: NOW_MS,
        nonce: '0'.repeat(16),
        signature: base64(new Uint8Array(64)),
      }),
    is: [401, 'token_invalid', 'signature'],
  },
  { fact: 'a bulk upload that is JSON', path: '/v1/tap-batches', is: [415, 'content_type_unsupported'] },
  {
    fact: 'a history without a token',
    path: '/v1/taps/BUSA0001/1',
    method: 'GET',
    headers: () => ({ Authorization: undefined }),
    is: [401, 'token_missing'],
  },
  {
    fact: 'a history with a terminal token',
    path: '/v1/taps/BUSA0001/1',
    method: 'GET',
    is: [401, 'token_invalid'],
  },
];

describe('bad input is refused with a code and a field, and leaves nothing but a count', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let gateway: ReturnType<typeof openTestApp>;
  let good: Good;
  let listener: Server;
  let baseUrl: string;

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    gateway = openTestApp(world, { clock: () => NOW_MS });
    listener = createGatewayServer(gateway);
    await new Promise<void>((resolve) => {
      listener.listen(0, '127.0.0.1', resolve);
    });
    const address = listener.address();
    assert.ok(typeof address === 'object' && address !== null);
    baseUrl = `http://127.0.0.1:${address.port}`;
    const taps = new SignedTaps(world.keystore);
    const bank = world.demo.banks[0];
    const placement = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' });
    const other = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'entry' });
    assert.ok(bank?.bins[0]);
    const card = taps.makeCard({ bankId: bank.bankId, bin: bank.bins[0], number: 1 });
    good = {
      token: await openSession(gateway, world.keystore, placement.terminalId, NOW_MS),
      otherToken: await openSession(gateway, world.keystore, other.terminalId, NOW_MS),
      record: taps.makeTap({ card, placement, sequence: 1, atc: 1, atMs: NOW_MS }),
      placement,
    };
  });
  after(async () => {
    listener.closeAllConnections();
    listener.close();
    await gateway.stop();
    await world.database.close();
    await server.stop();
  });

  async function send(given: Case, transport: 'app' | 'socket'): Promise<Response> {
    const stated: Record<string, string | undefined> = {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${good.token}`,
      ...given.headers?.(good),
    };
    const headers = Object.entries(stated).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const method = given.method ?? 'POST';
    const body = method === 'GET' ? undefined : (given.body?.(good) ?? tapBody(good.record));
    const request = new Request(`${baseUrl}${given.path ?? '/v1/taps'}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body, duplex: 'half' }),
    });
    return transport === 'app' ? gateway.app.request(request) : fetch(request);
  }

  // In process through fetch's own objects, and over a socket through node's: two ways in, one behaviour.
  for (const [transport, given] of (['app', 'socket'] as const).flatMap((way) =>
    CASES.map((of) => [way, of] as const),
  )) {
    test(`${given.fact} (${transport})`, async () => {
      const response = await send(given, transport);
      const text = await response.text();
      const { error } = JSON.parse(text) as { readonly error: Record<string, string> };
      const [status, code, field] = given.is;
      assert.deepEqual([response.status, error['code']], [status, code], text);
      if (field !== undefined) assert.equal(error['field'], field);
      assert.equal(error['requestId'], response.headers.get('Request-Id'));
      assert.deepEqual(Object.keys(error).sort(), [
        'code',
        ...(error['field'] === undefined ? [] : ['field']),
        'message',
        'requestId',
      ]);
      assert.deepEqual(gateway.faults, []);
    });
  }

  test('nothing of it is stored but the counts of the refusals', async () => {
    const { hot } = world.database;
    const [rows] = await hot<{ taps: number; identities: number; acts: number }[]>`
      select (select count(*) from tap) as taps, (select count(*) from tap_identity) as identities,
        (select count(*) from card_atc) as acts`;
    assert.deepEqual({ ...rows }, { taps: 0, identities: 0, acts: 0 });
    const response = await gateway.app.request('/v1/refusals', {
      headers: { Authorization: `Bearer ${world.operatorToken}` },
    });
    const { refusals } = (await response.json()) as {
      readonly refusals: readonly {
        readonly code: string;
        readonly terminalId: string;
        readonly count: number;
      }[];
    };
    const counted = (code: string): number =>
      refusals.filter((row) => row.code === code).reduce((sum, row) => sum + row.count, 0);
    const expected = (code: string): number =>
      2 * CASES.filter((given) => given.method === undefined && given.is[1] === code).length;
    for (const code of [
      'terminal_mac_invalid',
      'record_malformed',
      'field_invalid',
      'body_too_large',
      'token_missing',
    ])
      assert.equal(counted(code), expected(code), code);
    // A terminal id that nobody has proven is not written down.
    assert.deepEqual(
      refusals.filter((row) => row.terminalId === 'ZZZZ9999'),
      [],
    );
  });

  test('a session proof is good once', async () => {
    const body = JSON.stringify(sessionProof(world.keystore, good.placement.terminalId, NOW_MS));
    const request = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body };
    assert.equal((await gateway.app.request('/v1/terminal-sessions', request)).status, 201);
    const again = await gateway.app.request('/v1/terminal-sessions', request);
    assert.equal(again.status, 401);
    assert.match(await again.text(), /"field":"nonce"/);
  });

  test('the demo clock is honoured only in a demo', async () => {
    const late = new Date(NOW_MS + 3_600_001).toISOString();
    const sendAt = (app: ReturnType<typeof openTestApp>, time: string): Promise<Response> =>
      Promise.resolve(
        app.app.request('/v1/taps', {
          method: 'POST',
          headers: {
            'Content-Type': 'application/json',
            Authorization: `Bearer ${good.token}`,
            'Demo-Time': time,
          },
          body: '{}',
        }),
      );
    // An hour later the token has expired, where the header counts.
    assert.equal((await sendAt(gateway, late)).status, 400);
    const demo = openTestApp(world, { clock: () => NOW_MS, demo: true });
    assert.equal((await sendAt(demo, late)).status, 401);
    const wrong = await sendAt(demo, 'yesterday');
    assert.match(await wrong.text(), /"field":"Demo-Time"/);
    await demo.stop();
  });

  test('the OpenAPI document names the routes', async () => {
    const response = await gateway.app.request('/openapi.json');
    const document = (await response.json()) as { readonly paths: Record<string, unknown> };
    assert.ok('/v1/taps' in document.paths && '/v1/tap-batches' in document.paths);
  });
});
