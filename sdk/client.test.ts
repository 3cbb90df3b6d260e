import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import { TapGateClient } from './client.ts';
import { TapGateError } from './error.ts';
import { sm2KeyPairFromSeed, sm2Sign, sm2Verify } from './gm/sm2.ts';
import { tapSequence, terminalId } from './wire/identifiers.ts';

/** A peer that answers what a test puts into its hands, and keeps what it was sent. */
type Scripted = { status: number; body: string; headers?: Record<string, string> };
type Seen = { method: string; url: string; headers: IncomingMessage['headers']; body: string };

const TERMINAL = terminalId('BUSA0001');
const KEYS = sm2KeyPairFromSeed(Buffer.from('client test'));
const VERDICT = {
  terminalId: TERMINAL,
  tapSequence: 1,
  outcome: 'chargeable',
  cause: null,
  duplicate: false,
};

describe('client', () => {
  let server: Server;
  let baseUrl = '';
  let script: Scripted[] = [];
  let seen: Seen[] = [];
  let waits: number[] = [];
  let nowMs = 1_000_000;

  before(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        seen.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') });
        const next = script.shift();
        if (next === undefined) return;
        response.writeHead(next.status, next.headers).end(next.body);
      });
    });
    baseUrl = await listen(server);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    script = [];
    seen = [];
    waits = [];
    nowMs = 1_000_000;
  });

  function client(settings: Partial<ConstructorParameters<typeof TapGateClient>[0]> = {}): TapGateClient {
    return new TapGateClient({
      baseUrl,
      authentication: {
        terminalId: TERMINAL,
        sign: (message) => sm2Sign({ ...KEYS, message }),
      },
      clock: () => nowMs,
      random: () => 0.5,
      sleep: (ms) => {
        waits.push(ms);
        return Promise.resolve();
      },
      ...settings,
    });
  }

  const session = (token: string): Scripted => ({
    status: 200,
    body: JSON.stringify({ token, expiresAtMs: nowMs + 3_600_000 }),
  });
  const verdict: Scripted = { status: 200, body: JSON.stringify(VERDICT) };
  const refusal = (status: number, code: string, field?: string): Scripted => ({
    status,
    body: JSON.stringify({ error: { code, field, message: 'constant', requestId: 'r-1' } }),
  });

  test('the first tap proves the terminal; the signature covers id, time and nonce, and the token is used after', async () => {
    script = [session('t-1'), verdict, verdict];
    const one = client();
    assert.deepEqual(await one.sendTap(Uint8Array.of(1, 2, 3)), VERDICT);
    await one.sendTap(Uint8Array.of(1, 2, 3));
    assert.deepEqual(
      seen.map((request) => `${request.method} ${request.url}`),
      ['POST /v1/terminal-sessions', 'POST /v1/taps', 'POST /v1/taps'],
    );
    const proof = JSON.parse(seen.at(0)?.body ?? '') as Record<string, string | number>;
    const message = `tapgate-terminal-session|BUSA0001|1000000|${proof['nonce'] ?? ''}`;
    const signatureRs = Buffer.from(String(proof['signature']), 'base64');
    assert.ok(sm2Verify({ publicKeyXy: KEYS.publicKeyXy, message: Buffer.from(message), signatureRs }));
    assert.match(String(proof['nonce']), /^[0-9a-f]{32}$/);
    assert.equal(seen.at(1)?.headers.authorization, 'Bearer t-1');
    assert.deepEqual(JSON.parse(seen.at(1)?.body ?? ''), { record: 'AQID' });
  });

  test('a token is renewed before it expires, and when the gateway no longer knows it', async () => {
    script = [session('t-1'), verdict];
    const one = client();
    await one.sendTap(Uint8Array.of(1));
    nowMs += 3_600_000 - 10_000;
    script = [session('t-2'), verdict];
    await one.sendTap(Uint8Array.of(1));
    assert.equal(seen.at(-1)?.headers.authorization, 'Bearer t-2');
    script = [refusal(401, 'token_invalid'), session('t-3'), verdict];
    await one.sendTap(Uint8Array.of(1));
    assert.equal(seen.at(-1)?.headers.authorization, 'Bearer t-3');
  });

  test('a token that is refused again after renewal is an error, not a loop', async () => {
    script = [session('t-1'), refusal(401, 'token_invalid'), session('t-2'), refusal(401, 'token_invalid')];
    await assert.rejects(client().sendTap(Uint8Array.of(1)), { code: 'token_invalid', status: 401 });
    assert.equal(seen.length, 4);
  });

  test('a refusal is thrown with code, field, status and request id, at the first attempt', async () => {
    script = [session('t-1'), refusal(400, 'record_malformed', 'record.E1.C5')];
    await assert.rejects(client().sendTap(Uint8Array.of(1)), (error: unknown) => {
      assert.ok(error instanceof TapGateError && error.isRefusal());
      assert.deepEqual(
        [error.code, error.status, error.field, error.requestId],
        ['record_malformed', 400, 'record.E1.C5', 'r-1'],
      );
      return true;
    });
    assert.deepEqual(waits, []);
  });

  test('a gateway without its database is asked again, as it asks to be, and then reported', async () => {
    const unavailable = { ...refusal(503, 'gateway_unavailable'), headers: { 'retry-after': '2' } };
    script = [session('t-1'), unavailable, unavailable, unavailable];
    await assert.rejects(client().sendTap(Uint8Array.of(1)), { code: 'gateway_unavailable', status: 503 });
    // Half as long again by this chance, so that those who were told the same do not come back together.
    assert.deepEqual(waits, [3_000, 3_000]);
  });

  test('an attempt after a failing one succeeds', async () => {
    script = [session('t-1'), refusal(503, 'overloaded'), verdict];
    assert.deepEqual(await client().sendTap(Uint8Array.of(1)), VERDICT);
    assert.deepEqual(waits, [100]);
  });

  test('nobody answers; nobody listens; somebody else answers', async () => {
    const patient = { retryPolicy: { attemptsMax: 1, firstDelayMs: 1, delayMaxMs: 1 } };
    const silent = createServer(() => undefined);
    const silentUrl = await listen(silent);
    await assert.rejects(client({ ...patient, baseUrl: silentUrl, timeoutMs: 30 }).openTerminalSession(), {
      code: 'answer_timed_out',
      status: null,
    });
    silent.closeAllConnections();
    silent.close();
    await assert.rejects(client({ ...patient, baseUrl: 'http://127.0.0.1:1' }).openTerminalSession(), {
      code: 'gateway_unreachable',
    });
    script = [{ status: 502, body: '<html>Bad Gateway</html>' }];
    await assert.rejects(client(patient).openTerminalSession(), {
      code: 'answer_not_understood',
      status: 502,
    });
    script = [{ status: 200, body: '{"hello":"world"}' }];
    await assert.rejects(client(patient).openTerminalSession(), { code: 'answer_not_understood' });
  });

  test('a backlog goes in one request and comes back as one answer a record, refusals among them', async () => {
    const lines = [
      JSON.stringify({ line: 1, ...VERDICT }),
      JSON.stringify({
        line: 2,
        error: { code: 'terminal_mac_invalid', message: 'constant', requestId: 'r-2' },
      }),
      JSON.stringify({ line: 3, ...VERDICT, tapSequence: 3, duplicate: true }),
    ];
    script = [session('t-1'), { status: 200, body: `${lines.join('\n')}\n` }];
    const answers = await client().sendTaps([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
    assert.deepEqual(
      answers.map((answer) => (answer instanceof TapGateError ? answer.code : answer.tapSequence)),
      [1, 'terminal_mac_invalid', 3],
    );
    const request = seen.at(1);
    assert.ok(request);
    assert.equal(request.url, '/v1/tap-batches');
    assert.equal(request.headers['content-type'], 'application/x-ndjson');
    assert.equal(request.body, '{"record":"AQ=="}\n{"record":"Ag=="}\n{"record":"Aw=="}');
  });

  test('an upload whose answer breaks off says nothing of the rest', async () => {
    const whole = JSON.stringify({ line: 1, ...VERDICT });
    script = [session('t-1'), { status: 200, body: `${whole}\n${whole.slice(0, 20)}` }];
    assert.equal((await client().sendTaps([Uint8Array.of(1), Uint8Array.of(2)])).length, 1);
  });

  test('an operator reads a tap with a token of its own; the demo clock travels as a header', async () => {
    script = [{ status: 200, body: '{"outcome":"chargeable"}' }];
    const operator = client({
      authentication: { token: 'operator' },
      headers: () => ({ 'demo-time': '2026-03-02T08:00:00+08:00' }),
    });
    assert.deepEqual(await operator.getTap(TERMINAL, tapSequence(7)), { outcome: 'chargeable' });
    const request = seen.at(0);
    assert.ok(request);
    assert.equal(request.url, '/v1/taps/BUSA0001/7');
    assert.equal(request.headers['demo-time'], '2026-03-02T08:00:00+08:00');
    assert.equal(request.headers.authorization, 'Bearer operator');
  });

  test('a question is asked once, with its budget; what is no judgement is not understood', async () => {
    const judgement = { judgement: 'refuse', cause: 'hotlisted', hotlistVersion: 9 };
    const ok = (body: unknown): Scripted => ({ status: 200, body: JSON.stringify(body) });
    script = [session('t-1'), ok(judgement)];
    const one = client();
    const ask = () =>
      one.judgeTap(Uint8Array.of(1, 2, 3), { budgetMs: 120, signal: AbortSignal.timeout(5_000) });
    assert.deepEqual(await ask(), judgement);
    const request = seen.at(-1);
    assert.ok(request);
    assert.deepEqual([request.method, request.url], ['POST', '/v1/tap-judgements']);
    assert.equal(request.headers['tap-budget-ms'], '120');
    assert.deepEqual(JSON.parse(request.body), { draft: 'AQID' });

    script = [refusal(503, 'overloaded')];
    await assert.rejects(ask(), { code: 'overloaded' });
    const garbage: readonly unknown[] = [
      { judgement: 'refuse', cause: null, hotlistVersion: 9 },
      { judgement: 'pass', cause: 'hotlisted', hotlistVersion: 9 },
      { judgement: 'refuse', cause: 'because', hotlistVersion: 9 },
      { judgement: 'pass', cause: null, hotlistVersion: -1 },
      { judgement: 'pass', cause: null },
      'pass',
      null,
    ];
    for (const body of garbage) {
      script = [ok(body)];
      await assert.rejects(ask(), { code: 'answer_not_understood' });
    }
    script = [{ status: 502, body: '<html>' }];
    await assert.rejects(ask(), { code: 'answer_not_understood' });
    assert.deepEqual(waits, []);
    script = [refusal(401, 'token_invalid')];
    await assert.rejects(ask(), { code: 'token_invalid' });
    script = [session('t-2'), ok(judgement)];
    await ask();
    assert.equal(seen.at(-1)?.headers.authorization, 'Bearer t-2');
  });

  test('a question whose signal has ended is over, whatever the peer does', async () => {
    script = [session('t-1')];
    const ending = new AbortController();
    const asked = client().judgeTap(Uint8Array.of(1), { budgetMs: 5, signal: ending.signal });
    setImmediate(() => {
      ending.abort();
    });
    await assert.rejects(asked, { code: 'gateway_unreachable' });
  });

  test('no error says what was sent', async () => {
    script = [session('t-1'), refusal(403, 'terminal_mac_invalid')];
    await assert.rejects(client().sendTap(Buffer.from('6228480402564890018', 'ascii')), (error: unknown) => {
      assert.ok(error instanceof TapGateError);
      assert.doesNotMatch(JSON.stringify(error) + error.message + String(error.stack), /6228|NjIyO/);
      return true;
    });
  });
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `http://127.0.0.1:${address.port}`;
}
