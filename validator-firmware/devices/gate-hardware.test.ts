import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RIDER_SIGNALS } from '../gate/rider-signal.ts';
import { loadRiderSignals } from '../rider/load-rider-signals.ts';
import { ConsoleGate, describeShow } from './console-gate.ts';
import type { GateEvent, GateHardware, GateListener, GateShow } from './gate-hardware.ts';
import { HidGate } from './hid-gate.ts';
import { type HidBoard, type HidLibrary, loadHidLibrary } from './hid-library.ts';

const { showOf } = loadRiderSignals('ningbo');
const READY = showOf('ready');
const OPEN = showOf('senior');
const IDS = { vendorId: 0x1209, productId: 0x0001, lookEveryMs: 1 };

/** A board of which the test is the firmware: reads reports by the table of hid-reports.ts, on its own. */
class ScriptedBoard extends EventEmitter implements HidBoard {
  readonly reports: Buffer[] = [];
  isPulled = false;
  /** fails the report of this number, counted from 1 */
  failsAt = 0;
  isOpen = true;

  write(report: Buffer): Promise<number> {
    if (this.isPulled || this.reports.length + 1 === this.failsAt) {
      this.isPulled = true;
      return Promise.reject(new Error('could not send report to device'));
    }
    this.reports.push(Buffer.from(report));
    return Promise.resolve(report.length);
  }

  pull(): void {
    this.isPulled = true;
    this.emit('error', new Error('could not read from HID device'));
  }

  close(): Promise<void> {
    this.isOpen = false;
    return Promise.resolve();
  }

  /** What stands on the display and the lamps now, as a console would say it. */
  seen(): string {
    const text = (line: number) => {
      const report = this.reports.findLast((sent) => sent[0] === 2 && sent[1] === line);
      return report?.subarray(3, 3 + (report[2] ?? 0)).toString('utf8') ?? '';
    };
    const signal = this.reports.findLast((sent) => sent[0] === 1);
    assert.ok(signal);
    const lamps = ['red', 'amber', 'green', 'blue'].filter((_, bit) => ((signal[2] ?? 0) >> bit) & 1);
    const notes = Array.from(
      { length: signal[3] ?? 0 },
      (_, note) => `${signal.readUInt16BE(4 + 3 * note)}Hz/${(signal[6 + 3 * note] ?? 0) * 10}ms`,
    );
    return [
      signal[1] === 1 ? 'open' : 'shut',
      lamps.length === 0 ? 'dark' : lamps.join('+'),
      notes.length === 0 ? 'silent' : notes.join(' '),
      text(0),
      text(1),
    ].join(' | ');
  }
}

/** A USB bus on which boards come and go. */
class ScriptedBus implements HidLibrary {
  plugged: ScriptedBoard | null = null;
  looks = 0;

  open(vendorId: number, productId: number): Promise<HidBoard> {
    assert.deepEqual([vendorId, productId], [IDS.vendorId, IDS.productId]);
    this.looks++;
    return this.plugged === null
      ? Promise.reject(new Error('cannot open device'))
      : Promise.resolve(this.plugged);
  }
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, 'it did not happen');
    await sleep(1);
  }
}

type GateBench = {
  readonly hardware: GateHardware;
  readonly seen: () => string;
  readonly events: GateEvent[];
};

async function newHidBench(): Promise<GateBench & { bus: ScriptedBus; board: ScriptedBoard }> {
  const bus = new ScriptedBus();
  const board = new ScriptedBoard();
  bus.plugged = board;
  const events: GateEvent[] = [];
  const hardware = await HidGate.open({ ...IDS, library: bus }, (event) => events.push(event));
  return { hardware, seen: () => board.seen(), events, bus, board };
}

function newConsoleBench(): Promise<GateBench> {
  const lines: string[] = [];
  const events: GateEvent[] = [];
  const listener: GateListener = (event) => events.push(event);
  const hardware = new ConsoleGate((line) => lines.push(line), listener);
  return Promise.resolve({ hardware, seen: () => lines.at(-1) ?? '', events });
}

