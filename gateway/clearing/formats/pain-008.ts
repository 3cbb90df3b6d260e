import { addFen, formatYuan, subtractFen, ZERO_FEN, type Fen } from '@tapgate/sdk/wire/money';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import {
  NO_ADJUSTMENTS,
  type Adjustment,
  type AdjustmentTotals,
  type BatchFormat,
  type BatchIdentity,
  type BatchTotals,
  type DeferredCharge,
  type PresentedTap,
} from '../clearing-batch.ts';
import type { ClearingProfile } from '../clearing-profile.ts';
import { instantText } from '../instant-text.ts';

/**
 * `pain.008.001.08`: deferred charges for a bank that collects by card or account under a mandate (clearing.md 2.1, 2.2). One instruction
 * a file, one debit a charge. The message has no place for a cryptogram, so each tap's evidence stands in a line of unstructured
 * remittance information, which the rules of the message let repeat.
 *
 * What a ride costs more than it was charged is one more debit; what it costs less cannot be collected and is held (../adjustments.md).
 *
 * Count and sum stand at the beginning and are known at the end: the head has the same length whatever they are (blanks between
 * elements mean nothing), so it is written again over the first one.
 */
const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:pain.008.001.08';
const TOTALS_CHARACTERS = 96;
/** of every identification in the message; ours name party, date and sequence, so they are unique for ever */
const ID_CHARACTERS_MAX = 35;

export type CollectionTerms = {
  /** instant of the cut-over: what the message gives as the time of its making, so that it can be made again */
  readonly cutAtMs: number;
  readonly collectionDate: IsoDate;
  readonly bankCnapsCode: string;
};

