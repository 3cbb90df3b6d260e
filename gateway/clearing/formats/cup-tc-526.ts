import { subtractFen } from '@tapgate/sdk/wire/money';
import type {
  Adjustment,
  BatchFormat,
  BatchIdentity,
  Held,
  PresentedTap,
  Presentment,
  Withheld,
} from '../clearing-batch.ts';
import type { ClearingProfile } from '../clearing-profile.ts';
import { encodeCut, fixedRecord } from '../fixed-width.ts';
import { instantText } from '../instant-text.ts';
import { amountObjectFen } from '../presented-tap.ts';
import { batchTemplateValues, fillTemplate } from '../text-template.ts';

/**
 * `cup-tc-526`: offline purchases as an issuer's batch reads them, one fixed record of 526 bytes each between a header of 46
 * and a trailer of 49 bytes, no line ends (clearing.md 1.2; layout of one implementation, [likely]). The contents of header and
 * trailer were not found in public: both are templates of the bank's profile, and the default is our own.
 */
export const TC526_RECORD_BYTES = 526;
export const TC526_HEADER_BYTES = 46;
export const TC526_TRAILER_BYTES = 49;

type Fill = 'left_spaces' | 'right_zeros';
const L: Fill = 'left_spaces';
const Z: Fill = 'right_zeros';

/** The record: name, first byte, bytes, fill. Names in lower camel case with the tag or data element they carry. */
// prettier-ignore
const ROWS = [
  ['transactionCode',        1,  3, L], ['segmentBitmap',       4,  4, L], ['pan',                8, 19, L], ['amountDe4',         27, 12, Z],
  ['currencyDe49',          39,  3, L], ['transmissionDe7',    42, 10, L], ['stanDe11',          52,  6, Z], ['authorisationDe38', 58,  6, L],
  ['authorisationDate',     64,  4, L], ['retrievalDe37',      68, 12, Z], ['acquirerDe32',      80, 11, L], ['forwarderDe33',     91, 11, L],
  ['mccDe18',              102,  4, L], ['terminalDe41',      106,  8, L], ['merchantDe42',     114, 15, L], ['merchantNameDe43', 129, 40, L],
  ['originalTransaction',  169, 23, L], ['reasonCode',        192,  4, L], ['singleDualFlag',   196,  1, L], ['switchSerial',     197,  9, L],
  ['receiverDe100',        206, 11, L], ['issuer',            217, 11, L], ['switchNotify',     228,  1, L], ['channel',          229,  2, L],
  ['feature',              231,  1, L], ['switchReserved',    232,  8, L], ['conditionDe25',    240,  2, L], ['ownFee',           242, 12, L],
  ['crossBorder',          254,  1, L], ['reserved0',         255, 15, L],
  ['cryptogram9F26',       270, 16, L], ['entryModeDe22',     286,  3, L], ['psnDe23',          289,  3, Z], ['readCapability',   292,  1, L],
  ['icCondition',          293,  1, L], ['capabilities9F33',  294,  6, L], ['tvr95',            300, 10, L], ['number9F37',       310,  8, L],
  ['ifdSerial9F1E',        318,  8, L], ['iad9F10',           326, 64, L], ['atc9F36',          390,  4, L], ['aip82',            394,  4, L],
  ['date9A',               398,  6, L], ['country9F1A',       404,  3, L], ['responseCode8A',   407,  2, L], ['type9C',           409,  2, L],
  ['amount9F02',           411, 12, L], ['currency5F2A',      423,  3, L], ['checkResult',      426,  1, L], ['expiryDe14',       427,  4, L],
  ['cid9F27',              431,  2, L], ['other9F03',         433, 12, L], ['cvm9F34',          445,  6, L], ['terminalType9F35', 451,  2, L],
  ['dfName84',             453, 32, L], ['version9F09',       485,  4, L], ['counter9F41',      489,  8, L], ['reserved2',        497, 30, L],
] as const;

export type Tc526FieldName = (typeof ROWS)[number][0];
export const TC526_FIELDS = ROWS.map(([name, start, bytes, fill]) => ({ name, start, bytes, fill }));

const writeRecord = fixedRecord<Tc526FieldName>(TC526_FIELDS, TC526_RECORD_BYTES);

/** Without one of these an issuer can neither recompute the TC nor post the purchase. */
const NEEDED_TAGS = ['9F26', '9F10', '9F36', '82', '9F37', '9F02', '95', '9A', '9C', '9F1A', '5F2A'] as const;
const CID_OF_TC = '40';
const MERCHANT_NAME_BYTES = 40;
const TRACE_DIGITS = 6;

