import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Server } from 'node:http';
import { createGatewayServer } from './gateway-server.ts';
import type { GatewayEnv } from './request-context.ts';

describe('a gateway that is full', () => {
  const counted: string[] = [];
  const asked: (number | null)[] = [];
  let server: Server;
  let url: string;

  before(async () => {
    const app = new OpenAPIHono<GatewayEnv>();
    app.all('*', (context) => context.text('the app answered'));
    server = createGatewayServer({
      app,
      liveTaps: { take: () => false },
      intake: {
        isOverloadedFor: (budgetMs) => {
          asked.push(budgetMs);
          return budgetMs === null || budgetMs < 500;
        },
      },
      tally: { count: (code) => counted.push(code) },
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const send = (path: string, headers: Record<string, string>, method = 'POST'): Promise<Response> =>
    fetch(`${url}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      ...(method === 'POST' ? { body: JSON.stringify({ record: 'A'.repeat(50_000) }) } : {}),
    });

  test('refuses a tap whose budget it cannot meet with overloaded, whoever sends it, and counts it', async () => {
    const response = await send('/v1/taps', { 'Tap-Budget-Ms': '300', 'Request-Id': 'gate-7' });
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('Request-Id'), 'gate-7');
    const body = (await response.json()) as { error: Record<string, string> };
    assert.equal(body.error['code'], 'overloaded');
    assert.equal(body.error['requestId'], 'gate-7');
    assert.deepEqual(counted, ['overloaded']);
    assert.deepEqual(asked, [300]);
  });

  test('takes in a tap that may wait longer, and leaves what is no budget to the app', async () => {
    for (const budget of ['500', 'soon', '0', '99999999'])
      assert.equal(await (await send('/v1/taps', { 'Tap-Budget-Ms': budget })).text(), 'the app answered');
  });

  test('answers everything else', async () => {
    assert.equal(await (await send('/health', {}, 'GET')).text(), 'the app answered');
    assert.equal(await (await send('/v1/tap-batches', {})).text(), 'the app answered');
  });

  test('refuses a question about a tap by the same measure', async () => {
    const late = await send('/v1/tap-judgements', { 'Tap-Budget-Ms': '120' });
    assert.equal(late.status, 503);
    assert.match(await late.text(), /"code":"overloaded"/);
    const inTime = await send('/v1/tap-judgements', { 'Tap-Budget-Ms': '500' });
    assert.equal(await inTime.text(), 'the app answered');
  });

  test('one connection carries the next request after a refusal whose body was not read', async () => {
    for (let round = 0; round < 20; round++) assert.equal((await send('/v1/taps', {})).status, 503);
  });
});
