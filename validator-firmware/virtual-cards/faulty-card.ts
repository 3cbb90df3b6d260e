import { isoDate } from '@tapgate/sdk/wire/identifiers';
import type { CardFaults } from './card-faults.ts';
import { type CardOrder, personaliseCard } from './personalise-card.ts';
import type { TestIssuer } from './test-issuer.ts';
import { VirtualCard } from './virtual-card.ts';

/** Everything that can be wrong with a virtual card, each to be had by its name. */
export const CARD_FAULT_NAMES = [
  'slow',
  'torn',
  'wrong_length',
  'garbage',
  'cloned',
  'expired',
  'revoked_issuer',
  'wrong_mac',
  'replaying',
] as const;
export type CardFaultName = (typeof CARD_FAULT_NAMES)[number];

/** Past its last day, in a month whose end its certificate has reached too. */
const LONG_AGO = isoDate('2021-04-30');

/**
 * Makes a third-generation card with one fault. Two faults lie in what is written on the card when it is personalised (expired,
 * revoked_issuer); the others are switched on in a genuine card and may be switched off again by `card.faults`.
 *
 * @param at the command at which a card is torn, spoils a length or sends noise, from 1
 */
export function makeFaultyCard(
  fault: CardFaultName,
  order: Omit<CardOrder, 'issuer'>,
  { issuer, at, slowMs }: { readonly issuer: TestIssuer; readonly at: number; readonly slowMs: number },
): VirtualCard {
  const behaviour: Readonly<Record<CardFaultName, CardFaults>> = {
    slow: { slowMs },
    torn: { tornAtCommand: at },
    wrong_length: { wrongLengthAtCommand: at },
    garbage: { garbageAtCommand: at },
    cloned: { forged: true },
    expired: {},
    revoked_issuer: {},
    wrong_mac: { wrongCryptogram: true, wrongDiscretionaryMac: true },
    replaying: { replaying: true },
  };
  const personalisation = personaliseCard({
    ...order,
    ...(fault === 'expired' ? { expiry: LONG_AGO } : {}),
    issuer: fault === 'revoked_issuer' ? issuer.revokedIssuer : issuer.issuer,
  });
  return new VirtualCard(personalisation, undefined, behaviour[fault]);
}
