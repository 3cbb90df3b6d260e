import { equalBytes } from '@tapgate/sdk/emv/hex';
import type { Fen } from '@tapgate/sdk/wire/money';
import { applicationFci, CONTACTLESS_DIRECTORY, contactlessDirectoryFci } from './card-directory.ts';
import { type CardFaults, NO_FAULTS, spoiledAnswer } from './card-faults.ts';
import type { CardPersonalisation, PersonalisedRecord } from './card-personalisation.ts';
import { type CardState, newCardState } from './card-state.ts';
import { type CommandApdu, parseCommandApdu } from './command-apdu.ts';
import { processingOptionsData } from './contact-answer.ts';
import { beginsWith, ContactCard } from './contact-card.ts';
import { answerProcessingOptions, type ProcessingOptionsAnswer, recordsOfAfl } from './payment-answer.ts';
import { answerSocialSecurity, socialSecurityFci } from './social-security-application.ts';
import { respond, SW } from './status-words.ts';

/** Whatever answers commands as a card does. */
export interface AnsweringCard {
  readonly faults: CardFaults;
  powerUp(): void;
  transmit(command: Uint8Array): Uint8Array | null;
}

/** What a card forgets when it loses power. */
type CardSession = {
  selected: 'nothing' | 'directory' | 'payment' | 'social_security';
  socialSecurityFile: number | null;
  /** records still to be read before a debit counts, as sfi/record; null without a transaction under way */
  unread: Set<string> | null;
  records: readonly PersonalisedRecord[];
  pendingBalanceFen: Fen | null;
  commands: number;
};

const newSession = (records: readonly PersonalisedRecord[]): CardSession => ({
  selected: 'nothing',
  socialSecurityFile: null,
  unread: null,
  records,
  pendingBalanceFen: null,
  commands: 0,
});

/**
 * A third-generation card in the field, in process. It answers command APDUs byte for byte as the personalisation says, keeps
 * its state through a loss of power, and shows the faults that are switched on.
 */
export class VirtualCard implements AnsweringCard {
  readonly personalisation: CardPersonalisation;
  faults: CardFaults;
  #state: CardState;
  #session: CardSession;
  /** what a recording of a genuine tap would hold */
  #recorded: ProcessingOptionsAnswer | null = null;

  constructor(personalisation: CardPersonalisation, state?: CardState, faults: CardFaults = NO_FAULTS) {
    this.personalisation = personalisation;
    this.#state = state ?? newCardState(personalisation.initialBalanceFen);
    this.faults = faults;
    this.#session = newSession(personalisation.payment.smChain.records);
  }

  /** What survives without power; restore a card by passing it to the constructor. */
  get state(): CardState {
    return this.#state;
  }

  /** The card enters the field. A debit whose last record was not read has never been: the balance is the old one. */
  powerUp(): void {
    this.#session = newSession(this.personalisation.payment.smChain.records);
  }

  /** @returns response data and status word; null when the card has left the field */
  transmit(command: Uint8Array): Uint8Array | null {
    const session = this.#session;
    session.commands++;
    if (this.faults.tornAtCommand !== undefined && session.commands >= this.faults.tornAtCommand) return null;
    const apdu = parseCommandApdu(command);
    const answer = apdu === null ? respond(SW.wrongLength) : this.#answer(apdu);
    return spoiledAnswer(answer, session.commands, this.faults, this.personalisation.seed);
  }

  /** The same chip in a contact slot. Both sides move one ATC, so use one of them at a time and hand the state back. */
  inContactSlot(): ContactCard {
    const { seed, contact, socialSecurity } = this.personalisation;
    return new ContactCard({ seed, payment: contact, socialSecurity }, this.#state, this.faults);
  }

  #answer(command: CommandApdu): Uint8Array {
    if (command.cla === 0x00 && command.ins === 0xa4 && command.p1 === 0x04)
      return this.#select(command.data);
    switch (this.#session.selected) {
      case 'social_security':
        return this.#answerSocialSecurity(command);
      case 'payment':
        return this.#answerPayment(command);
      case 'directory':
      case 'nothing':
        return respond(command.ins === 0xa4 ? SW.fileNotFound : SW.conditionsNotSatisfied);
    }
  }

  #select(name: Uint8Array): Uint8Array {
    const { payment, socialSecurity } = this.personalisation;
    const session = this.#session;
    session.unread = null;
    session.pendingBalanceFen = null;
    if (equalBytes(name, CONTACTLESS_DIRECTORY)) {
      session.selected = 'directory';
      return respond(SW.ok, contactlessDirectoryFci([payment]));
    }
    if (beginsWith(payment.dfName, name)) {
      session.selected = 'payment';
      return respond(SW.ok, applicationFci(payment, payment.pdol));
    }
    if (beginsWith(socialSecurity.dfName, name)) {
      session.selected = 'social_security';
      session.socialSecurityFile = null;
      return respond(SW.ok, socialSecurityFci(socialSecurity));
    }
    return respond(SW.fileNotFound);
  }

  #answerSocialSecurity(command: CommandApdu): Uint8Array {
    const { socialSecurity } = this.personalisation;
    const answer = answerSocialSecurity(socialSecurity, this.#session.socialSecurityFile, command);
    this.#session.socialSecurityFile = answer.selectedFile;
    return answer.response;
  }

  #answerPayment(command: CommandApdu): Uint8Array {
    if (command.cla === 0x80 && command.ins === 0xa8) return this.#processingOptions(command);
    if (command.cla === 0x00 && command.ins === 0xb2) return this.#readRecord(command);
    return respond(command.cla === 0x00 || command.cla === 0x80 ? SW.instructionUnknown : SW.classUnknown);
  }

  #processingOptions(command: CommandApdu): Uint8Array {
    const session = this.#session;
    if (session.unread !== null) return respond(SW.conditionsNotSatisfied);
    if (command.p1 !== 0 || command.p2 !== 0) return respond(SW.wrongParameters);
    const body = processingOptionsData(command);
    if (body === null) return respond(SW.wrongData);
    const { payment, seed } = this.personalisation;
    const recorded = this.faults.replaying === true ? this.#recorded : null;
    const answer =
      recorded ?? answerProcessingOptions(payment, { state: this.#state, seed, faults: this.faults }, body);
    if (answer.transaction === null) return answer.response;
    this.#recorded ??= answer;
    session.unread = new Set(recordsOfAfl(answer.transaction.afl));
    session.records = answer.transaction.records;
    if (recorded === null) {
      this.#state = answer.state;
      session.pendingBalanceFen = answer.pendingBalanceFen;
    }
    return answer.response;
  }

  #readRecord(command: CommandApdu): Uint8Array {
    const session = this.#session;
    if ((command.p2 & 0x07) !== 0x04) return respond(SW.wrongParameters);
    const sfi = command.p2 >> 3;
    const found = session.records.find((record) => record.sfi === sfi && record.recordNumber === command.p1);
    if (found === undefined) return respond(SW.recordNotFound);
    session.unread?.delete(`${sfi}/${command.p1}`);
    if (session.unread?.size === 0 && session.pendingBalanceFen !== null) {
      this.#state = { ...this.#state, balanceFen: session.pendingBalanceFen };
      session.pendingBalanceFen = null;
    }
    return respond(SW.ok, found.body);
  }
}

/** A copy of everything a card is, its keys included: two cards that will use the same ATC. */
export function cloneCard(card: VirtualCard): VirtualCard {
  return new VirtualCard(card.personalisation, card.state, card.faults);
}