/**
 * The format for one bank and batch. Under a profile that names a transaction code for refunds, what a purchase costs less than the card
 * signed is given back by a refund that names it (original date, time and trace number, clearing.md section 3); what it costs more is held: the
 * certificate is over the amount that was signed, and an issuer refuses its ATC a second time (../adjustments.md).
 *
 * @param cutAtMs instant of the cut-over: the time of the refunds, which are made by it
 * @throws RangeError when the profile's header or trailer is not of its width
 */
export function cupTc526(
  batch: BatchIdentity,
  profile: ClearingProfile,
  cutAtMs: number,
): BatchFormat<Presentment> {
  const common = { ...batchTemplateValues(batch), institution: profile.institutionId };
  const names = new Map<string, Uint8Array>();
  const nameOf = (merchant: string): Uint8Array => {
    const present = names.get(merchant);
    if (present !== undefined) return present;
    const encoded = encodeCut(merchant, MERCHANT_NAME_BYTES, profile.textEncoding);
    names.set(merchant, encoded);
    return encoded;
  };
  const { refund } = profile.tc526;
  return {
    head: templateBytes(profile.tc526.header, common, TC526_HEADER_BYTES),
    item: (presentment) =>
      refusalOf(presentment) ?? recordOf(presentment, profile, nameOf(presentment.merchant.nameZh)),
    ...(refund === null
      ? {}
      : {
          change: (change: Adjustment, _itemNo: number, changeNo: number) =>
            refundOf(change, { profile, refund, cutAtMs, changeNo, nameOf }),
        }),
    tail: (totals, changes) => {
      const refunds = { refunds: changes.records, refundFen: changes.reducedFen };
      return templateBytes(profile.tc526.trailer, { ...common, ...totals, ...refunds }, TC526_TRAILER_BYTES);
    },
  };
}

/**
 * A refund is the purchase's own record under the refund's code: the amount is what is given back, time and trace number are its own, and the
 * purchase stands in the field of the original transaction (bytes 4 to 13 date and time, 14 to 19 trace number).
 */
function refundOf(
  change: Adjustment,
  terms: {
    readonly profile: ClearingProfile;
    readonly refund: NonNullable<ClearingProfile['tc526']['refund']>;
    readonly cutAtMs: number;
    readonly changeNo: number;
    readonly nameOf: (merchant: string) => Uint8Array;
  },
): Uint8Array | Held {
  const { profile, refund, cutAtMs, changeNo, nameOf } = terms;
  const { tap, merchant, psn, serviceDate } = change;
  const amountFen = subtractFen(change.chargedFen, change.fareFen);
  if (amountFen <= 0) return { held: 'no_certificate' };
  if (merchant === null) throw new RangeError('a journey has a line that is in no network');
  const purchase = { serviceDate, psn, amountFen, merchant, tap };
  const purchasedAt = monthToSecond(tap.tappedAtMs, profile.utcOffsetMinutes);
  return writeRecord({
    ...fieldsOf(purchase, profile, nameOf(merchant.nameZh)),
    transactionCode: refund.transactionCode,
    reasonCode: refund.reasonCode,
    transmissionDe7: monthToSecond(cutAtMs, profile.utcOffsetMinutes),
    // Trace number and time together name a transaction: refunds of one file share the time, so they are counted.
    stanDe11: String(changeNo),
    retrievalDe37: String(changeNo),
    originalTransaction: `   ${purchasedAt}${traceNumber(tap).padStart(TRACE_DIGITS, '0')}`,
  });
}

/**
 * @refuses evidence_missing; not_a_transaction_certificate when 9F27 is anything but 40; amount_differs when the charge is not what the
 *   card signed (which of 9F02 and DE4 would win is nowhere stated, so a difference is not sent: clearing.md 1.2)
 */
function refusalOf({ tap, amountFen }: Presentment): Withheld | null {
  if (NEEDED_TAGS.some((tag) => !tap.objects.has(tag))) return { withheld: 'evidence_missing' };
  if (tap.objects.get('9F27') !== CID_OF_TC) return { withheld: 'not_a_transaction_certificate' };
  if (amountObjectFen(tap.objects.get('9F02')) !== amountFen) return { withheld: 'amount_differs' };
  return null;
}

