import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { OpenAPIHono } from '@hono/zod-openapi';
import { refuse } from '@tapgate/sdk/wire/refusals';
import { terminalId } from '@tapgate/sdk/wire/identifiers';
import type { TapOrder, TapResult } from '../intake/tap-group.ts';
import { createGatewayServer } from './gateway-server.ts';
import { LiveTaps } from './live-taps.ts';
import type { GatewayEnv } from './request-context.ts';

const NOW_MS = Date.parse('2026-11-18T03:00:00Z');
const GATE = terminalId('BUSA0001');
const RECORD = Buffer.from('a record as the terminal made it');
const BODY = JSON.stringify({ record: RECORD.toString('base64') });
const ANSWER = { terminalId: GATE, tapSequence: 7, outcome: 'chargeable', cause: null, duplicate: false };
const ACCEPTED = { ok: true, answer: ANSWER } as TapResult;

// What taps mean, and that both ways in refuse alike, is tested over a real database (bad-input.test.ts, taps.test.ts). Here: which way
// a request goes, and what becomes of one whose way ends early.
describe('a live tap on node’s own HTTP', () => {
  const orders: TapOrder[] = [];
  const counted: string[] = [];
  const faults: unknown[] = [];
  let next: () => Promise<TapResult> = () => Promise.resolve(ACCEPTED);
  let server: Server;
  let port: number;

  before(async () => {
    const app = new OpenAPIHono<GatewayEnv>();
    app.all('*', (context) => context.text('the app answered', 418));
    const tally = { count: (code: string, sender: string) => counted.push(`${code} ${sender}`) };
    server = createGatewayServer({
      app,
      intake: { isOverloadedFor: () => false },
      tally,
      liveTaps: new LiveTaps({
        intake: {
          accept: (order) => {
            orders.push(order);
            return next();
          },
        },
        sessions: {
          read: (header, nowMs) =>
            header === 'Bearer genuine'
              ? { terminalId: GATE, expiresAtMs: nowMs + 1 }
              : refuse(header === undefined ? 'token_missing' : 'token_invalid'),
        },
        tally,
        clock: () => NOW_MS,
        demo: true,
        onFault: (fault) => faults.push(fault),
      }),
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const send = (
    headers: Record<string, string> = {},
    { path = '/v1/taps', ...init }: RequestInit & { readonly path?: string } = {},
  ): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      body: BODY,
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer genuine', ...headers },
      ...init,
    });

  test('is taken in with its sender, time and budget, and answered with its request’s id', async () => {
    const response = await send({ 'Tap-Budget-Ms': '120', 'Request-Id': 'gate-7' });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('Request-Id'), 'gate-7');
    assert.equal(response.headers.get('Content-Type'), 'application/json');
    assert.deepEqual(await response.json(), ANSWER);
    const [order] = orders.splice(0);
    assert.ok(order);
    assert.deepEqual(Buffer.from(order.bytes), RECORD);
    assert.deepEqual([order.sender, order.nowMs, order.budgetMs, order.lane], [GATE, NOW_MS, 120, 'first']);
  });

  test('has the time that a demonstration states, and an id where its sender gave none', async () => {
    const response = await send({ 'Demo-Time': '2026-11-18T12:00:00+08:00' });
    assert.match(response.headers.get('Request-Id') ?? '', /^[0-9a-f-]{36}\.\d+$/);
    const [order] = orders.splice(0);
    assert.deepEqual([order?.nowMs, order?.budgetMs], [Date.parse('2026-11-18T04:00:00Z'), null]);
  });

  test('goes to the app, unread and uncounted, in any form that the app has to judge', async () => {
    const ways: readonly [string, () => Promise<Response>][] = [
      ['no token', () => send({ Authorization: '' })],
      ['a token of nobody', () => send({ Authorization: 'Bearer forged' })],
      ['another media type', () => send({ 'Content-Type': 'text/plain' })],
      ['no budget', () => send({ 'Tap-Budget-Ms': 'soon' })],
      ['no instant', () => send({ 'Demo-Time': 'noon' })],
      ['too long', () => send({}, { body: 'x'.repeat(300_000) })],
      ['a length that is not stated', () => send({}, { body: new Blob([BODY]).stream(), duplex: 'half' })],
      ['another method', () => send({}, { method: 'PUT' })],
      ['a query', () => send({}, { path: '/v1/taps?again' })],
      ['another path', () => send({}, { path: '/v1/tap-batches' })],
    ];
    for (const [name, way] of ways) {
      const response = await way();
      assert.equal(response.status, 418, name);
      await response.arrayBuffer();
    }
    assert.deepEqual([orders.length, counted.length], [0, 0]);
  });

  test('that is refused says why, and is counted under its terminal', async () => {
    next = () => Promise.resolve({ ok: false, refusal: refuse('overloaded'), terminalId: GATE });
    const response = await send({ 'Request-Id': 'gate-8' });
    assert.deepEqual([response.status, response.headers.get('Retry-After')], [503, '1']);
    const { error } = (await response.json()) as { readonly error: Record<string, string> };
    assert.deepEqual([error['code'], error['requestId']], ['overloaded', 'gate-8']);
    const malformed = await send({}, { body: '{' });
    assert.equal(malformed.status, 400);
    assert.match(await malformed.text(), /"code":"json_malformed"/);
    assert.deepEqual(counted.splice(0), [`overloaded ${GATE}`, `json_malformed ${GATE}`]);
    orders.length = 0;
  });

  test('is never left without an answer by a fault of ours', async () => {
    next = () => Promise.reject(new Error('broken'));
    const response = await send();
    assert.equal(response.status, 503);
    assert.match(await response.text(), /"code":"gateway_unavailable"/);
    assert.equal(faults.splice(0).length, 1);
    counted.length = 0;
    orders.length = 0;
  });

  test('of which only a part comes is nobody’s: the next connection is served', async () => {
    next = () => Promise.resolve(ACCEPTED);
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(
      'POST /v1/taps HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer genuine\r\nContent-Type: application/json\r\n' +
        `Content-Length: ${BODY.length}\r\n\r\n${BODY.slice(0, 10)}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.resetAndDestroy();
    assert.equal((await send()).status, 200);
    assert.deepEqual([orders.splice(0).length, faults.length], [1, 0]);
  });

  test('whose sender goes away before the answer is there harms nobody', async () => {
    let answer: (result: TapResult) => void = () => undefined;
    next = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(
      'POST /v1/taps HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer genuine\r\nContent-Type: application/json\r\n' +
        `Content-Length: ${BODY.length}\r\n\r\n${BODY}`,
    );
    const deadline = performance.now() + 5_000;
    while (orders.length === 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(orders.splice(0).length, 1);
    const connections = (): Promise<number> =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => {
          if (error === null) resolve(count);
          else reject(error);
        });
      });
    const before = await connections();
    socket.resetAndDestroy();
    while ((await connections()) >= before && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok((await connections()) < before, 'the server knows that the sender is gone');
    answer(ACCEPTED);
    next = () => Promise.resolve(ACCEPTED);
    assert.equal((await send()).status, 200);
    assert.deepEqual([orders.splice(0).length, faults.length], [1, 0]);
  });

  test('may come in pieces, many of them on one connection', async () => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.setEncoding('latin1').on('data', (text: string) => (heard += text));
    const head =
      'POST /v1/taps HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer genuine\r\nContent-Type: application/json; charset=utf-8\r\n' +
      `Content-Length: ${BODY.length}\r\n\r\n`;
    const whole = `${head}${BODY}`.repeat(3);
    for (let at = 0; at < whole.length; at += 97) {
      socket.write(whole.slice(at, at + 97));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const deadline = performance.now() + 5_000;
    while (heard.split('HTTP/1.1 200').length < 4 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 5));
    socket.destroy();
    assert.equal(heard.split('HTTP/1.1 200').length - 1, 3);
    assert.deepEqual(
      orders.splice(0).map(({ bytes }) => Buffer.from(bytes).equals(RECORD)),
      [true, true, true],
    );
  });
});
