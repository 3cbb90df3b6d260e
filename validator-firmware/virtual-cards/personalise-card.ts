import { bcdFromDigits, compressedFromDigits } from '@tapgate/sdk/emv/bcd';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import { deriveUdk } from '@tapgate/sdk/emv/card-keys';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { buildIccCertificate } from '@tapgate/sdk/emv/sm2-certificates';
import { encodeTlvTree, type TlvDraft } from '@tapgate/sdk/emv/tlv-encoding';
import { sm2KeyPairFromSeed, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { CardIssuer, CardPersonalisation, PersonalisedRecord } from './card-personalisation.ts';
import { personaliseSocialSecurity } from './social-security-application.ts';

export type CardOrder = {
  /** keys, serial and the card's own randoms follow from it: the same seed is the same card */
  readonly seed: string;
  /** 12 to 19 digits */
  readonly pan: string;
  /** 5F34, two digits */
  readonly psn: string;
  /** last day of validity; the card certificate ends with the same month */
  readonly expiry: IsoDate;
  readonly balanceFen: Fen;
  readonly issuer: CardIssuer;
};

/** pboc-contactless.md 2.4: the typical list, with DF69 for the choice of algorithms. */
const PDOL = bytesFromHex('9F66049F02069F03069F1A0295055F2A029A039C019F3704DF6901');
const DEBIT_DF_NAME = bytesFromHex('A000000333010101');
/** DDA and terminal risk management (82 byte 1, b6 and b4); pboc-contactless.md 2.5. */
const AIP = bytesFromHex('2800');
/** CVN 17 in one of its two spellings; pboc-contactless.md 5.3. */
const CRYPTOGRAM_VERSION = 0x17;
const RENMINBI = bytesFromHex('0156');
const CHINA = bytesFromHex('0156');

/**
 * Personalises a third-generation social security card: one debit application on the SM chain with electronic cash, and the
 * social-security application. All of it follows from the order, save the random nonce inside the SM2 certificate signature.
 *
 * @throws RangeError for a PAN, sequence number or expiry that is none
 */
export function personaliseCard(order: CardOrder): CardPersonalisation {
  const pan = Pan.of(order.pan);
  if (pan === null || !/^\d{2}$/.test(order.psn))
    throw new RangeError('a card has a PAN and a sequence number');
  const owner = { pan, panSequenceNumber: order.psn };
  const yymmdd = order.expiry.slice(2).replaceAll('-', '');
  const cardKeys = sm2KeyPairFromSeed(Buffer.from(`${order.seed}|card key`, 'utf8'));

  const identity = identityTemplate(pan, yymmdd);
  const cardCertificate = buildIccCertificate(
    {
      pan,
      expiryMmyy: bcdFromDigits(yymmdd.slice(2, 4) + yymmdd.slice(0, 2), 2),
      serial: sm3(Buffer.from(`${order.seed}|serial`, 'utf8')).slice(0, 3),
      publicKeyXy: cardKeys.publicKeyXy,
      staticData: Buffer.concat([encodeTlvTree(identity), AIP]),
    },
    (message) => sm2Sign({ ...order.issuer, message }),
  );
  const records: readonly PersonalisedRecord[] = [
    record(1, 1, identity),
    record(2, 1, [
      { tag: '8F', value: Uint8Array.of(order.issuer.caKeyIndex) },
      { tag: '90', value: order.issuer.issuerCertificate },
    ]),
    record(2, 2, [
      { tag: '9F46', value: cardCertificate },
      { tag: '9F4A', value: Uint8Array.of(0x82) },
    ]),
    // The last record is the one that is lost when a card is pulled early: nothing that a proof needs stands in it.
    record(3, 1, [{ tag: '9F74', value: Buffer.from('EC0001', 'ascii') }]),
  ];
  return {
    seed: order.seed,
    payment: {
      dfName: DEBIT_DF_NAME,
      label: 'PBOC DEBIT',
      priority: 1,
      pdol: PDOL,
      aip: AIP,
      afl: bytesFromHex('080101011001020018010100'),
      records,
      track2: track2(order.pan, yymmdd.slice(0, 4)),
      owner,
      ctq: bytesFromHex('3000'),
      derivationKeyIndex: 0x01,
      cryptogramVersion: CRYPTOGRAM_VERSION,
      udkAc: deriveUdk('SM4', order.issuer.imkAc, owner),
      udkMac: deriveUdk('SM4', order.issuer.imkMac, owner),
      cardKeys,
      currencyCode: RENMINBI,
    },
    socialSecurity: personaliseSocialSecurity(order.seed),
    initialBalanceFen: order.balanceFen,
  };
}

/** The authenticated record: whose card it is, until when, and where it may be used. No name and no identity number. */
function identityTemplate(pan: Pan, expiryYymmdd: string): readonly TlvDraft[] {
  return [
    { tag: '5A', value: trimmedPan(pan) },
    { tag: '5F24', value: bcdFromDigits(expiryYymmdd, 3) },
    { tag: '5F25', value: bytesFromHex('200101') },
    { tag: '5F28', value: CHINA },
    // Domestic cash, goods and services, at terminals other than ATMs (EMV Book 3 annex C2, from general knowledge).
    { tag: '9F07', value: bytesFromHex('A900') },
    { tag: '9F08', value: bytesFromHex('0030') },
    { tag: '9F42', value: RENMINBI },
  ];
}

function record(sfi: number, recordNumber: number, objects: readonly TlvDraft[]): PersonalisedRecord {
  return { sfi, recordNumber, body: encodeTlvTree([{ tag: '70', children: objects }]) };
}

function trimmedPan(pan: Pan): Uint8Array {
  return compressedFromDigits(pan.reveal(), Math.ceil(pan.reveal().length / 2));
}

/** PAN, D, YYMM, service code 220 (chip, no restriction on use abroad), five digits of the issuer, F to a whole byte. */
function track2(pan: string, yymm: string): Uint8Array {
  const digits = `${pan}D${yymm}22000000`;
  return bytesFromHex(digits.length % 2 === 0 ? digits : `${digits}F`);
}