for (const [kind, newBench] of [
  ['console', newConsoleBench],
  ['hid', newHidBench],
] as const) {
  describe(`gate hardware: ${kind}`, () => {
    test('each signal is shown as the data say, in both languages', async () => {
      const { hardware, seen, events } = await newBench();
      assert.deepEqual(events, [{ event: 'gate_ready' }]);
      assert.equal(hardware.isThere, true);
      for (const signal of RIDER_SIGNALS) {
        assert.equal(await hardware.show(showOf(signal)), true);
        assert.equal(seen(), describeShow(showOf(signal)), signal);
      }
      await hardware.close();
    });

    test('shows that are asked for at once are shown in that order, unmixed', async () => {
      const { hardware, seen } = await newBench();
      const shows: GateShow[] = [OPEN, READY, showOf('see_staff')];
      await Promise.all(shows.map((show) => hardware.show(show)));
      assert.equal(seen(), describeShow(showOf('see_staff')));
      await hardware.close();
    });

    test('a closed gate shows nothing and says so', async () => {
      const { hardware, seen } = await newBench();
      await hardware.show(READY);
      await hardware.close();
      assert.equal(hardware.isThere, false);
      assert.equal(await hardware.show(OPEN), false);
      assert.equal(seen(), describeShow(READY));
    });
  });
}

describe('gate hardware: hid, hot unplug', () => {
  test('a board that is pulled is lost, found again, and then shows what it ought to', async () => {
    const { hardware, events, bus, board } = await newHidBench();
    await hardware.show(OPEN);
    bus.plugged = null;
    board.pull();
    assert.equal(hardware.isThere, false);
    assert.equal(board.isOpen, false);
    assert.equal(await hardware.show(READY), false);
    const looks = bus.looks;
    await until(() => bus.looks > looks + 1);
    const again = new ScriptedBoard();
    bus.plugged = again;
    await until(() => hardware.isThere);
    await until(() => events.length === 3);
    assert.deepEqual(
      events.map(({ event }) => event),
      ['gate_ready', 'gate_lost', 'gate_ready'],
    );
    assert.equal(again.seen(), describeShow(READY), 'the barrier that was told to shut is shut');
    await hardware.close();
  });

  for (const report of [1, 2, 3]) {
    test(`a board that goes while report ${report} of a show is written: not shown, and shown when it is back`, async () => {
      const { hardware, events, bus, board } = await newHidBench();
      board.failsAt = report;
      bus.plugged = null;
      assert.equal(await hardware.show(OPEN), false);
      assert.deepEqual(events.at(-1), { event: 'gate_lost' });
      bus.plugged = new ScriptedBoard();
      await until(() => hardware.isThere);
      assert.equal(bus.plugged.seen(), describeShow(OPEN));
      await hardware.close();
    });
  }

  test('a board that is plugged in after the start is found', async () => {
    const bus = new ScriptedBus();
    const events: GateEvent[] = [];
    const hardware = await HidGate.open({ ...IDS, library: bus }, (event) => events.push(event));
    assert.equal(hardware.isThere, false);
    bus.plugged = new ScriptedBoard();
    await until(() => hardware.isThere);
    assert.deepEqual(events, [{ event: 'gate_ready' }]);
    await hardware.close();
  });

  test('what the board says reaches the gate, until it is closed', async () => {
    const { hardware, events, board } = await newHidBench();
    board.emit('data', Buffer.from([0x81, 0x01]));
    board.emit('data', Buffer.from([0x81, 0x02]));
    board.emit('data', Buffer.from([0x55, 0x02]));
    await hardware.close();
    board.emit('data', Buffer.from([0x81, 0x01]));
    assert.deepEqual(
      events.map(({ event }) => event),
      ['gate_ready', 'passage', 'barrier_blocked'],
    );
  });

  test('without the library the gate says so, by code', async () => {
    assert.equal(loadHidLibrary('a-package-that-is-not-installed'), null);
    await assert.rejects(
      HidGate.open({ ...IDS, library: null }, () => undefined),
      {
        code: 'hid_library_absent',
      },
    );
  });

  test('the real library loads, and says that no such board is there', async () => {
    const library = loadHidLibrary();
    assert.ok(library);
    await assert.rejects(library.open(IDS.vendorId, IDS.productId));
  });
});
