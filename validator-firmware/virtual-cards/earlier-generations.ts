import { Pan } from '@tapgate/sdk/emv/card-identity';
import type { RsaSigner } from '@tapgate/sdk/emv/rsa-personalisation';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { ZERO_FEN } from '@tapgate/sdk/wire/money';
import type { RsaCardIssuer } from './card-chain.ts';
import { newCardState } from './card-state.ts';
import { ContactCard } from './contact-card.ts';
import { personaliseContactApplication } from './personalise-contact.ts';
import { personaliseSocialSecurity } from './social-security-application.ts';

/** First generation: contacts, social-security data only, nothing that pays (pboc-contactless.md 1.1). */
export function makeFirstGenerationCard(seed: string): ContactCard {
  const content = { seed, payment: null, socialSecurity: personaliseSocialSecurity(seed) };
  return new ContactCard(content, newCardState(ZERO_FEN));
}

/**
 * Second generation: contacts, a PBOC 2.0 debit application with RSA and 3DES beside the social-security application
 * (pboc-contactless.md 1.1).
 *
 * @throws RangeError for a PAN that is none
 */
export function makeSecondGenerationCard(order: {
  readonly seed: string;
  readonly pan: string;
  readonly psn: string;
  readonly expiry: IsoDate;
  readonly issuer: RsaCardIssuer;
  readonly cardSigner: RsaSigner;
}): ContactCard {
  const pan = Pan.of(order.pan);
  if (pan === null) throw new RangeError('a card has a PAN');
  const payment = personaliseContactApplication({
    seed: order.seed,
    owner: { pan, panSequenceNumber: order.psn },
    expiry: order.expiry,
    algorithms: { kind: 'RSA', issuer: order.issuer, cardSigner: order.cardSigner },
  });
  const content = { seed: order.seed, payment, socialSecurity: personaliseSocialSecurity(order.seed) };
  return new ContactCard(content, newCardState(ZERO_FEN));
}
