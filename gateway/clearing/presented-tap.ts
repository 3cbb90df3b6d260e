import { readCardObjects } from '@tapgate/sdk/tap-record/card-exchange';
import { parseTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import { parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { hex } from '@tapgate/sdk/emv/hex';
import { firstCryptogramType, parseIad, type CryptogramType } from '@tapgate/sdk/emv/iad';
import type { PresentedTap, Withheld } from './clearing-batch.ts';

const CARD_TAGS = ['9F26', '9F27', '9F10', '9F36', '82', '9F09'] as const;
const TERMINAL_TAGS = [
  '9F37',
  '9F02',
  '9F03',
  '95',
  '9A',
  '9C',
  '9F1A',
  '5F2A',
  '9F33',
  '9F1E',
  '9F34',
  '9F35',
  '9F09',
  '9F41',
] as const;
const PAN_LENGTHS = /^\d{12,19}$/;

/**
 * Reads from a tap record what a bank must see. The record was proven when it was accepted, so what cannot be read here was
 * accepted by an earlier edition or is damaged: the journey is withheld, not the whole batch.
 *
 * The terminal's own version number (9F09) stands before the card's (9F08 is the card's; a card that returns 9F09 does not count).
 *
 * @refuses evidence_unreadable for a record or card data that do not parse; evidence_missing without PAN, AC, ATC, 9F37 or 9F02
 */
export function readPresentedTap(recordBytes: Uint8Array): PresentedTap | Withheld {
  const parsed = parseTapRecord(recordBytes);
  if (!parsed.ok) return { withheld: 'evidence_unreadable' };
  const { record } = parsed;
  const card = readCardObjects(record);
  const terminal = parseTlv(record.terminalData);
  if (!card.ok || !terminal.ok) return { withheld: 'evidence_unreadable' };

  const objects = new Map<string, string>();
  for (const tag of CARD_TAGS) {
    const value = card.objects.get(tag);
    if (value !== undefined) objects.set(tag, hex(value));
  }
  for (const node of terminal.nodes) {
    if ((TERMINAL_TAGS as readonly string[]).includes(node.tag)) objects.set(node.tag, hex(node.value));
  }
  if (!objects.has('9F27')) {
    const cid = derivedCid(card.objects.get('9F10'));
    if (cid !== null) objects.set('9F27', cid);
  }
  const pan = panDigits(card.objects.get('5A'), card.objects.get('57'));
  if (pan === null || ['9F26', '9F36', '9F37', '9F02'].some((tag) => !objects.has(tag))) {
    return { withheld: 'evidence_missing' };
  }
  return {
    terminalId: record.terminalId,
    tapSequence: record.tapSequence,
    tappedAtMs: record.tappedAtMs,
    tapKind: record.tapKind,
    lineId: record.lineId,
    stationId: record.stationId,
    pan,
    expiry: hex(card.objects.get('5F24') ?? new Uint8Array(0)),
    dfName: hex(record.dfName),
    objects,
  };
}

const CID_OF_TYPE: Readonly<Record<CryptogramType, string>> = { AAC: '00', TC: '40', ARQC: '80' };

/**
 * A contactless card usually returns no 9F27; its type of cryptogram stands in the card verification results then
 * (pboc-contactless.md 2.5), and a bank's layout asks for the CID that this stands for.
 */
function derivedCid(iad: Uint8Array | undefined): string | null {
  const parsed = iad === undefined ? null : parseIad(iad);
  const type = parsed === null ? null : firstCryptogramType(parsed.cvr);
  return type === null ? null : CID_OF_TYPE[type];
}

/** PAN of 5A (padded with F), or of track 2 up to its separator D. */
function panDigits(pan: Uint8Array | undefined, track2: Uint8Array | undefined): string | null {
  const digits =
    pan !== undefined
      ? hex(pan).replace(/F+$/, '')
      : track2 !== undefined
        ? (hex(track2).split('D')[0] ?? '')
        : '';
  return PAN_LENGTHS.test(digits) ? digits : null;
}

/** The amount in a six-byte BCD object (9F02, 9F03) in fen; null when it is not twelve digits. */
export function amountObjectFen(digits: string | undefined): number | null {
  return digits !== undefined && /^\d{12}$/.test(digits) ? Number(digits) : null;
}
