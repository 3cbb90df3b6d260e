import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GateShow } from './gate-hardware.ts';
import { eventOfReport, lineReport, REPORT_BYTES, reportsOf, signalReport } from './hid-reports.ts';

const SENIOR: GateShow = {
  barrier: 'open',
  lamps: ['green', 'blue'],
  notes: [
    { hertz: 1600, milliseconds: 80 },
    { hertz: 2000, milliseconds: 120 },
  ],
  lines: { zh: '请通行', en: 'Please go' },
};
const hexOf = (report: Uint8Array, bytes: number) =>
  Buffer.from(report)
    .toString('hex')
    .slice(0, 2 * bytes);
const restIsZero = (report: Uint8Array, from: number) => report.subarray(from).every((byte) => byte === 0);

describe('reports of the gate board', () => {
  test('a signal, byte for byte', () => {
    const report = signalReport(SENIOR);
    assert.equal(report.length, REPORT_BYTES);
    //                 id barrier lamps notes | 1600 Hz 80 ms | 2000 Hz 120 ms
    assert.equal(hexOf(report, 10), '01010c02064008' + '07d00c');
    assert.ok(restIsZero(report, 10));
  });

  test('dark, silent and shut', () => {
    const report = signalReport({ ...SENIOR, barrier: 'shut', lamps: [], notes: [] });
    assert.equal(hexOf(report, 1), '01');
    assert.ok(restIsZero(report, 1));
  });

  test('each lamp has its own bit', () => {
    const bits = (['red', 'amber', 'green', 'blue'] as const).map(
      (lamp) => signalReport({ ...SENIOR, lamps: [lamp] })[2],
    );
    assert.deepEqual(bits, [1, 2, 4, 8]);
  });

  test('a display line, byte for byte, in UTF-8', () => {
    assert.equal(hexOf(lineReport(0, '请通行'), 12), '020009' + 'e8afb7' + 'e9809a' + 'e8a18c');
    assert.equal(hexOf(lineReport(1, 'Go'), 5), '020102' + '476f');
  });

  test('a text that is too long is cut after a whole character', () => {
    const report = lineReport(0, '通'.repeat(30));
    assert.equal(report[2], 60);
    assert.equal(Buffer.from(report.subarray(3, 63)).toString('utf8'), '通'.repeat(20));
    const mixed = lineReport(0, `ab${'通'.repeat(30)}`);
    assert.equal(mixed[2], 59);
    assert.equal(mixed.length, REPORT_BYTES);
  });

  test('the display is written before the barrier moves', () => {
    assert.deepEqual(
      reportsOf(SENIOR).map((report) => report[0]),
      [2, 2, 1],
    );
  });

  test('what the board says, and what this table does not have', () => {
    assert.deepEqual(eventOfReport(Uint8Array.of(0x81, 1)), { event: 'passage' });
    assert.deepEqual(eventOfReport(Uint8Array.of(0x81, 2)), { event: 'barrier_blocked' });
    for (const unknown of [[0x81, 9], [0x80, 1], []])
      assert.equal(eventOfReport(Uint8Array.from(unknown)), null);
  });

  test('a signal with more than a report holds is refused', () => {
    const notes = Array.from({ length: 5 }, () => ({ hertz: 1000, milliseconds: 10 }));
    assert.throws(() => signalReport({ ...SENIOR, notes }), RangeError);
    assert.throws(
      () => signalReport({ ...SENIOR, notes: [{ hertz: 70_000, milliseconds: 10 }] }),
      RangeError,
    );
  });
});
