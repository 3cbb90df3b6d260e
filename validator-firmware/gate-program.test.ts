import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isoDate, terminalId } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import type { GateHardware, GateListener, GateShow } from './devices/gate-hardware.ts';
import { VirtualReader } from './devices/virtual-reader.ts';
import { hotlistOfKeys } from './gate/hotlist-snapshot.ts';
import type { RiderSignal } from './gate/rider-signal.ts';
import { type GateFault, GateProgram } from './gate-program.ts';
import { TapJournal } from './journal/tap-journal.ts';
import { ODA_PROFILE } from './kernel/standard-profiles.ts';
import { loadRiderSignals } from './rider/load-rider-signals.ts';
import { createValidator } from './validator.ts';
import type { CardFaults } from './virtual-cards/card-faults.ts';
import { personaliseCard } from './virtual-cards/personalise-card.ts';
import { makeTestIssuer } from './virtual-cards/test-issuer.ts';
import { VirtualCard } from './virtual-cards/virtual-card.ts';

const NOW_MS = Date.parse('2026-11-23T08:15:00+08:00');
const { issuer, caKeys } = makeTestIssuer({ seed: 'gate program test', bin: '623058' });
const signals = loadRiderSignals('ningbo');

/** A board that can be taken away. */
class TestBoard implements GateHardware {
  isThere = true;
  readonly shown: GateShow[] = [];
  listener: GateListener = () => undefined;

