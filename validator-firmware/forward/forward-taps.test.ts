import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { TapGateError, type TapGateErrorCode } from '@tapgate/sdk/error';
import { REFUSALS } from '@tapgate/sdk/wire/refusals';
import type { TapAnswer } from '@tapgate/sdk/wire/verdict';
import { TapJournal } from '../journal/tap-journal.ts';
import { forwardTaps } from './forward-taps.ts';
import { ForwardingLoop } from './forwarding-loop.ts';
import { DISPOSAL_OF_REFUSAL, isSetAside } from './refusal-disposal.ts';
import { bulkUplink, liveUplink, type TapUplink } from './tap-uplink.ts';

/** A gateway that answers by the first byte of a record, and remembers what it was sent. */
class ScriptedGateway {
  readonly sent: number[] = [];
  readonly refusals = new Map<number, TapGateErrorCode>();
  isShutOut = false;

  sendTap(record: Uint8Array): Promise<TapAnswer> {
    const sequence = record[0] ?? 0;
    if (this.isShutOut)
      return Promise.reject(new TapGateError({ code: 'terminal_revoked', isOfSession: true }));
    this.sent.push(sequence);
    const code = this.refusals.get(sequence);
    if (code !== undefined) return Promise.reject(new TapGateError({ code }));
    return Promise.resolve({
      terminalId: 'GATE0001',
      tapSequence: sequence,
      outcome: 'chargeable',
      cause: null,
      duplicate: false,
    });
  }
}