/** @throws RangeError when the profile names no creditor: a collection without one cannot be sent */
export function pain008(
  batch: BatchIdentity,
  profile: ClearingProfile,
  terms: CollectionTerms,
): BatchFormat<DeferredCharge> {
  const { collection } = profile;
  if (collection === null) throw new RangeError('the profile names no creditor for collections');
  const id = `${batch.party}${batch.clearingDate.replaceAll('-', '')}${String(batch.sequence).padStart(3, '0')}`;
  const itemId = (itemNo: number): string => `${id}D${String(itemNo).padStart(10, '0')}`;
  if (itemId(0).length > ID_CHARACTERS_MAX)
    throw new RangeError('the party has too long a name for identifications');
  const createdAt = localInstant(terms.cutAtMs, profile.utcOffsetMinutes);
  const head = (charges: BatchTotals, changes: AdjustmentTotals): Uint8Array => {
    const totals = {
      records: charges.records + changes.records,
      totalFen: addFen(charges.totalFen, changes.extraFen),
    };
    return utf8(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="${NAMESPACE}">\n<CstmrDrctDbtInitn>\n` +
        `<GrpHdr><MsgId>TG-${id}</MsgId><CreDtTm>${createdAt}</CreDtTm>${sumsOf(totals)}` +
        `<InitgPty><Nm>${escaped(collection.creditorName)}</Nm></InitgPty></GrpHdr>\n` +
        `<PmtInf><PmtInfId>TG-${id}-1</PmtInfId><PmtMtd>DD</PmtMtd><BtchBookg>true</BtchBookg>${sumsOf(totals)}` +
        `<ReqdColltnDt>${terms.collectionDate}</ReqdColltnDt><Cdtr><Nm>${escaped(collection.creditorName)}</Nm></Cdtr>` +
        `<CdtrAcct><Id><Othr><Id>${escaped(collection.creditorAccount)}</Id></Othr></Id><Ccy>CNY</Ccy></CdtrAcct>` +
        `<CdtrAgt><FinInstnId>${cnapsMember(collection.creditorCnapsCode)}</FinInstnId></CdtrAgt>\n`,
    );
  };
  return {
    isNeverEmpty: true,
    head: head({ records: 0, totalFen: ZERO_FEN }, NO_ADJUSTMENTS),
    headOf: head,
    item: (charge, itemNo) => utf8(debit(charge, itemId(itemNo), terms.bankCnapsCode)),
    change: (adjustment, itemNo) =>
      adjustment.fareFen < adjustment.chargedFen
        ? { held: 'credit_not_collectable' }
        : utf8(extraDebit(adjustment, itemId(itemNo), terms.bankCnapsCode)),
    tail: () => utf8('</PmtInf>\n</CstmrDrctDbtInitn>\n</Document>\n'),
  };
}

function debit(charge: DeferredCharge, endToEndId: string, cnapsCode: string): string {
  const { serviceDate, psn, amountFen, taps } = charge;
  const subject = `SD=${serviceDate};PSN=${twoDigits(psn)};TAPS=${taps.length}`;
  return collection({ endToEndId, cnapsCode, amountFen, subject, taps });
}

/** What a ride costs more than was charged for it: a debit of its own that names the ride, both fares and the reason. */
function extraDebit(adjustment: Adjustment, endToEndId: string, cnapsCode: string): string {
  const { adjustmentId, serviceDate, psn, chargedFen, fareFen, reason, presentedOn, tap } = adjustment;
  const subject = `ADJ=${adjustmentId};SD=${serviceDate};PSN=${twoDigits(psn)};WAS=${chargedFen};IS=${fareFen};WHY=${reason};ON=${presentedOn}`;
  const amountFen = subtractFen(fareFen, chargedFen);
  return collection({ endToEndId, cnapsCode, amountFen, subject, taps: [tap] });
}

/** One debit: its subject and the evidence of each tap stand in lines of remittance information. */
function collection(order: {
  readonly endToEndId: string;
  readonly cnapsCode: string;
  readonly amountFen: Fen;
  readonly subject: string;
  readonly taps: readonly PresentedTap[];
}): string {
  const { endToEndId, cnapsCode, amountFen, subject, taps } = order;
  const pan = taps[0]?.pan;
  if (pan === undefined) throw new RangeError('a debit has at least one tap');
  return (
    `<DrctDbtTxInf><PmtId><InstrId>${endToEndId}</InstrId><EndToEndId>${endToEndId}</EndToEndId></PmtId>` +
    `<InstdAmt Ccy="CNY">${formatYuan(amountFen)}</InstdAmt>` +
    `<DbtrAgt><FinInstnId>${cnapsMember(cnapsCode)}</FinInstnId></DbtrAgt><Dbtr/>` +
    `<DbtrAcct><Id><Othr><Id>${pan}</Id><SchmeNm><Prtry>PAN</Prtry></SchmeNm></Othr></Id></DbtrAcct>` +
    `<RmtInf><Ustrd>${subject}</Ustrd>` +
    `${taps.map((tap) => `<Ustrd>${evidence(tap)}</Ustrd>`).join('')}</RmtInf></DrctDbtTxInf>\n`
  );
}

const twoDigits = (psn: number): string => String(psn).padStart(2, '0');

/** Within the 140 characters that one line may have: terminal, sequence, time, ATC, unpredictable number, cryptogram, amount as sent. */
function evidence(tap: PresentedTap): string {
  const { objects } = tap;
  return (
    `TID=${tap.terminalId};SEQ=${tap.tapSequence};AT=${instantText(tap.tappedAtMs)};ATC=${objects.get('9F36') ?? ''};` +
    `UN=${objects.get('9F37') ?? ''};AC=${objects.get('9F26') ?? ''};AMT=${objects.get('9F02') ?? ''}`
  );
}

function cnapsMember(code: string): string {
  return `<ClrSysMmbId><ClrSysId><Cd>CNAPS</Cd></ClrSysId><MmbId>${code}</MmbId></ClrSysMmbId>`;
}

function sumsOf(totals: BatchTotals): string {
  const written = `<NbOfTxs>${totals.records}</NbOfTxs><CtrlSum>${formatYuan(totals.totalFen)}</CtrlSum>`;
  return written.padEnd(TOTALS_CHARACTERS);
}

/** ISO 8601 with the offset of the bank's clock. */
function localInstant(atMs: number, utcOffsetMinutes: number): string {
  const local = new Date(atMs + utcOffsetMinutes * 60_000).toISOString().slice(0, 19);
  const sign = utcOffsetMinutes < 0 ? '-' : '+';
  const minutes = Math.abs(utcOffsetMinutes);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${local}${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** What our own data may hold and XML may not. Nothing outside the Basic Multilingual Plane: bank cores in GBK cannot store it. */
function escaped(text: string): string {
  if (/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/.test(text))
    throw new RangeError('a name has a character that no bank stores');
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}
