import { DISPLAY_LINE_BYTES_MAX, type GateEvent, type GateShow, LAMPS, NOTES_MAX } from './gate-hardware.ts';

/**
 * The reports between a gate's program and its board. Every report has 64 bytes, the report id first; what is not named is zero.
 *
 * Output 01, signal
 *
 *   0      01
 *   1      barrier: 00 shut, 01 open
 *   2      lamps: 01 red, 02 amber, 04 green, 08 blue, added
 *   3      number of notes, 0 to 4
 *   4..15  notes: frequency in hertz (2, big-endian), duration in 10 ms (1)
 *
 * Output 02, display line
 *
 *   0      02
 *   1      line: 00 Chinese, 01 English
 *   2      length of the text in bytes, 0 to 60
 *   3..62  text, UTF-8
 *
 * Input 81, what the board reports by itself
 *
 *   0      81
 *   1      01 somebody went through, 02 the barrier is blocked
 */
export const REPORT_BYTES = 64;
const SIGNAL_REPORT = 0x01;
const LINE_REPORT = 0x02;
const EVENT_REPORT = 0x81;
const DURATION_UNIT_MS = 10;
const NOTES_OFFSET = 4;
const NOTE_BYTES = 3;
const TEXT_OFFSET = 3;

/** The reports of one show, in the order in which they are sent: the display first, so that it is right when the barrier moves. */
export function reportsOf(show: GateShow): readonly Uint8Array[] {
  return [lineReport(0, show.lines.zh), lineReport(1, show.lines.en), signalReport(show)];
}

/** @throws RangeError for more notes, a longer note or a higher one than a report holds */
export function signalReport({ barrier, lamps, notes }: GateShow): Uint8Array {
  if (notes.length > NOTES_MAX) throw new RangeError('a signal has up to four notes');
  const report = Buffer.alloc(REPORT_BYTES);
  report.writeUInt8(SIGNAL_REPORT, 0);
  report.writeUInt8(barrier === 'open' ? 1 : 0, 1);
  report.writeUInt8(
    LAMPS.reduce((bits, lamp, index) => (lamps.includes(lamp) ? bits | (1 << index) : bits), 0),
    2,
  );
  report.writeUInt8(notes.length, 3);
  notes.forEach(({ hertz, milliseconds }, index) => {
    report.writeUInt16BE(hertz, NOTES_OFFSET + index * NOTE_BYTES);
    report.writeUInt8(Math.round(milliseconds / DURATION_UNIT_MS), NOTES_OFFSET + index * NOTE_BYTES + 2);
  });
  return report;
}

/** A text that is too long is cut after a whole character. */
export function lineReport(line: 0 | 1, text: string): Uint8Array {
  let shown = '';
  for (const character of text) {
    if (Buffer.byteLength(shown + character) > DISPLAY_LINE_BYTES_MAX) break;
    shown += character;
  }
  const report = Buffer.alloc(REPORT_BYTES);
  report.writeUInt8(LINE_REPORT, 0);
  report.writeUInt8(line, 1);
  report.writeUInt8(Buffer.byteLength(shown), 2);
  report.write(shown, TEXT_OFFSET, 'utf8');
  return report;
}

/** @returns null for a report that this table does not have: a newer board may say more */
export function eventOfReport(report: Uint8Array): GateEvent | null {
  if (report[0] !== EVENT_REPORT) return null;
  if (report[1] === 0x01) return { event: 'passage' };
  return report[1] === 0x02 ? { event: 'barrier_blocked' } : null;
}