describe('forwarding', () => {
  let directory = '';
  let journal: TapJournal;
  let gateway: ScriptedGateway;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'forward-'));
    journal = await TapJournal.open({ directory, storageKey: Buffer.alloc(32, 1), unacknowledgedMax: 100 });
    gateway = new ScriptedGateway();
    for (let count = 0; count < 5; count++) await journal.append((sequence) => Uint8Array.of(sequence));
  });
  afterEach(async () => {
    await journal.close();
    await rm(directory, { recursive: true, force: true });
  });

  const forward = () => forwardTaps(journal, () => liveUplink(gateway));
  const waiting = async () => (await journal.oldestUnacknowledged(100)).map((entry) => entry.tapSequence);

  test('a terminal that is not let in keeps its records: they are good when it is let in again', async () => {
    gateway.isShutOut = true;
    const report = await forward();
    assert.deepEqual([report.stoppedBy, gateway.sent], ['terminal_revoked', []]);
    assert.equal((await waiting()).length, 5);
    gateway.isShutOut = false;
    assert.equal((await forward()).stoppedBy, null);
    assert.deepEqual([gateway.sent, journal.refusedCount()], [[1, 2, 3, 4, 5], 0]);
  });

  test('records go oldest first, and what was accepted is forgotten', async () => {
    const report = await forward();
    assert.deepEqual(gateway.sent, [1, 2, 3, 4, 5]);
    assert.equal(report.stoppedBy, null);
    assert.equal(report.deliveries.filter((delivery) => delivery.kind === 'accepted').length, 5);
    assert.deepEqual(await waiting(), []);
  });

  test('a gateway that cannot be reached stops forwarding; everything from there on stays', async () => {
    gateway.refusals.set(3, 'gateway_unreachable');
    const report = await forward();
    assert.equal(report.stoppedBy, 'gateway_unreachable');
    assert.deepEqual(gateway.sent, [1, 2, 3]);
    assert.deepEqual(await waiting(), [3, 4, 5]);
    gateway.refusals.clear();
    await forward();
    assert.deepEqual(gateway.sent, [1, 2, 3, 3, 4, 5]);
    assert.deepEqual(await waiting(), []);
  });

  test('a record that is refused for good is kept aside and reported; the others go on', async () => {
    gateway.refusals.set(2, 'terminal_mac_invalid').set(4, 'tap_identity_reused');
    const report = await forward();
    assert.equal(report.stoppedBy, null);
    assert.deepEqual(
      report.deliveries.flatMap((delivery) => (delivery.kind === 'refused' ? [delivery.code] : [])),
      ['terminal_mac_invalid', 'tap_identity_reused'],
    );
    assert.deepEqual(await waiting(), []);
    const aside = await journal.listRefused(10);
    assert.deepEqual(
      aside.map((entry) => [entry.tapSequence, entry.code]),
      [
        [2, 'terminal_mac_invalid'],
        [4, 'tap_identity_reused'],
      ],
    );
  });

  test('what breaks on our own side loses nothing that was not accepted', async () => {
    const broken = {
      sendTap: (record: Uint8Array) =>
        (record[0] ?? 0) < 3 ? gateway.sendTap(record) : Promise.reject(new Error('broken')),
    };
    await assert.rejects(
      forwardTaps(journal, () => liveUplink(broken)),
      /broken/,
    );
    assert.deepEqual(await waiting(), [3, 4, 5]);
  });

  test('in bulk each record has its own end, and only the accepted ones are forgotten', async () => {
    gateway.refusals.set(2, 'terminal_mac_invalid').set(4, 'overloaded');
    const sendTaps = (records: readonly Uint8Array[]) =>
      Promise.all(
        records.map((record) =>
          gateway.sendTap(record).catch((error: unknown) => {
            assert.ok(error instanceof TapGateError);
            return error;
          }),
        ),
      );
    const report = await forwardTaps(journal, () => bulkUplink({ sendTaps }));
    assert.equal(report.stoppedBy, 'overloaded');
    assert.deepEqual(await waiting(), [4]);
    assert.equal(journal.refusedCount(), 1);
  });

  test('a bulk answer that breaks off leaves the rest in the journal', async () => {
    const sendTaps = async (records: readonly Uint8Array[]) => [
      await gateway.sendTap(records[0] ?? new Uint8Array(0)),
    ];
    const report = await forwardTaps(journal, () => bulkUplink({ sendTaps }));
    assert.equal(report.stoppedBy, 'answer_not_understood');
    assert.deepEqual(await waiting(), [2, 3, 4, 5]);
    const unreachable = { sendTaps: () => Promise.reject(new TapGateError({ code: 'gateway_unreachable' })) };
    assert.equal(
      (await forwardTaps(journal, () => bulkUplink(unreachable))).stoppedBy,
      'gateway_unreachable',
    );
    assert.deepEqual(await waiting(), [2, 3, 4, 5]);
  });

  /** Takes everything, and notes what it was sent; what happens meanwhile is the test's. */
  const takingAll = (name: string, pieces: string[], meanwhile = () => Promise.resolve()): TapUplink => ({
    async *send(entries) {
      pieces.push(`${name} ${entries.length}`);
      await meanwhile();
      for (const entry of entries)
        yield { kind: 'accepted', entry, answer: await gateway.sendTap(entry.record) };
    },
  });
  const append = async (count: number) => {
    for (let index = 0; index < count; index++) await journal.append((sequence) => Uint8Array.of(sequence));
  };

  test('what gathers while a piece is on its way is a piece of its own, and goes as it has become', async () => {
    const pieces: string[] = [];
    const whileSent = [() => append(40), () => append(1), () => Promise.resolve()];
    const meanwhile = () => whileSent.shift()?.() ?? Promise.resolve();
    const report = await forwardTaps(journal, (waiting) =>
      takingAll(waiting >= 16 ? 'bulk' : 'live', pieces, meanwhile),
    );
    assert.deepEqual(pieces, ['live 5', 'bulk 40', 'live 1']);
    assert.deepEqual([report.deliveries.length, report.stoppedBy], [46, null]);
    assert.deepEqual(
      gateway.sent,
      Array.from({ length: 46 }, (_, index) => index + 1),
    );
  });

  test('fifteen waiting taps are riders in a row and go live; sixteen are a backlog', async () => {
    for (const [held, is] of [
      [15, 'live 15'],
      [16, 'bulk 16'],
    ] as const) {
      await append(held - journal.unacknowledgedCount());
      const pieces: string[] = [];
      const loop = new ForwardingLoop({
        ...{ journal, live: takingAll('live', pieces), bulk: takingAll('bulk', pieces) },
        onReport: () => undefined,
        onFault: assert.ifError,
      });
      await loop.stop();
      assert.deepEqual([pieces, await waiting()], [[is], []]);
    }
  });

  test('a refusal of the moment, of the session or of the whole gateway never costs a record', () => {
    const kept = REFUSALS.filter((entry) => !isSetAside(entry.code)).map((entry) => entry.code);
    for (const code of ['gateway_unavailable', 'overloaded', 'token_invalid', 'terminal_unknown'] as const)
      assert.ok(kept.includes(code));
    assert.equal(isSetAside('answer_timed_out'), false);
    const known = REFUSALS.filter((entry) => entry.where === 'request' || entry.where === 'record');
    assert.equal(Object.keys(DISPOSAL_OF_REFUSAL).length, known.length);
  });
});
