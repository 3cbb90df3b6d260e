import {
  netFen,
  type Adjustment,
  type AdjustmentTotals,
  type BatchFormat,
  type BatchIdentity,
  type BatchTotals,
  type DeferredCharge,
  type PresentedTap,
} from '../clearing-batch.ts';
import { instantText } from '../instant-text.ts';
import { amountObjectFen } from '../presented-tap.ts';

/**
 * `deferred-charge`: what each card owes for one service date, with the evidence of every tap. Our own format; the byte-exact
 * description is deferred-charge.md beside this file.
 */
export const DEFERRED_CHARGE_MAGIC = 'TGDC';

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
 * The format for one bank and batch. Edition 2 has lines for adjustments, edition 1 none. A charge with a tap that lacks AC, ATC, unpredictable number or amount never comes here: reading the
 * record refuses it.
 */
export function deferredCharge(
  batch: BatchIdentity,
  bank: { readonly cnapsCode: string; readonly edition: 1 | 2 },
): BatchFormat<DeferredCharge> {
  const identity = [batch.party, bank.cnapsCode, batch.clearingDate, String(batch.sequence), '156'];
  let taps = 0;
  return {
    head: line('H', DEFERRED_CHARGE_MAGIC, String(bank.edition), ...identity),
    item: (charge, itemNo) => {
      taps += charge.taps.length;
      let text = chargeLine(charge, itemNo);
      for (const tap of charge.taps) text += tapLine(tap, itemNo);
      return Buffer.from(text, 'latin1');
    },
    ...(bank.edition === 1 ? {} : { change: adjustmentLine }),
    tail: (totals, changes) => {
      const ofCharges = [String(totals.records), String(taps), String(totals.totalFen)];
      return line('Z', ...ofCharges, ...(bank.edition === 1 ? [] : sumsOf(totals, changes)));
    },
  };
}

function adjustmentLine(adjustment: Adjustment, _itemNo: number, changeNo: number): Uint8Array {
  const { tap, psn, chargedFen, fareFen } = adjustment;
  const differenceFen = fareFen - chargedFen;
  if (differenceFen === 0) throw new RangeError('an adjustment changes a fare');
  return line(
    'A',
    String(changeNo),
    adjustment.adjustmentId,
    tap.pan,
    twoDigits(psn),
    adjustment.serviceDate,
    tap.terminalId,
    String(tap.tapSequence),
    tap.objects.get('9F36') ?? '',
    String(chargedFen),
    String(fareFen),
    differenceFen > 0 ? `+${differenceFen}` : String(differenceFen),
    adjustment.reason,
    adjustment.presentedOn,
  );
}

function sumsOf(totals: BatchTotals, changes: AdjustmentTotals): string[] {
  const sums = [changes.records, changes.extraFen, changes.reducedFen, netFen(totals, changes)];
  return sums.map(String);
}

const twoDigits = (psn: number): string => `${psn < 10 ? '0' : ''}${psn}`;

function chargeLine({ psn, serviceDate, amountFen, taps }: DeferredCharge, itemNo: number): string {
  const first = taps[0];
  if (first === undefined) throw new RangeError('a deferred charge has at least one tap');
  let from = first.tappedAtMs;
  let to = from;
  for (const { tappedAtMs } of taps) {
    from = Math.min(from, tappedAtMs);
    to = Math.max(to, tappedAtMs);
  }
  return (
    `C|${itemNo}|${first.pan}|${twoDigits(psn)}|${first.expiry.slice(0, 4)}|${serviceDate}|${amountFen}|` +
    `${instantText(from)}|${instantText(to)}|${taps.length}\n`
  );
}

function tapLine(tap: PresentedTap, itemNo: number): string {
  const { objects, tappedAtMs, tapKind } = tap;
  if (amountObjectFen(objects.get('9F02')) === null) throw new RangeError('9F02 is twelve digits');
  const place = `${field(tap.terminalId)}|${tap.tapSequence}|${instantText(tappedAtMs)}|${tapKind}|${field(tap.lineId)}|`;
  let text = `T|${itemNo}|${place}${field(tap.stationId ?? '')}|`;
  for (const tag of EVIDENCE_TAGS) text += `${objects.get(tag) ?? ''}|`;
  return `${text}${tap.dfName}\n`;
}

const FIELD = /^[\x20-\x7b\x7d\x7e]*$/;

/** No field may hold a bar or anything but printable ASCII, so nothing is escaped. Digits and hex of our own making need no look. */
function field(text: string): string {
  if (!FIELD.test(text)) throw new RangeError('a field has a bar or a character outside printable ASCII');
  return text;
}

/** One line: fields between bars, ended by LF. */
function line(...fields: readonly string[]): Uint8Array {
  return Buffer.from(`${fields.map(field).join('|')}\n`, 'latin1');
}
