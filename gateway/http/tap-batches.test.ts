import assert from 'node:assert/strict';
import { after, before, describe, mock, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { BATCH_LINE_BYTES_MAX } from '@tapgate/sdk/wire/limits';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import { findTerminal, SignedTaps } from '../intake/signed-taps.fixture.ts';
import { openTestApp, openTestWorld, type TestWorld } from '../intake/test-gateway.fixture.ts';
import { openSession, sendTap } from '../intake/test-requests.fixture.ts';
import { readLineGroups } from './ndjson-lines.ts';

const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');
type Line = { readonly line: number } & Record<string, unknown>;

describe('POST /v1/tap-batches', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let gateway: ReturnType<typeof openTestApp>;
  let placement: TerminalPlacement;
  let token: string;
  let records: Uint8Array[];
  /** taps that no other test sends */
  let fresh: Uint8Array[];

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    gateway = openTestApp(world, { clock: () => NOW_MS });
    placement = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' });
    token = await openSession(gateway, world.keystore, placement.terminalId, NOW_MS);
    const taps = new SignedTaps(world.keystore);
    const bank = world.demo.banks[0];
    const bin = bank?.bins[0];
    assert.ok(bank && bin);
    const made = Array.from({ length: 51 }, (_, number) => {
      const card = taps.makeCard({ bankId: bank.bankId, bin, number });
      return [1, 2, 3].map((atc) =>
        taps.makeTap({ card, placement, sequence: number * 3 + atc, atc, atMs: NOW_MS - 3_600_000 + atc }),
      );
    });
    records = made.slice(0, 50).flat();
    fresh = made.slice(50).flat();
  });
  after(async () => {
    await gateway.stop();
    await world.database.close();
    await server.stop();
  });

  const lineOf = (record: Uint8Array): string =>
    JSON.stringify({ record: Buffer.from(record).toString('base64') });

  async function upload(body: string | ReadableStream<Uint8Array>): Promise<Line[]> {
    const response = await gateway.app.request('/v1/tap-batches', {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-ndjson', Authorization: `Bearer ${token}` },
      body,
      duplex: 'half',
    });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('Content-Type'), 'application/x-ndjson');
    const text = await response.text();
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  }

  test('a line for each record, in order, whatever is wrong with some of them', async () => {
    const lines = [
      lineOf(records[0] ?? new Uint8Array()),
      'not json',
      '',
      lineOf(records[1] ?? new Uint8Array()),
      '{"record":"AAAA"}',
      `{"record":"${'A'.repeat(BATCH_LINE_BYTES_MAX)}"}`,
      lineOf(records[1] ?? new Uint8Array()),
      `${lineOf(records[2] ?? new Uint8Array())}\r`,
    ];
    const answers = await upload(lines.join('\n'));
    assert.deepEqual(
      answers.map((answer) => answer.line),
      [1, 2, 3, 4, 5, 6, 7],
    );
    const said = answers.map((answer) => {
      const error = answer['error'] as { readonly code: string } | undefined;
      return (
        error?.code ??
        `${String(answer['tapSequence'])} ${String(answer['outcome'])} ${String(answer['duplicate'])}`
      );
    });
    assert.deepEqual(said, [
      '1 chargeable false',
      'json_malformed',
      '2 chargeable false',
      'record_malformed',
      'body_too_large',
      '2 chargeable true',
      '3 chargeable false',
    ]);
  });

  test('the same upload again, and half of it a third time: every tap is there once', async () => {
    const body = records.map(lineOf).join('\n');
    const first = await upload(body);
    assert.equal(first.length, records.length);
    assert.ok(first.every((answer) => answer['outcome'] === 'chargeable'));
    const again = await upload(body);
    assert.ok(again.every((answer) => answer['duplicate'] === true));
    await upload(records.slice(0, 70).map(lineOf).join('\n'));
    const [row] = await world.database.hot<{ taps: number; acts: number }[]>`
      select (select count(*) from tap) as taps, (select count(*) from card_atc) as acts`;
    assert.deepEqual({ ...row }, { taps: records.length, acts: records.length });
    assert.deepEqual(gateway.faults, []);
  });

  test('a backlog stands behind live taps in every queue', async () => {
    const proving = mock.method(gateway.sm2Workers, 'checkWhileWanted');
    try {
      const [first = new Uint8Array(), second = new Uint8Array()] = fresh;
      await upload(lineOf(first));
      const live = await sendTap(gateway, token, second);
      assert.equal(live.status, 200);
      assert.deepEqual(
        proving.mock.calls.map(({ arguments: [, lane] }) => lane),
        ['after', 'first'],
      );
    } finally {
      proving.mock.restore();
    }
  });

  test('answers come while the upload still runs', async () => {
    let feed: ((text: string | null) => void) | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        feed = (text) => {
          if (text === null) controller.close();
          else controller.enqueue(new TextEncoder().encode(text));
        };
      },
    });
    const response = await gateway.app.request('/v1/tap-batches', {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-ndjson', Authorization: `Bearer ${token}` },
      body,
      duplex: 'half',
    });
    const answers = readLineGroups(response.body as ReadableStream<Uint8Array>, {
      lineBytesMax: 10_000,
      groupMax: 1,
    });
    assert.ok(feed);
    feed(`${lineOf(records[0] ?? new Uint8Array())}\n`);
    const first = (await answers.next()).value as Uint8Array[] | undefined;
    assert.match(Buffer.from(first?.[0] ?? new Uint8Array()).toString(), /^\{"line":1,/);
    feed(`${Array.from({ length: 299 }, () => lineOf(records[0] ?? new Uint8Array())).join('\n')}\n`);
    feed(null);
    let lines = 1;
    for await (const [line] of answers) {
      assert.ok(line !== null);
      lines += 1;
    }
    assert.equal(lines, 300);
  });

  test('a terminal that goes away in the middle leaves what was accepted, and the gateway unharmed', async () => {
    let lines = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        lines += 1;
        if (lines > 20) controller.error(new Error('gone'));
        else controller.enqueue(new TextEncoder().encode(`${lineOf(records[lines] ?? new Uint8Array())}\n`));
      },
    });
    await assert.rejects(upload(body));
    const answers = await upload(lineOf(records[1] ?? new Uint8Array()));
    assert.equal(answers[0]?.['duplicate'], true);
    assert.deepEqual(gateway.faults, []);
  });

  test('a terminal that stops listening does not stop its upload from being taken in', async () => {
    const response = await gateway.app.request('/v1/tap-batches', {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-ndjson', Authorization: `Bearer ${token}` },
      body: records.map(lineOf).join('\n'),
      duplex: 'half',
    });
    await response.body?.cancel();
    const answers = await upload(lineOf(records[2] ?? new Uint8Array()));
    assert.equal(answers[0]?.['duplicate'], true);
    assert.deepEqual(gateway.faults, []);
  });

  test('a body of no lines is answered by no lines', async () => {
    assert.deepEqual(await upload('\n\n'), []);
  });

  test('of many uploads at once a part is inside, the rest waits at the door, and every line is answered', async () => {
    const body = records.map(lineOf).join('\n');
    let [most, isOver] = [0, false];
    const watching = (async (): Promise<void> => {
      while (!isOver) {
        most = Math.max(most, gateway.intake.inside);
        await setImmediate();
      }
    })();
    const uploads = await Promise.all(Array.from({ length: 8 }, () => upload(body)));
    isOver = true;
    await watching;
    for (const lines of uploads) {
      assert.deepEqual(
        lines.map(({ line }) => line),
        records.map((_, index) => index + 1),
      );
      assert.ok(lines.every(({ outcome }) => outcome === 'chargeable'));
    }
    // 384, and what of the group that filled it up was over.
    assert.ok(most > 128 && most < 384 + 128, `${most} taps were inside at once`);
  });
});
