import { bcdFromNumber } from '@tapgate/sdk/emv/bcd';
import { deriveSessionKey } from '@tapgate/sdk/emv/card-keys';
import {
  buildCryptogramInput,
  findCryptogramVersion,
  makeCryptogram,
  makeDiscretionaryMac,
} from '@tapgate/sdk/emv/cryptogram';
import { type CryptogramType, parseIad } from '@tapgate/sdk/emv/iad';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { CardChain } from './card-chain.ts';
import type { CardFaults } from './card-faults.ts';

/** What the card has decided: in GPO or the first GENERATE AC, and in a second one. */
export type CardDecision = { readonly first: CryptogramType; readonly second: CryptogramType | null };

/** CVR byte 2: bits 6-5 the first decision, bits 8-7 the second, 10 where there was none (pboc-contactless.md 5.2). */
const CVR_FIRST: Readonly<Record<CryptogramType, number>> = { AAC: 0x00, TC: 0x10, ARQC: 0x20 };
const CVR_SECOND: Readonly<Record<CryptogramType, number>> = { AAC: 0x00, TC: 0x40, ARQC: 0x80 };
const CVR_SECOND_NOT_REQUESTED = 0x80;
const BALANCE_ID = 0x01;
const ALGORITHM_INDICATOR = { '3DES': 0x01, SM4: 0x04 } as const;

export function atcBytes(atc: number): Uint8Array {
  return Uint8Array.of(atc >> 8, atc & 0xff);
}

/**
 * 9F10 with the electronic cash balance after this act, and the card's MAC over it.
 *
 * @spec pboc-contactless.md 5.2
 */
export function makeIssuerApplicationData(
  chain: CardChain,
  decision: CardDecision,
  atc: Uint8Array,
  balanceFen: Fen,
  faults: CardFaults,
): Uint8Array {
  const second = decision.second === null ? CVR_SECOND_NOT_REQUESTED : CVR_SECOND[decision.second];
  const head = Uint8Array.of(
    0x07,
    chain.derivationKeyIndex,
    chain.cryptogramVersion,
    0x03,
    second | CVR_FIRST[decision.first],
    0x00,
    0x00,
    ALGORITHM_INDICATOR[chain.symmetric],
  );
  const amounts = bcdFromNumber(balanceFen, 5);
  const length = 1 + amounts.length + 4;
  const macKey = deriveSessionKey(chain.symmetric, chain.udkMac, atc);
  const unsigned = { length, id: BALANCE_ID, amounts, mac: new Uint8Array(4) };
  const mac = makeDiscretionaryMac(chain.symmetric, macKey, atc, unsigned);
  const sent = faults.wrongDiscretionaryMac === true ? mac.map((byte) => byte ^ 0xff) : mac;
  return Buffer.concat([head, Uint8Array.of(length, BALANCE_ID), amounts, sent]);
}

/**
 * 9F26 over what was exchanged, under this transaction's key.
 *
 * @param objects by tag: what the terminal told, and the card's own 82 and 9F36
 * @throws RangeError when the card's lists do not ask for what its cryptogram version covers
 * @spec pboc-contactless.md 5.1, 5.3, 5.4
 */
export function makeCardCryptogram(
  chain: CardChain,
  objects: ReadonlyMap<string, Uint8Array>,
  iadBytes: Uint8Array,
  faults: CardFaults,
): Uint8Array {
  const iad = parseIad(iadBytes);
  const version = findCryptogramVersion(chain.cryptogramVersion);
  const atc = objects.get('9F36');
  if (iad === null || version === undefined || atc === undefined)
    throw new RangeError('the card was personalised with a cryptogram that it cannot make');
  const input = buildCryptogramInput(version, objects, iad);
  if (!input.ok) throw new RangeError(`the lists of the card lack ${input.refusal.field ?? ''}`);
  const key = deriveSessionKey(chain.symmetric, chain.udkAc, atc);
  const cryptogram = makeCryptogram(chain.symmetric, key, input.data, version.padding);
  return faults.wrongCryptogram === true ? cryptogram.map((byte) => byte ^ 0xff) : cryptogram;
}
