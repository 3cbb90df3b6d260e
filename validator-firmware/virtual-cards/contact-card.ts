import { equalBytes } from '@tapgate/sdk/emv/hex';
import { type CardFaults, NO_FAULTS, spoiledAnswer } from './card-faults.ts';
import {
  applicationFci,
  CONTACT_DIRECTORY,
  CONTACT_DIRECTORY_SFI,
  contactDirectoryFci,
  contactDirectoryRecord,
} from './card-directory.ts';
import type { SocialSecurityApplication } from './card-personalisation.ts';
import type { CardState } from './card-state.ts';
import { type CommandApdu, parseCommandApdu } from './command-apdu.ts';
import { answerContact, type ContactTransaction } from './contact-answer.ts';
import type { ContactApplication } from './contact-application.ts';
import { answerSocialSecurity, socialSecurityFci } from './social-security-application.ts';
import { respond, SW } from './status-words.ts';

/** What the contacts of a card lead to. The first generation has no bank application. */
export type ContactCardContent = {
  readonly seed: string;
  readonly payment: ContactApplication | null;
  readonly socialSecurity: SocialSecurityApplication;
};

type ContactSession = {
  selected: 'nothing' | 'directory' | 'payment' | 'social_security';
  socialSecurityFile: number | null;
  transaction: ContactTransaction | null;
  commands: number;
};

const newSession = (): ContactSession => ({
  selected: 'nothing',
  socialSecurityFile: null,
  transaction: null,
  commands: 0,
});

/**
 * A card in a contact slot: the first generation (social security only), the second (a debit application with 3DES and RSA), and
 * the contact side of the third.
 */
export class ContactCard {
  readonly content: ContactCardContent;
  faults: CardFaults;
  #state: CardState;
  #session: ContactSession = newSession();

  constructor(content: ContactCardContent, state: CardState, faults: CardFaults = NO_FAULTS) {
    this.content = content;
    this.#state = state;
    this.faults = faults;
  }

  get state(): CardState {
    return this.#state;
  }

  powerUp(): void {
    this.#session = newSession();
  }

  /** @returns response data and status word; null when the card was pulled out */
  transmit(command: Uint8Array): Uint8Array | null {
    this.#session.commands++;
    const { commands } = this.#session;
    if (this.faults.tornAtCommand !== undefined && commands >= this.faults.tornAtCommand) return null;
    const apdu = parseCommandApdu(command);
    const answer = apdu === null ? respond(SW.wrongLength) : this.#answer(apdu);
    return spoiledAnswer(answer, commands, this.faults, this.content.seed);
  }

  #answer(command: CommandApdu): Uint8Array {
    if (command.cla === 0x00 && command.ins === 0xa4 && command.p1 === 0x04)
      return this.#select(command.data);
    const session = this.#session;
    const { payment, socialSecurity } = this.content;
    switch (session.selected) {
      case 'directory':
        return this.#readDirectory(command);
      case 'social_security': {
        const answer = answerSocialSecurity(socialSecurity, session.socialSecurityFile, command);
        session.socialSecurityFile = answer.selectedFile;
        return answer.response;
      }
      case 'payment': {
        if (payment === null) return respond(SW.conditionsNotSatisfied);
        const card = {
          application: payment,
          state: this.#state,
          faults: this.faults,
          transaction: session.transaction,
        };
        const answer = answerContact(card, command);
        this.#state = answer.state;
        session.transaction = answer.transaction;
        return answer.response;
      }
      case 'nothing':
        return respond(SW.conditionsNotSatisfied);
    }
  }

  #select(name: Uint8Array): Uint8Array {
    const session = this.#session;
    const { payment, socialSecurity } = this.content;
    session.transaction = null;
    if (payment !== null && equalBytes(name, CONTACT_DIRECTORY)) {
      session.selected = 'directory';
      return respond(SW.ok, contactDirectoryFci());
    }
    if (payment !== null && beginsWith(payment.dfName, name)) {
      session.selected = 'payment';
      return respond(SW.ok, applicationFci(payment, null));
    }
    if (beginsWith(socialSecurity.dfName, name)) {
      session.selected = 'social_security';
      session.socialSecurityFile = null;
      return respond(SW.ok, socialSecurityFci(socialSecurity));
    }
    return respond(SW.fileNotFound);
  }

  #readDirectory(command: CommandApdu): Uint8Array {
    const { payment } = this.content;
    const isEntry = command.ins === 0xb2 && command.p2 >> 3 === CONTACT_DIRECTORY_SFI && command.p1 === 1;
    return payment !== null && isEntry
      ? respond(SW.ok, contactDirectoryRecord([payment]))
      : respond(SW.recordNotFound);
  }
}

/** A DF name may be given by its beginning (pboc-contactless.md 1.3). */
export function beginsWith(dfName: Uint8Array, name: Uint8Array): boolean {
  return (
    name.length >= 5 && name.length <= dfName.length && equalBytes(dfName.subarray(0, name.length), name)
  );
}
