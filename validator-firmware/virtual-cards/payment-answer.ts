import { bcdFromNumber, bcdNumber } from '@tapgate/sdk/emv/bcd';
import { parseAfl } from '@tapgate/sdk/emv/afl';
import { deriveSessionKey } from '@tapgate/sdk/emv/card-keys';
import {
  buildCryptogramInput,
  findCryptogramVersion,
  makeCryptogram,
  makeDiscretionaryMac,
} from '@tapgate/sdk/emv/cryptogram';
import { parseDol } from '@tapgate/sdk/emv/dol';
import { fddaTerminalData } from '@tapgate/sdk/emv/fdda';
import { equalBytes, hex } from '@tapgate/sdk/emv/hex';
import { type CryptogramType, parseIad } from '@tapgate/sdk/emv/iad';
import { buildDynamicSignature } from '@tapgate/sdk/emv/sm2-signed-data';
import { encodeTlvTree } from '@tapgate/sdk/emv/tlv-encoding';
import { sm2KeyPairFromSeed, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { type Fen, fen, subtractFen } from '@tapgate/sdk/wire/money';
import type { CardFaults } from './card-faults.ts';
import type { PaymentApplication } from './card-personalisation.ts';
import { ATC_MAX, type CardState } from './card-state.ts';
import { respond, SW } from './status-words.ts';

/** The answer to GET PROCESSING OPTIONS, the card's state after it, and what its balance becomes with the last record. */
export type ProcessingOptionsAnswer = {
  readonly response: Uint8Array;
  readonly state: CardState;
  readonly pendingBalanceFen: Fen | null;
};

const ONLINE_CRYPTOGRAM_REQUIRED = 0x80;
const SM_SUPPORTED = 0x01;
/** CVR byte 2: bits 8-7 "second GENERATE AC not requested", bits 6-5 the type (pboc-contactless.md 5.2). */
const CVR_STATUS: Readonly<Record<CryptogramType, number>> = { AAC: 0x80, TC: 0x90, ARQC: 0xa0 };
const BALANCE_ID = 0x01;
const SM4_ALGORITHM = 0x04;

/**
 * Answers GET PROCESSING OPTIONS as a contactless SM card does: one command decides, counts, makes the cryptogram and signs.
 * The ATC moves before the answer leaves; a debit waits for the last record.
 *
 * @param body the value of template 83
 * @spec pboc-contactless.md 2.4 (PDOL), 2.5 (reply), 2.8 (debit and tear), 4.4 (fDDA 01), 5.2 to 5.4 (IAD, CVN 17, SM4)
 */
export function answerProcessingOptions(
  application: PaymentApplication,
  card: { readonly state: CardState; readonly seed: string; readonly faults: CardFaults },
  body: Uint8Array,
): ProcessingOptionsAnswer {
  const { state } = card;
  const unchanged = (sw: (typeof SW)[keyof typeof SW]) => ({
    response: respond(sw),
    state,
    pendingBalanceFen: null,
  });
  const told = readDolData(application.pdol, body);
  if (told === null) return unchanged(SW.wrongLength);
  const amount = bcdNumber(objectOf(told, '9F02'));
  if (amount === null) return unchanged(SW.wrongData);
  // A card without an RSA chain has nothing to offer a terminal without SM algorithms; a worn-out counter ends its life.
  if (objectOf(told, 'DF69')[0] !== SM_SUPPORTED || state.atc >= ATC_MAX)
    return unchanged(SW.conditionsNotSatisfied);

  const type = decideCryptogram(application, state, told, fen(amount));
  const balanceAfter = type === 'TC' ? subtractFen(state.balanceFen, fen(amount)) : state.balanceFen;
  const next: CardState = { ...state, atc: state.atc + 1 };
  return {
    response: respond(SW.ok, buildReply(application, card, { told, type, atc: next.atc, balanceAfter })),
    state: next,
    pendingBalanceFen: type === 'TC' ? balanceAfter : null,
  };
}

/** Splits the data of a list by its entries. @returns null when it has another length than the list asks for */
export function readDolData(dol: Uint8Array, data: Uint8Array): ReadonlyMap<string, Uint8Array> | null {
  const list = parseDol(dol);
  if (!list.ok || list.totalLength !== data.length) return null;
  const objects = new Map<string, Uint8Array>();
  let at = 0;
  for (const { tag, length } of list.entries) {
    objects.set(tag, data.subarray(at, at + length));
    at += length;
  }
  return objects;
}

/** ARQC where the terminal asks for it; TC where the electronic cash covers the amount; AAC otherwise. */
function decideCryptogram(
  application: PaymentApplication,
  state: CardState,
  told: ReadonlyMap<string, Uint8Array>,
  amountFen: Fen,
): CryptogramType {
  if (((objectOf(told, '9F66')[1] ?? 0) & ONLINE_CRYPTOGRAM_REQUIRED) !== 0) return 'ARQC';
  if (!equalBytes(objectOf(told, '5F2A'), application.currencyCode)) return 'AAC';
  return amountFen <= state.balanceFen ? 'TC' : 'AAC';
}

function buildReply(
  application: PaymentApplication,
  card: { readonly seed: string; readonly faults: CardFaults },
  act: {
    readonly told: ReadonlyMap<string, Uint8Array>;
    readonly type: CryptogramType;
    readonly atc: number;
    readonly balanceAfter: Fen;
  },
): Uint8Array {
  const atc = Uint8Array.of(act.atc >> 8, act.atc & 0xff);
  const iad = issuerApplicationData(application, act.type, atc, act.balanceAfter);
  // 9F69: fDDA version 01, card random 4, CTQ 2, one byte RFU (pboc-contactless.md 4.4).
  const cardRandom = sm3(Buffer.from(`${card.seed}|card random|${act.atc}`, 'utf8')).subarray(0, 4);
  const cardAuthenticationData = Buffer.concat([
    Uint8Array.of(0x01),
    cardRandom,
    application.ctq,
    Uint8Array.of(0x00),
  ]);
  const terminalData = fddaTerminalData('01', {
    unpredictableNumber: objectOf(act.told, '9F37'),
    amount: objectOf(act.told, '9F02'),
    currency: objectOf(act.told, '5F2A'),
    cardAuthenticationData,
  });
  const signingKeys =
    card.faults.forged === true
      ? sm2KeyPairFromSeed(Buffer.from(`${card.seed}|another key`, 'utf8'))
      : application.cardKeys;
  // The dynamic number is the ATC, after its length (pboc-contactless.md 4.4).
  const signedDynamicData = buildDynamicSignature(
    Buffer.concat([Uint8Array.of(2), atc]),
    terminalData,
    (message) => sm2Sign({ ...signingKeys, message }),
  );
  return encodeTlvTree([
    {
      tag: '77',
      children: [
        { tag: '82', value: application.aip },
        { tag: '94', value: application.afl },
        { tag: '9F36', value: atc },
        { tag: '9F26', value: cryptogram(application, act.told, atc, iad) },
        { tag: '9F10', value: iad },
        { tag: '57', value: application.track2 },
        { tag: '5F34', value: Buffer.from(application.owner.panSequenceNumber, 'hex') },
        { tag: '9F6C', value: application.ctq },
        { tag: '9F69', value: cardAuthenticationData },
        { tag: '9F4B', value: signedDynamicData },
      ],
    },
  ]);
}

/** 9F10 with the balance after this act in its discretionary part and the card's MAC over it. */
function issuerApplicationData(
  application: PaymentApplication,
  type: CryptogramType,
  atc: Uint8Array,
  balanceAfter: Fen,
): Uint8Array {
  const head = Uint8Array.of(
    0x07,
    application.derivationKeyIndex,
    application.cryptogramVersion,
    0x03,
    CVR_STATUS[type],
    0x00,
    0x00,
    SM4_ALGORITHM,
  );
  const amounts = bcdFromNumber(balanceAfter, 5);
  const length = 1 + amounts.length + 4;
  const macKey = deriveSessionKey('SM4', application.udkMac, atc);
  const mac = makeDiscretionaryMac('SM4', macKey, atc, {
    length,
    id: BALANCE_ID,
    amounts,
    mac: new Uint8Array(4),
  });
  return Buffer.concat([head, Uint8Array.of(length, BALANCE_ID), amounts, mac]);
}

function cryptogram(
  application: PaymentApplication,
  told: ReadonlyMap<string, Uint8Array>,
  atc: Uint8Array,
  iadBytes: Uint8Array,
): Uint8Array {
  const iad = parseIad(iadBytes);
  const version = findCryptogramVersion(application.cryptogramVersion);
  if (iad === null || version === undefined)
    throw new RangeError('the card was personalised with an unknown CVN');
  const objects = new Map([...told, ['9F36', atc], ['82', application.aip]]);
  const input = buildCryptogramInput(version, objects, iad);
  if (!input.ok) throw new RangeError(`the PDOL lacks ${input.refusal.field ?? ''}`);
  return makeCryptogram('SM4', deriveSessionKey('SM4', application.udkAc, atc), input.data, version.padding);
}

function objectOf(objects: ReadonlyMap<string, Uint8Array>, tag: string): Uint8Array {
  const value = objects.get(tag);
  if (value === undefined) throw new RangeError(`the card's PDOL lacks ${tag}`);
  return value;
}

/** Places of the records that a reader has to read, as `sfi/record`, in the order of the AFL. */
export function recordsOfAfl(afl: Uint8Array): readonly string[] {
  const locator = parseAfl(afl);
  if (!locator.ok) throw new RangeError(`the card was personalised with AFL ${hex(afl)}`);
  return locator.records.map((entry) => `${entry.sfi}/${entry.record}`);
}
