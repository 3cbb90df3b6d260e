import type { BatchFormat, BatchIdentity, DeferredCharge, PresentedTap } from '../clearing-batch.ts';
import { amountObjectFen } from '../presented-tap.ts';

/**
 * `deferred-charge`: what each card owes for one service date, with the evidence of every tap. Our own format; the byte-exact
 * description is deferred-charge.md beside this file.
 */
export const DEFERRED_CHARGE_MAGIC = 'TGDC';
export const DEFERRED_CHARGE_EDITION = 1;

/** Data objects of a T line, in this order, each in hex or empty: the order is part of the format. */
export const EVIDENCE_TAGS = [
  '9F26',
  '9F27',
  '9F10',
  '9F36',
  '82',
  '9F37',
  '9F02',
  '9F03',
  '95',
  '9A',
  '9C',
  '9F1A',
  '5F2A',
] as const;

/**
 * The format for one bank and batch. A charge with a tap that lacks AC, ATC, unpredictable number or amount never comes here: reading the
 * record refuses it.
 */
export function deferredCharge(
  batch: BatchIdentity,
  bank: { readonly cnapsCode: string },
): BatchFormat<DeferredCharge> {
  const identity = [batch.party, bank.cnapsCode, batch.clearingDate, String(batch.sequence), '156'];
  let taps = 0;
  return {
    head: line('H', DEFERRED_CHARGE_MAGIC, String(DEFERRED_CHARGE_EDITION), ...identity),
    item: (charge, itemNo) => {
      taps += charge.taps.length;
      return Buffer.concat([chargeLine(charge, itemNo), ...charge.taps.map((tap) => tapLine(tap, itemNo))]);
    },
    tail: (totals) => line('Z', String(totals.records), String(taps), String(totals.totalFen)),
  };
}

function chargeLine(charge: DeferredCharge, itemNo: number): Uint8Array {
  const times = charge.taps.map((tap) => tap.tappedAtMs);
  const first = charge.taps[0];
  if (first === undefined) throw new RangeError('a deferred charge has at least one tap');
  return line(
    'C',
    String(itemNo),
    first.pan,
    String(charge.psn).padStart(2, '0'),
    first.expiry.slice(0, 4),
    charge.serviceDate,
    String(charge.amountFen),
    instant(Math.min(...times)),
    instant(Math.max(...times)),
    String(charge.taps.length),
  );
}

function tapLine(tap: PresentedTap, itemNo: number): Uint8Array {
  if (amountObjectFen(tap.objects.get('9F02')) === null) throw new RangeError('9F02 is twelve digits');
  return line(
    'T',
    String(itemNo),
    tap.terminalId,
    String(tap.tapSequence),
    instant(tap.tappedAtMs),
    tap.tapKind,
    tap.lineId,
    tap.stationId ?? '',
    ...EVIDENCE_TAGS.map((tag) => tap.objects.get(tag) ?? ''),
    tap.dfName,
  );
}

const LINE = /^[\x20-\x7e]*$/;

/** One line: fields between bars, ended by LF. No field may hold a bar or anything but printable ASCII, so nothing is escaped. */
function line(...fields: readonly string[]): Uint8Array {
  const text = fields.join('|');
  if (!LINE.test(text) || barsIn(text) !== fields.length - 1)
    throw new RangeError('a field has a bar or a character outside printable ASCII');
  return Buffer.from(`${text}\n`, 'latin1');
}

function barsIn(text: string): number {
  let bars = 0;
  for (let at = text.indexOf('|'); at >= 0; at = text.indexOf('|', at + 1)) bars += 1;
  return bars;
}

function instant(atMs: number): string {
  return new Date(atMs).toISOString();
}