  show(show: GateShow): Promise<boolean> {
    if (this.isThere) this.shown.push(show);
    return Promise.resolve(this.isThere);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  pull(): void {
    this.isThere = false;
    this.listener({ event: 'gate_lost' });
  }
}

describe('gate program', () => {
  let directory = '';
  let journal: TapJournal;
  let reader: VirtualReader;
  let board: TestBoard;
  let program: GateProgram;
  let taps: { signal: RiderSignal; at: string }[];
  let faults: GateFault[];
  let hotlistAgeMs = 0;
  let drawn = 0;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'gate-program-'));
    journal = await TapJournal.open({ directory, storageKey: Buffer.alloc(32, 1), unacknowledgedMax: 100 });
    reader = new VirtualReader(['left', 'right']);
    board = new TestBoard();
    [taps, faults, hotlistAgeMs] = [[], [], 0];
    program = await startProgram();
  });
  afterEach(async () => {
    await program.stop();
    await journal.close();
    await rm(directory, { recursive: true, force: true });
  });

  function startProgram(): Promise<GateProgram> {
    const validator = createValidator({
      terminal: {
        ...{ terminalId: terminalId('GATE0001'), lineId: 'bus-a', stationId: null, tapKind: 'single' },
        ...{ rail: 'oda', macKey: Buffer.alloc(32, 7), ruleSetVersion: 'r', utcOffsetMinutes: 480 },
        fareFen: null,
      },
      profile: ODA_PROFILE,
      caKeys,
      hotlist: () =>
        hotlistOfKeys({ version: 1, publishedAtMs: NOW_MS - hotlistAgeMs, listKey: Buffer.alloc(32, 9) }, []),
      policy: { hotlistAgeMaxMs: 60_000, staleHotlist: 'refuse', passBackWindowMs: 90_000 },
      journal,
      clock: () => NOW_MS,
      random: (count) => Buffer.alloc(count, ++drawn),
    });
    return GateProgram.start({
      validator,
      signals,
      openReader: (listener) => reader.open(listener),
      openHardware: (listener) => {
        board.listener = listener;
        return Promise.resolve(board);
      },
      passengerOf: () => 'senior',
      onTap: (_, signal, at) => taps.push({ signal, at }),
      onFault: (fault) => faults.push(fault),
      clock: () => NOW_MS,
      showMs: 5,
    });
  }

  function newCard(cardFaults?: CardFaults): VirtualCard {
    const seed = String(++drawn);
    const personalisation = personaliseCard({
      ...{ seed, psn: '01', expiry: isoDate('2030-12-31'), balanceFen: fen(0), issuer },
      pan: `623058${seed.padStart(13, '0')}`,
    });
    return new VirtualCard(personalisation, undefined, cardFaults);
  }

  async function until(holds: () => boolean): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!holds()) {
      assert.ok(performance.now() < deadline, 'it did not happen');
      await sleep(2);
    }
  }

  async function present(card: VirtualCard, at = 'left'): Promise<RiderSignal> {
    const before = taps.length;
    reader.insert(at, card);
    await until(() => taps.length > before);
    reader.remove(at);
    return taps.at(-1)?.signal ?? 'ready';
  }

  const shownLast = () => board.shown.at(-1);

  test('a senior goes through, the record is kept, and the gate is ready again', async () => {
    await until(() => shownLast() === signals.showOf('ready'));
    assert.equal(await present(newCard()), 'senior');
    assert.ok(board.shown.includes(signals.showOf('senior')));
    assert.equal(journal.unacknowledgedCount(), 1);
    await until(() => shownLast() === signals.showOf('ready'));
    assert.deepEqual(faults, []);
  });

  test('two readers of one gate: one rider after the other', async () => {
    reader.insert('left', newCard());
    reader.insert('right', newCard());
    await until(() => taps.length === 2);
    assert.deepEqual(
      taps.map(({ at }) => at),
      ['left', 'right'],
    );
    assert.equal(journal.unacknowledgedCount(), 2);
  });

  test('a card that is torn is asked for again, and after three times a person', async () => {
    const card = newCard({ tornAtCommand: 4 });
    const told = [await present(card), await present(card), await present(card)];
    assert.deepEqual(told, ['try_again', 'try_again', 'see_staff']);
    card.faults = {};
    assert.equal(await present(card), 'senior');
  });

  test('a second tap at once is told as what it is', async () => {
    const card = newCard();
    assert.equal(await present(card), 'senior');
    assert.equal(await present(card), 'already_tapped');
  });

  test('something that does not answer is a fault of that place and time, and the rider is told', async () => {
    reader.insert('right', newCard({ mute: true }));
    await until(() => board.shown.includes(signals.showOf('try_again')));
    assert.deepEqual(faults, [{ code: 'card_unreadable', atMs: NOW_MS, detail: 'right' }]);
  });

  test('readers that go and come back: out of service in between, and a fault for each', async () => {
    reader.lose();
    await until(() => shownLast() === signals.showOf('out_of_service'));
    assert.deepEqual(
      faults.map(({ code, detail }) => [code, detail]),
      [
        ['reader_lost', 'left'],
        ['reader_lost', 'right'],
      ],
    );
    reader.restore();
    await until(() => shownLast() === signals.showOf('ready'));
    assert.equal(await present(newCard()), 'senior');
  });

  test('a gate whose board is gone asks nothing of a card: it could not open', async () => {
    board.pull();
    const card = newCard();
    reader.insert('left', card);
    await until(() => faults.length === 2);
    assert.equal(card.state.atc, 0);
    assert.equal(journal.unacknowledgedCount(), 0);
    assert.deepEqual(
      faults.map(({ code }) => code),
      ['gate_board_lost', 'gate_board_lost'],
    );
  });

  test('a list that is too old is a fault once, and the rider is sent to another gate', async () => {
    hotlistAgeMs = 60_001;
    assert.equal(await present(newCard()), 'other_gate');
    assert.equal(await present(newCard()), 'other_gate');
    assert.deepEqual(
      faults.map(({ code }) => code),
      ['hotlist_too_old'],
    );
  });

  test('a journal that fails keeps the gate shut, and the fault names it', async () => {
    await journal.close();
    reader.insert('left', newCard());
    await until(() => faults.length > 0 || taps.length > 0);
    assert.equal(taps.at(-1)?.signal ?? 'other_gate', 'other_gate');
    assert.ok(!board.shown.some((show) => show.barrier === 'open'));
  });

  test('a stop finishes the tap under way and leaves the barrier shut', async () => {
    reader.insert('left', newCard({ slowMs: 10 }));
    await program.stop();
    assert.ok(taps.length <= 1);
    assert.equal(journal.unacknowledgedCount(), taps.length);
    assert.equal(shownLast(), signals.showOf('out_of_service'));
  });
});
