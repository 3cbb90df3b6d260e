import { Pan } from '@tapgate/sdk/emv/card-identity';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import type { RsaSigner } from '@tapgate/sdk/emv/rsa-personalisation';
import { encodeTlvTree } from '@tapgate/sdk/emv/tlv-encoding';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import {
  buildRsaChain,
  buildSmChain,
  type CardChain,
  type CardIssuer,
  identityObjects,
  recordTemplate,
  RENMINBI,
  type RsaCardIssuer,
  track2,
} from './card-chain.ts';
import type { CardPersonalisation, ContactlessChain, PersonalisedRecord } from './card-personalisation.ts';
import { personaliseContactApplication } from './personalise-contact.ts';
import { personaliseSocialSecurity } from './social-security-application.ts';

export type { CardIssuer } from './card-chain.ts';

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
  /** RSA and 3DES besides, for terminals without SM algorithms */
  readonly rsa?: { readonly issuer: RsaCardIssuer; readonly cardSigner: RsaSigner };
};

/** pboc-contactless.md 2.4: the typical list, with DF69 for the choice of algorithms. */
const PDOL = bytesFromHex('9F66049F02069F03069F1A0295055F2A029A039C019F3704DF6901');
const DEBIT_DF_NAME = bytesFromHex('A000000333010101');
/** DDA and terminal risk management (82 byte 1, b6 and b4); pboc-contactless.md 2.5. */
const AIP = bytesFromHex('2800');
const ISSUER_AUTHORISATION_CODE = Buffer.from('EC0001', 'ascii');
/** GPO reply without 9F4B, its tag and length: what a short response leaves for the signature. */
const SIGNATURE_BYTES_IN_REPLY_MAX = 130;

/**
 * Personalises a third-generation social security card: one debit application with electronic cash, on both interfaces, and the
 * social-security application. All of it follows from the order, save the nonces inside SM2 certificate signatures.
 *
 * @throws RangeError for a PAN or sequence number that is none
 */
export function personaliseCard(order: CardOrder): CardPersonalisation {
  const pan = Pan.of(order.pan);
  if (pan === null || !/^\d{2}$/.test(order.psn))
    throw new RangeError('a card has a PAN and a sequence number');
  const owner = { pan, panSequenceNumber: order.psn };
  const identity = identityObjects(pan, order.expiry);
  const chainOrder = {
    seed: order.seed,
    owner,
    expiry: order.expiry,
    staticData: Buffer.concat([encodeTlvTree(identity), AIP]),
  };
  const identityRecord = { sfi: 1, recordNumber: 1, body: recordTemplate(identity) };
  const { rsa } = order;
  return {
    seed: order.seed,
    payment: {
      dfName: DEBIT_DF_NAME,
      label: 'PBOC DEBIT',
      priority: 1,
      pdol: PDOL,
      aip: AIP,
      track2: track2(pan, order.expiry),
      owner,
      ctq: bytesFromHex('3000'),
      currencyCode: RENMINBI,
      smChain: contactlessChain(buildSmChain(chainOrder, order.issuer), identityRecord, 2),
      rsaChain:
        rsa === undefined
          ? null
          : contactlessChain(buildRsaChain(chainOrder, rsa.issuer, rsa.cardSigner), identityRecord, 4),
    },
    contact: personaliseContactApplication({
      seed: order.seed,
      owner,
      expiry: order.expiry,
      algorithms: { kind: 'SM', issuer: order.issuer },
    }),
    socialSecurity: personaliseSocialSecurity(order.seed),
    initialBalanceFen: order.balanceFen,
  };
}

/**
 * Lays a chain out in records: identity (authenticated), issuer certificate, card certificate, the signature where it is too long
 * for the reply, and last 9F74 alone. The last record is the one that is lost when a card is pulled early: nothing that a
 * proof needs stands in it (pboc-contactless.md 2.6, 2.8).
 */
function contactlessChain(
  chain: CardChain,
  identity: PersonalisedRecord,
  certificateSfi: number,
): ContactlessChain {
  const signatureRecord =
    chain.signatureBytes > SIGNATURE_BYTES_IN_REPLY_MAX ? { sfi: certificateSfi, recordNumber: 3 } : null;
  const lastSfi = certificateSfi + 1;
  const certificateRecords = signatureRecord === null ? 2 : 3;
  const afl = [
    [identity.sfi << 3, 1, 1, 1],
    [certificateSfi << 3, 1, certificateRecords, 0],
    [lastSfi << 3, 1, 1, 0],
  ];
  return {
    ...chain,
    afl: Uint8Array.from(afl.flat()),
    records: [
      identity,
      { sfi: certificateSfi, recordNumber: 1, body: recordTemplate(chain.issuerObjects) },
      {
        sfi: certificateSfi,
        recordNumber: 2,
        body: recordTemplate([...chain.cardObjects, { tag: '9F4A', value: Uint8Array.of(0x82) }]),
      },
      {
        sfi: lastSfi,
        recordNumber: 1,
        body: recordTemplate([{ tag: '9F74', value: ISSUER_AUTHORISATION_CODE }]),
      },
    ],
    signatureRecord,
  };
}
