import { bcdNumber } from '@tapgate/sdk/emv/bcd';
import { parseAfl } from '@tapgate/sdk/emv/afl';
import { parseDol } from '@tapgate/sdk/emv/dol';
import { fddaTerminalData } from '@tapgate/sdk/emv/fdda';
import { equalBytes, hex } from '@tapgate/sdk/emv/hex';
import type { CryptogramType } from '@tapgate/sdk/emv/iad';
import { encodeTlvTree, type TlvDraft } from '@tapgate/sdk/emv/tlv-encoding';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { type Fen, fen, subtractFen } from '@tapgate/sdk/wire/money';
import { recordTemplate } from './card-chain.ts';
import { atcBytes, makeCardCryptogram, makeIssuerApplicationData } from './card-cryptogram.ts';
import type { CardFaults } from './card-faults.ts';
import type { ContactlessChain, PaymentApplication, PersonalisedRecord } from './card-personalisation.ts';
import { ATC_MAX, type CardState } from './card-state.ts';
import { respond, SW } from './status-words.ts';

/** The answer to GET PROCESSING OPTIONS, the card's state after it, and what its balance becomes with the last record. */
export type ProcessingOptionsAnswer = {
  readonly response: Uint8Array;
  readonly state: CardState;
  readonly pendingBalanceFen: Fen | null;
  /** what has to be read, once the card has decided; null when it has not */
  readonly transaction: { readonly afl: Uint8Array; readonly records: readonly PersonalisedRecord[] } | null;
};

const ONLINE_CRYPTOGRAM_REQUIRED = 0x80;
const SM_SUPPORTED = 0x01;
/**
 * Answers GET PROCESSING OPTIONS as a contactless card does: one command decides, counts, makes the cryptogram and signs.
 * The ATC moves before the answer leaves; a debit waits for the last record.
 *
 * @param body the value of template 83
 * @spec pboc-contactless.md 2.4 (PDOL), 2.5 (reply), 2.8 (debit and tear), 4.4 (fDDA 01)
 */
export function answerProcessingOptions(
  application: PaymentApplication,
  card: { readonly state: CardState; readonly seed: string; readonly faults: CardFaults },
  body: Uint8Array,
): ProcessingOptionsAnswer {
  const { state } = card;
  const unchanged = (sw: (typeof SW)[keyof typeof SW]): ProcessingOptionsAnswer => ({
    response: respond(sw),
    state,
    pendingBalanceFen: null,
    transaction: null,
  });
  const told = readDolData(application.pdol, body);
  if (told === null) return unchanged(SW.wrongLength);
  const amount = bcdNumber(objectOf(told, '9F02'));
  if (amount === null) return unchanged(SW.wrongData);
  // A card without an RSA chain has nothing to offer a terminal without SM algorithms; a worn-out counter ends its life.
  const chain = objectOf(told, 'DF69')[0] === SM_SUPPORTED ? application.smChain : application.rsaChain;
  if (chain === null || state.atc >= ATC_MAX) return unchanged(SW.conditionsNotSatisfied);

  const type = decideCryptogram(application, state, told, fen(amount));
  const balanceAfter = type === 'TC' ? subtractFen(state.balanceFen, fen(amount)) : state.balanceFen;
  const next: CardState = { ...state, atc: state.atc + 1 };
  const act = { told, type, atc: next.atc, balanceAfter };
  const reply = buildReply({ ...card, application, chain }, act);
  return {
    response: respond(SW.ok, reply.body),
    state: next,
    pendingBalanceFen: type === 'TC' ? balanceAfter : null,
    transaction: { afl: chain.afl, records: reply.records },
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

type Act = {
  readonly told: ReadonlyMap<string, Uint8Array>;
  readonly type: CryptogramType;
  readonly atc: number;
  readonly balanceAfter: Fen;
};

function buildReply(
  card: {
    readonly application: PaymentApplication;
    readonly chain: ContactlessChain;
    readonly seed: string;
    readonly faults: CardFaults;
  },
  act: Act,
): { readonly body: Uint8Array; readonly records: readonly PersonalisedRecord[] } {
  const { application, chain, faults } = card;
  const atc = atcBytes(act.atc);
  const iad = makeIssuerApplicationData(
    chain,
    { first: act.type, second: null },
    atc,
    act.balanceAfter,
    faults,
  );
  const objects = new Map([...act.told, ['9F36', atc], ['82', application.aip]]);
  const cardAuthenticationData = authenticationData(card.seed, act.atc, application.ctq);
  const signature: TlvDraft = { tag: '9F4B', value: dynamicSignature(card, act, cardAuthenticationData) };
  const body = encodeTlvTree([
    {
      tag: '77',
      children: [
        { tag: '82', value: application.aip },
        { tag: '94', value: chain.afl },
        { tag: '9F36', value: atc },
        { tag: '9F26', value: makeCardCryptogram(chain, objects, iad, faults) },
        { tag: '9F10', value: iad },
        { tag: '57', value: application.track2 },
        { tag: '5F34', value: Buffer.from(application.owner.panSequenceNumber, 'hex') },
        { tag: '9F6C', value: application.ctq },
        { tag: '9F69', value: cardAuthenticationData },
        ...(chain.signatureRecord === null ? [signature] : []),
      ],
    },
  ]);
  const ownRecord =
    chain.signatureRecord === null ? [] : [{ ...chain.signatureRecord, body: recordTemplate([signature]) }];
  return { body, records: [...chain.records, ...ownRecord] };
}

/** 9F69: fDDA version 01, card random 4, CTQ 2, one byte RFU (pboc-contactless.md 4.4). */
function authenticationData(seed: string, atc: number, ctq: Uint8Array): Uint8Array {
  const random = sm3(Buffer.from(`${seed}|card random|${atc}`, 'utf8')).subarray(0, 4);
  return Buffer.concat([Uint8Array.of(0x01), random, ctq, Uint8Array.of(0x00)]);
}

function dynamicSignature(
  card: { readonly chain: ContactlessChain; readonly faults: CardFaults },
  act: Act,
  cardAuthenticationData: Uint8Array,
): Uint8Array {
  const terminalData = fddaTerminalData('01', {
    unpredictableNumber: objectOf(act.told, '9F37'),
    amount: objectOf(act.told, '9F02'),
    currency: objectOf(act.told, '5F2A'),
    cardAuthenticationData,
  });
  // The dynamic number is the ATC, after its length (pboc-contactless.md 4.4).
  const dynamicData = Buffer.concat([Uint8Array.of(2), atcBytes(act.atc)]);
  const sign = card.faults.forged === true ? card.chain.signByAnotherKey : card.chain.sign;
  return sign(dynamicData, terminalData);
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
