import type { CardKeyOwner } from '@tapgate/sdk/emv/card-keys';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { buildRsaStaticSignature, type RsaSigner } from '@tapgate/sdk/emv/rsa-personalisation';
import { buildStaticSignature } from '@tapgate/sdk/emv/sm2-signed-data';
import { encodeTlvTree, type TlvDraft } from '@tapgate/sdk/emv/tlv-encoding';
import { sm2Sign } from '@tapgate/sdk/gm/sm2';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import {
  buildRsaChain,
  buildSmChain,
  type CardIssuer,
  identityObjects,
  recordTemplate,
  type RsaCardIssuer,
  track2,
} from './card-chain.ts';
import type { ContactApplication } from './contact-application.ts';

export type ContactOrder = {
  readonly seed: string;
  readonly owner: CardKeyOwner;
  readonly expiry: IsoDate;
  readonly algorithms:
    | { readonly kind: 'SM'; readonly issuer: CardIssuer }
    | { readonly kind: 'RSA'; readonly issuer: RsaCardIssuer; readonly cardSigner: RsaSigner };
};

/** SDA, DDA, CVM, terminal risk management, issuer authentication; with RSA CDA as well (82: pboc-contactless.md 2.5). */
const AIP_SM = bytesFromHex('7C00');
const AIP_RSA = bytesFromHex('7D00');
const AFL = bytesFromHex('0801020110010300');
/** Amounts, country, TVR, currency, date, type, unpredictable number: what the cryptogram of version 01 covers (5.3). */
const CDOL_OBJECTS = '9F02069F03069F1A0295055F2A029A039C019F3704';
const CDOL1 = bytesFromHex(CDOL_OBJECTS);
/** The response code first, then the same objects again: the TVR may have changed. */
const CDOL2 = bytesFromHex(`8A02${CDOL_OBJECTS}`);
const DDOL = bytesFromHex('9F3704');
const DATA_AUTHENTICATION_CODE = bytesFromHex('DAC1');

/** Online PIN where the terminal has it, else signature, else nothing is asked for. */
const CVM_LIST = bytesFromHex('000000000000000042035E031F00');
/** Typical action codes: go online for failed authentication, expiry, limits and a new card; decline offline for the first three. */
const ACTION_CODES: readonly TlvDraft[] = [
  { tag: '9F0D', value: bytesFromHex('D84000A800') },
  { tag: '9F0E', value: bytesFromHex('0010000000') },
  { tag: '9F0F', value: bytesFromHex('D84804F800') },
];

/** Personalises the contact debit application of a second- or third-generation card. */
export function personaliseContactApplication(order: ContactOrder): ContactApplication {
  const { owner, algorithms } = order;
  const aip = algorithms.kind === 'SM' ? AIP_SM : AIP_RSA;
  const identity: readonly TlvDraft[] = [
    ...identityObjects(owner.pan, order.expiry),
    { tag: '5F34', value: bytesFromHex(owner.panSequenceNumber) },
    { tag: '57', value: track2(owner.pan, order.expiry) },
  ];
  const staticData = Buffer.concat([encodeTlvTree(identity), aip]);
  const chainOrder = { seed: `${order.seed}|contact`, owner, expiry: order.expiry, staticData };
  const chain =
    algorithms.kind === 'SM'
      ? buildSmChain(chainOrder, algorithms.issuer)
      : buildRsaChain(chainOrder, algorithms.issuer, algorithms.cardSigner);
  const riskData: readonly TlvDraft[] = [
    { tag: '8C', value: CDOL1 },
    { tag: '8D', value: CDOL2 },
    { tag: '8E', value: CVM_LIST },
    { tag: '9F49', value: DDOL },
    { tag: '9F14', value: Uint8Array.of(0x03) },
    { tag: '9F23', value: Uint8Array.of(0x05) },
    ...ACTION_CODES,
  ];
  return {
    dfName: bytesFromHex('A000000333010101'),
    label: 'PBOC DEBIT',
    priority: 1,
    aip,
    afl: AFL,
    records: [
      { sfi: 1, recordNumber: 1, body: recordTemplate(identity) },
      { sfi: 1, recordNumber: 2, body: recordTemplate(riskData) },
      { sfi: 2, recordNumber: 1, body: recordTemplate(chain.issuerObjects) },
      {
        sfi: 2,
        recordNumber: 2,
        body: recordTemplate([...chain.cardObjects, { tag: '9F4A', value: Uint8Array.of(0x82) }]),
      },
      {
        sfi: 2,
        recordNumber: 3,
        body: recordTemplate([{ tag: '93', value: signStaticData(algorithms, staticData) }]),
      },
    ],
    owner,
    chain,
    cdol1: CDOL1,
    cdol2: CDOL2,
    ddol: DDOL,
    offlineLimitFen: fen(20_000),
    offlineCountMax: 5,
  };
}

function signStaticData(algorithms: ContactOrder['algorithms'], staticData: Uint8Array): Uint8Array {
  return algorithms.kind === 'SM'
    ? buildStaticSignature(DATA_AUTHENTICATION_CODE, staticData, (message) =>
        sm2Sign({ ...algorithms.issuer, message }),
      )
    : buildRsaStaticSignature(DATA_AUTHENTICATION_CODE, staticData, algorithms.issuer.signer);
}