function recordOf(presentment: Presentment, profile: ClearingProfile, merchantName: Uint8Array): Uint8Array {
  return writeRecord(fieldsOf(presentment, profile, merchantName));
}

function fieldsOf(
  presentment: Presentment,
  profile: ClearingProfile,
  merchantName: Uint8Array,
): Record<Tc526FieldName, string | Uint8Array> {
  const { tap, merchant, amountFen, psn } = presentment;
  const { constants } = profile.tc526;
  const { objects } = tap;
  return {
    transactionCode: constants.transactionCode,
    segmentBitmap: constants.segmentBitmap,
    pan: tap.pan,
    amountDe4: String(amountFen),
    currencyDe49: threeDigits(objectOf(objects, '5F2A')),
    transmissionDe7: monthToSecond(tap.tappedAtMs, profile.utcOffsetMinutes),
    stanDe11: traceNumber(tap),
    authorisationDe38: '',
    authorisationDate: '',
    retrievalDe37: String(tap.tapSequence),
    acquirerDe32: profile.acquirerId,
    forwarderDe33: profile.forwarderId,
    mccDe18: merchant.mcc,
    terminalDe41: tap.terminalId,
    merchantDe42: merchant.merchantId,
    merchantNameDe43: merchantName,
    originalTransaction: '',
    reasonCode: constants.reasonCode,
    singleDualFlag: constants.singleDualFlag,
    switchSerial: '',
    receiverDe100: profile.institutionId,
    issuer: profile.institutionId,
    switchNotify: '',
    channel: constants.channel,
    feature: '',
    switchReserved: '',
    conditionDe25: constants.conditionDe25,
    ownFee: constants.ownFee,
    crossBorder: constants.crossBorder,
    reserved0: '',
    cryptogram9F26: objectOf(objects, '9F26'),
    entryModeDe22: constants.entryModeDe22,
    psnDe23: String(psn),
    readCapability: constants.readCapability,
    icCondition: constants.icCondition,
    capabilities9F33: objectOf(objects, '9F33'),
    tvr95: objectOf(objects, '95'),
    number9F37: objectOf(objects, '9F37'),
    ifdSerial9F1E: Buffer.from(objectOf(objects, '9F1E'), 'hex').toString('latin1'),
    iad9F10: objectOf(objects, '9F10'),
    atc9F36: objectOf(objects, '9F36'),
    aip82: objectOf(objects, '82'),
    date9A: objectOf(objects, '9A'),
    country9F1A: threeDigits(objectOf(objects, '9F1A')),
    responseCode8A: constants.responseCode8A,
    type9C: objectOf(objects, '9C'),
    amount9F02: objectOf(objects, '9F02'),
    currency5F2A: threeDigits(objectOf(objects, '5F2A')),
    checkResult: '',
    expiryDe14: tap.expiry.slice(0, 4),
    cid9F27: objectOf(objects, '9F27'),
    other9F03: objectOf(objects, '9F03'),
    cvm9F34: objectOf(objects, '9F34'),
    terminalType9F35: objectOf(objects, '9F35'),
    dfName84: tap.dfName,
    version9F09: objectOf(objects, '9F09'),
    counter9F41: objectOf(objects, '9F41'),
    reserved2: '',
  };
}

// A function of the file and not of each call: tsx gives every function that is made its name, which here cost as much as a field.
function objectOf(objects: PresentedTap['objects'], tag: string): string {
  return objects.get(tag) ?? '';
}

function traceNumber(tap: PresentedTap): string {
  return String(tap.tapSequence % 1_000_000);
}

/** Country and currency are n3 in two bytes inside TLV (0156) and three digits here. */
function threeDigits(bcd: string): string {
  return bcd.slice(1);
}

/** MMDDhhmmss of the bank's own wall clock, which knows no summer time. */
function monthToSecond(atMs: number, utcOffsetMinutes: number): string {
  const iso = instantText(atMs + utcOffsetMinutes * 60_000);
  return iso.slice(5, 7) + iso.slice(8, 10) + iso.slice(11, 13) + iso.slice(14, 16) + iso.slice(17, 19);
}

function templateBytes(template: string, values: Record<string, string | number>, bytes: number): Uint8Array {
  const filled = Buffer.from(fillTemplate(template, values), 'latin1');
  if (filled.length !== bytes)
    throw new RangeError(`a template of the profile is ${filled.length} bytes, not ${bytes}`);
  return filled;
}
