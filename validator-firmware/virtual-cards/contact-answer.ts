import { bcdNumber } from '@tapgate/sdk/emv/bcd';
import { parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { deriveSessionKey } from '@tapgate/sdk/emv/card-keys';
import { verifyArpc } from '@tapgate/sdk/emv/cryptogram';
import type { CryptogramType } from '@tapgate/sdk/emv/iad';
import { cdaTransactionHash } from '@tapgate/sdk/emv/rsa-signed-data';
import { encodeTlv, encodeTlvTree, type TlvDraft } from '@tapgate/sdk/emv/tlv-encoding';
import {
  atcBytes,
  type CardDecision,
  makeCardCryptogram,
  makeIssuerApplicationData,
} from './card-cryptogram.ts';
import type { CardFaults } from './card-faults.ts';
import { ATC_MAX, type CardState } from './card-state.ts';
import type { CommandApdu } from './command-apdu.ts';
import type { ContactApplication } from './contact-application.ts';
import { readDolData } from './payment-answer.ts';
import { respond, SW } from './status-words.ts';

/** A contact transaction as the card sees it, forgotten when power goes. */
export type ContactTransaction = {
  readonly atc: number;
  readonly cdol1Values: Uint8Array | null;
  readonly told: ReadonlyMap<string, Uint8Array>;
  readonly first: CryptogramType | null;
  readonly arqc: Uint8Array | null;
  readonly isFinished: boolean;
  /** null until EXTERNAL AUTHENTICATE was sent */
  readonly issuerAuthenticated: boolean | null;
};

export type ContactAnswer = {
  readonly response: Uint8Array;
  readonly state: CardState;
  readonly transaction: ContactTransaction | null;
};

type Card = {
  readonly application: ContactApplication;
  readonly state: CardState;
  readonly faults: CardFaults;
  readonly transaction: ContactTransaction | null;
};

const CID: Readonly<Record<CryptogramType, number>> = { AAC: 0x00, TC: 0x40, ARQC: 0x80 };
const TYPE_OF_REQUEST: readonly (CryptogramType | null)[] = ['AAC', 'TC', 'ARQC', null];
const APPROVED = Buffer.from('00', 'ascii');

/**
 * Answers one command of the contact debit application: GPO (template 80), READ RECORD, INTERNAL AUTHENTICATE, GENERATE AC twice,
 * EXTERNAL AUTHENTICATE, GET DATA.
 *
 * @spec pboc-contactless.md 2.3, 4.5, 5.5; the flow of the contact application is EMV's (Book 3, general knowledge)
 */
export function answerContact(card: Card, command: CommandApdu): ContactAnswer {
  const { cla, ins } = command;
  if (cla === 0x80 && ins === 0xa8) return getProcessingOptions(card, command);
  if (cla === 0x00 && ins === 0xb2) return unchanged(card, readRecord(card.application, command));
  if (cla === 0x80 && ins === 0xca) return unchanged(card, getData(card.state, command));
  const { transaction } = card;
  if (transaction === null || transaction.isFinished)
    return unchanged(card, respond(SW.conditionsNotSatisfied));
  if (cla === 0x00 && ins === 0x88) return unchanged(card, internalAuthenticate(card, transaction, command));
  if (cla === 0x00 && ins === 0x82) return externalAuthenticate(card, transaction, command);
  if (cla === 0x80 && ins === 0xae) return generateAc(card, transaction, command);
  return unchanged(card, respond(SW.instructionUnknown));
}

function unchanged(card: Card, response: Uint8Array): ContactAnswer {
  return { response, state: card.state, transaction: card.transaction };
}

/** No PDOL: the data are an empty template 83. The ATC moves here. */
function getProcessingOptions(card: Card, command: CommandApdu): ContactAnswer {
  const { application, state } = card;
  if (card.transaction !== null || state.atc >= ATC_MAX)
    return unchanged(card, respond(SW.conditionsNotSatisfied));
  if (command.data.length !== 2 || command.data[0] !== 0x83) return unchanged(card, respond(SW.wrongData));
  const atc = state.atc + 1;
  return {
    response: respond(SW.ok, encodeTlv('80', Buffer.concat([application.aip, application.afl]))),
    state: { ...state, atc },
    transaction: {
      atc,
      cdol1Values: null,
      told: new Map(),
      first: null,
      arqc: null,
      isFinished: false,
      issuerAuthenticated: null,
    },
  };
}

function readRecord(application: ContactApplication, command: CommandApdu): Uint8Array {
  const sfi = command.p2 >> 3;
  const found = application.records.find(
    (record) => record.sfi === sfi && record.recordNumber === command.p1,
  );
  return found === undefined ? respond(SW.recordNotFound) : respond(SW.ok, found.body);
}

/** 9F36 and 9F13, for the terminal's velocity check. */
function getData(state: CardState, command: CommandApdu): Uint8Array {
  const tag = command.p1 * 256 + command.p2;
  if (tag === 0x9f36) return respond(SW.ok, encodeTlv('9F36', atcBytes(state.atc)));
  if (tag === 0x9f13) return respond(SW.ok, encodeTlv('9F13', atcBytes(state.lastOnlineAtc)));
  return respond(SW.fileNotFound);
}

function internalAuthenticate(card: Card, transaction: ContactTransaction, command: CommandApdu): Uint8Array {
  const { chain, ddol } = card.application;
  if (readDolData(ddol, command.data) === null) return respond(SW.wrongLength);
  const sign = card.faults.forged === true ? chain.signByAnotherKey : chain.sign;
  const dynamicData = Buffer.concat([Uint8Array.of(2), atcBytes(transaction.atc)]);
  return respond(SW.ok, encodeTlv('80', sign(dynamicData, command.data)));
}

/** 91: ARPC 8, response code 2. Only after an ARQC, and only once. */
function externalAuthenticate(
  card: Card,
  transaction: ContactTransaction,
  command: CommandApdu,
): ContactAnswer {
  const { arqc, issuerAuthenticated } = transaction;
  if (arqc === null || issuerAuthenticated !== null)
    return unchanged(card, respond(SW.conditionsNotSatisfied));
  const { chain } = card.application;
  const key = deriveSessionKey(chain.symmetric, chain.udkAc, atcBytes(transaction.atc));
  const isIssuer = verifyArpc(
    chain.symmetric,
    key,
    arqc,
    command.data.subarray(8),
    command.data.subarray(0, 8),
  );
  return {
    response: respond(isIssuer ? SW.ok : SW.authenticationFailed),
    state: card.state,
    transaction: { ...transaction, issuerAuthenticated: isIssuer },
  };
}

function generateAc(card: Card, transaction: ContactTransaction, command: CommandApdu): ContactAnswer {
  const { application, state } = card;
  const isFirst = transaction.first === null;
  const told = readDolData(isFirst ? application.cdol1 : application.cdol2, command.data);
  const requested = TYPE_OF_REQUEST[command.p1 >> 6];
  if (told === null) return unchanged(card, respond(SW.wrongLength));
  if (requested === null || requested === undefined) return unchanged(card, respond(SW.wrongParameters));
  const known = new Map([...transaction.told, ...told]);

  if (transaction.first === null) {
    const first = decideFirst(application, state, requested, told);
    const reply = answerCryptogram(card, { transaction, decision: { first, second: null }, command, known });
    const next: ContactTransaction = {
      ...transaction,
      told: known,
      cdol1Values: command.data,
      first,
      arqc: first === 'ARQC' ? reply.cryptogram : null,
      isFinished: first !== 'ARQC',
    };
    return { response: reply.response, state, transaction: next };
  }
  const second = decideSecond(transaction, requested, told);
  const decision = { first: transaction.first, second };
  const reply = answerCryptogram(card, { transaction, decision, command, known });
  const answered = transaction.issuerAuthenticated === true;
  return {
    response: reply.response,
    state: answered ? { ...state, lastOnlineAtc: transaction.atc } : state,
    transaction: { ...transaction, isFinished: true },
  };
}

/** The card may answer with less than was asked for: an ARQC for a TC, an AAC for anything. */
function decideFirst(
  application: ContactApplication,
  state: CardState,
  requested: CryptogramType,
  told: ReadonlyMap<string, Uint8Array>,
): CryptogramType {
  const amount = bcdNumber(told.get('9F02') ?? new Uint8Array(0));
  if (amount === null || requested === 'AAC') return 'AAC';
  if (requested === 'ARQC') return 'ARQC';
  const offlineCount = state.atc - state.lastOnlineAtc;
  const withinLimits = amount <= application.offlineLimitFen && offlineCount <= application.offlineCountMax;
  return withinLimits ? 'TC' : 'ARQC';
}

/** After its own ARQC the card gives a TC only for an issuer's answer that it could check. */
function decideSecond(
  transaction: ContactTransaction,
  requested: CryptogramType,
  told: ReadonlyMap<string, Uint8Array>,
): CryptogramType {
  const approved = Buffer.compare(told.get('8A') ?? new Uint8Array(0), APPROVED) === 0;
  const isIssuers = transaction.issuerAuthenticated === true && approved;
  return requested === 'TC' && isIssuers ? 'TC' : 'AAC';
}

/** Template 77 with a combined signature where P1 asks for one and the chain is RSA; template 80 otherwise. */
function answerCryptogram(
  card: Card,
  act: {
    readonly transaction: ContactTransaction;
    readonly decision: CardDecision;
    readonly command: CommandApdu;
    readonly known: ReadonlyMap<string, Uint8Array>;
  },
): { readonly response: Uint8Array; readonly cryptogram: Uint8Array } {
  const { application, faults } = card;
  const { chain } = application;
  const atc = atcBytes(act.transaction.atc);
  const type = act.decision.second ?? act.decision.first;
  const cid = Uint8Array.of(CID[type]);
  const iad = makeIssuerApplicationData(chain, act.decision, atc, card.state.balanceFen, faults);
  const objects = new Map([...act.known, ['9F36', atc], ['82', application.aip]]);
  const cryptogram = makeCardCryptogram(chain, objects, iad, faults);
  const asksCda = (act.command.p1 & 0x10) !== 0 && type !== 'AAC' && chain.symmetric === '3DES';
  if (!asksCda) {
    const body = encodeTlv('80', Buffer.concat([cid, atc, cryptogram, iad]));
    return { response: respond(SW.ok, body), cryptogram };
  }
  const signed: readonly TlvDraft[] = [
    { tag: '9F27', value: cid },
    { tag: '9F36', value: atc },
    { tag: '9F10', value: iad },
  ];
  const cdolValues = Buffer.concat(
    act.transaction.cdol1Values === null
      ? [act.command.data]
      : [act.transaction.cdol1Values, act.command.data],
  );
  const transactionHash = cdaTransactionHash({
    pdolValues: new Uint8Array(0),
    cdolValues,
    responseWithoutSdad: encodeTlvTree(signed),
  });
  const dynamicData = Buffer.concat([Uint8Array.of(2), atc, cid, cryptogram, transactionHash]);
  const sign = faults.forged === true ? chain.signByAnotherKey : chain.sign;
  const unpredictableNumber = act.known.get('9F37') ?? new Uint8Array(0);
  const signature: TlvDraft = { tag: '9F4B', value: sign(dynamicData, unpredictableNumber) };
  const body = encodeTlvTree([{ tag: '77', children: [...signed, signature] }]);
  return { response: respond(SW.ok, body), cryptogram };
}

/** The value of template 83 of a GPO command; null when there is none. */
export function processingOptionsData(command: CommandApdu): Uint8Array | null {
  const parsed = parseTlv(command.data);
  const [template] = parsed.ok ? parsed.nodes : [];
  return template?.tag === '83' ? template.value : null;
}
