import { bcdFromDigits, bcdFromNumber, compressedFromDigits } from '@tapgate/sdk/emv/bcd';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import {
  buildCryptogramInput,
  findCryptogramVersion,
  makeCryptogram,
  transactionKey,
} from '@tapgate/sdk/emv/cryptogram';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { parseIad } from '@tapgate/sdk/emv/iad';
import { buildIccCertificate } from '@tapgate/sdk/emv/sm2-certificates';
import { buildDynamicSignature } from '@tapgate/sdk/emv/sm2-signed-data';
import { encodeTlvTree } from '@tapgate/sdk/emv/tlv-encoding';
import { sm2KeyPairFromSeed, sm2Sign, type Sm2KeyPair } from '@tapgate/sdk/gm/sm2';
import { hmacSm3, sm3 } from '@tapgate/sdk/gm/sm3';
import { encodeTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';
import { tapSequence, terminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { Rail, TapKind } from '@tapgate/sdk/wire/rails';
import { calendarDateOf } from '../ingest/service-date.ts';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import { issuerPersonalisation, type IssuerPersonalisation } from '../keys/demo-credentials.ts';
import { KeystoreProvider } from '../keys/keystore-provider.ts';
import type { Keystore } from '../keys/keystore.ts';

/** A card of a fixture: its certificate is made once, its acts one by one. */
export type FixtureCard = {
  readonly pan: string;
  readonly psn: number;
  readonly bankId: string;
  readonly issuer: IssuerPersonalisation;
  readonly keys: Sm2KeyPair;
  readonly certificate: Uint8Array;
  readonly expiryYymmdd: string;
};

export type FixtureTapOrder = {
  readonly card: FixtureCard;
  readonly placement: TerminalPlacement;
  readonly sequence: number;
  readonly atc: number;
  readonly atMs: number;
  readonly amountFen?: number;
  readonly hotlistVersion?: number;
  /** the gate's refusal: it did not open */
  readonly denied?: string;
  readonly cryptogramType?: 'TC' | 'ARQC' | 'AAC';
  /** the card signs with another key than its certificate names */
  readonly forged?: boolean;
  /** the terminal puts this amount into its record after the card has signed another */
  readonly amountAfterwardsFen?: number;
  /** changes of the record before its MAC is made */
  readonly change?: (record: TapRecord) => TapRecord;
};

const AIP = bytesFromHex('2800');
const CTQ = bytesFromHex('3000');
const RMB = bytesFromHex('0156');
const DF_NAME = bytesFromHex('A000000333010101');
const AFL = bytesFromHex('080101011001020018010100');
const SIGNS_BITS = { AAC: '80', TC: '90', ARQC: 'A0' } as const;

/**
 * Makes cards and their tap records from the keys of a demonstration, with real certificates, signatures and cryptograms and
 * without a kernel: for tests and benches of the gateway that need thousands of distinct ones.
 */
export class SignedTaps {
  readonly #keystore: Keystore;
  readonly #macKeys = new Map<TerminalId, Uint8Array>();

  constructor(keystore: Keystore) {
    this.#keystore = keystore;
  }

  makeCard(order: {
    readonly bankId: string;
    readonly bin: string;
    readonly number: number;
    readonly psn?: number;
    readonly expiryYymmdd?: string;
  }): FixtureCard {
    const issuer = issuerPersonalisation(this.#keystore, order.bankId);
    const digits = `${order.bin}${String(order.number).padStart(19 - order.bin.length, '0')}`;
    const pan = Pan.of(digits);
    if (pan === null) throw new RangeError('a PAN of a fixture has 19 digits');
    const psn = order.psn ?? 1;
    const expiryYymmdd = order.expiryYymmdd ?? '401231';
    const keys = sm2KeyPairFromSeed(Buffer.from(`fixture card ${digits} ${psn}`));
    const staticData = Buffer.concat([encodeTlvTree(identityObjects(digits, expiryYymmdd)), AIP]);
    const certificate = buildIccCertificate(
      {
        pan,
        expiryMmyy: bcdFromDigits(expiryYymmdd.slice(2, 4) + expiryYymmdd.slice(0, 2), 2),
        serial: sm3(Buffer.from(`serial ${digits}`)).slice(0, 3),
        publicKeyXy: keys.publicKeyXy,
        staticData,
      },
      (message) => sm2Sign({ ...issuer, message }),
    );
    return { pan: digits, psn, bankId: order.bankId, issuer, keys, certificate, expiryYymmdd };
  }

  /** The bytes of one tap record. */
  makeTap(order: FixtureTapOrder): Uint8Array {
    const { placement } = order;
    const record = this.recordOf(order);
    return encodeTapRecord(order.change?.(record) ?? record, (input) =>
      hmacSm3(this.#macKeyOf(placement.terminalId), input),
    );
  }

  #macKeyOf(id: TerminalId): Uint8Array {
    const found = this.#macKeys.get(id) ?? new KeystoreProvider(this.#keystore).terminalMacKey(id);
    this.#macKeys.set(id, found);
    return found;
  }

  recordOf(order: FixtureTapOrder): TapRecord {
    const { card, placement, atc, atMs } = order;
    const amountFen = order.amountFen ?? placement.amountFen ?? 0;
    const type = order.cryptogramType ?? (placement.rail === 'offline_purchase' ? 'TC' : 'ARQC');
    const atcBytes = bcd(atc);
    const unpredictable = sm3(Buffer.from(`un ${placement.terminalId} ${order.sequence} ${atc}`)).slice(0, 4);
    const sent = terminalObjects(amountFen, unpredictable, calendarDateOf(placement.zone, atMs));
    const iad = bytesFromHex(`07011703${SIGNS_BITS[type]}000004` + '0A010000000000' + '00000000');
    const cardRandom = sm3(Buffer.from(`random ${card.pan} ${atc}`)).slice(0, 4);
    const authenticationData = Buffer.concat([Uint8Array.of(0x01), cardRandom, CTQ]);
    const signature = buildDynamicSignature(
      Buffer.concat([Uint8Array.of(atcBytes.length), atcBytes]),
      Buffer.concat([unpredictable, bcdFromNumber(amountFen, 6), RMB, authenticationData]),
      (message) =>
        sm2Sign({ ...(order.forged ? sm2KeyPairFromSeed(Buffer.from('forger')) : card.keys), message }),
    );
    const gpoResponse = encodeTlvTree([
      {
        tag: '77',
        children: [
          { tag: '82', value: AIP },
          { tag: '94', value: AFL },
          { tag: '9F36', value: atcBytes },
          { tag: '9F26', value: cryptogramOf(card, atcBytes, iad, sent) },
          { tag: '9F10', value: iad },
          { tag: '5F34', value: bcdFromNumber(card.psn, 1) },
          { tag: '9F6C', value: CTQ },
          { tag: '9F4B', value: signature },
          { tag: '9F69', value: authenticationData },
        ],
      },
    ]);
    const told =
      order.amountAfterwardsFen === undefined
        ? sent
        : sent.map((object) =>
            object.tag === '9F02'
              ? { tag: '9F02', value: bcdFromNumber(order.amountAfterwardsFen ?? 0, 6) }
              : object,
          );
    return {
      terminalId: placement.terminalId,
      tapSequence: tapSequence(order.sequence),
      tappedAtMs: atMs,
      rail: placement.rail,
      tapKind: placement.tapKind,
      lineId: placement.lineId,
      stationId: placement.stationId,
      ruleSetVersion: 'fixture@1',
      hotlistVersion: order.hotlistVersion ?? 1,
      gateDecision: order.denied === undefined ? 'open' : 'deny',
      gateRefusal: order.denied ?? null,
      dfName: DF_NAME,
      terminalData: encodeTlvTree(told),
      gpoResponse,
      cardRecords: [
        { sfi: 1, recordNumber: 1, body: template(identityObjects(card.pan, card.expiryYymmdd)) },
        {
          sfi: 2,
          recordNumber: 1,
          body: template([
            { tag: '8F', value: Uint8Array.of(card.issuer.caKeyIndex) },
            { tag: '90', value: card.issuer.issuerCertificate },
          ]),
        },
        {
          sfi: 2,
          recordNumber: 2,
          body: template([
            { tag: '9F46', value: card.certificate },
            { tag: '9F4A', value: Uint8Array.of(0x82) },
          ]),
        },
      ],
    };
  }
}

type TlvObject = { readonly tag: string; readonly value: Uint8Array };

const template = (children: readonly TlvObject[]): Uint8Array => encodeTlvTree([{ tag: '70', children }]);
const bcd = (atc: number): Uint8Array => Uint8Array.of(atc >> 8, atc & 0xff);

function identityObjects(pan: string, expiryYymmdd: string): readonly TlvObject[] {
  return [
    { tag: '5A', value: compressedFromDigits(pan, Math.ceil(pan.length / 2)) },
    { tag: '5F24', value: bcdFromDigits(expiryYymmdd, 3) },
    { tag: '9F08', value: bytesFromHex('0030') },
  ];
}

/** In ascending order of tag, as the record wants them. */
function terminalObjects(amountFen: number, unpredictable: Uint8Array, date: string): TlvObject[] {
  return [
    { tag: '5F2A', value: RMB },
    { tag: '95', value: new Uint8Array(5) },
    { tag: '9A', value: bcdFromDigits(date.slice(2).replaceAll('-', ''), 3) },
    { tag: '9C', value: Uint8Array.of(0) },
    { tag: '9F02', value: bcdFromNumber(amountFen, 6) },
    { tag: '9F03', value: new Uint8Array(6) },
    { tag: '9F1A', value: RMB },
    { tag: '9F37', value: unpredictable },
    { tag: '9F66', value: bytesFromHex('26000080') },
  ].sort((a, b) => (a.tag < b.tag ? -1 : 1));
}

function cryptogramOf(
  card: FixtureCard,
  atc: Uint8Array,
  iadBytes: Uint8Array,
  sent: readonly TlvObject[],
): Uint8Array {
  const pan = Pan.of(card.pan);
  const iad = parseIad(iadBytes);
  const version = findCryptogramVersion(0x17);
  if (pan === null || iad === null || version === undefined) throw new RangeError('a fixture is well-formed');
  const objects = new Map([...sent.map(({ tag, value }) => [tag, value] as const), ['9F36', atc] as const]);
  const input = buildCryptogramInput(version, objects, iad);
  if (!input.ok) throw new RangeError('a fixture has every object of its cryptogram');
  const owner = { pan, panSequenceNumber: String(card.psn).padStart(2, '0') };
  const key = transactionKey({ algorithm: 'SM4', masterKey: card.issuer.imkAc, owner }, atc);
  return makeCryptogram('SM4', key, input.data);
}

/** The first terminal of such a place. @throws RangeError when the data have none */
export function findTerminal(
  terminals: ReadonlyMap<TerminalId, TerminalPlacement>,
  wanted: {
    readonly rail: Rail;
    readonly tapKind: TapKind;
    readonly stationIndex?: number;
    readonly keyed?: boolean;
  },
): TerminalPlacement {
  const found = [...terminals.values()]
    .filter((terminal) => terminal.rail === wanted.rail && terminal.tapKind === wanted.tapKind)
    .filter((terminal) => wanted.keyed === undefined || (terminal.amountFen === null) === wanted.keyed)
    .sort((a, b) => (terminalId(a.terminalId) < terminalId(b.terminalId) ? -1 : 1));
  const terminal = found[wanted.stationIndex ?? 0];
  if (terminal === undefined) throw new RangeError('the demonstration has no such terminal');
  return terminal;
}
