import { equalBytes } from '@tapgate/sdk/emv/hex';
import { parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { encodeTlvTree, type TlvDraft } from '@tapgate/sdk/emv/tlv-encoding';
import type { Fen } from '@tapgate/sdk/wire/money';
import { type CardFaults, NO_FAULTS } from './card-faults.ts';
import type { CardPersonalisation, PaymentApplication } from './card-personalisation.ts';
import type { CardState } from './card-state.ts';
import { type CommandApdu, parseCommandApdu } from './command-apdu.ts';
import { answerProcessingOptions, recordsOfAfl } from './payment-answer.ts';
import { answerSocialSecurity, socialSecurityFci } from './social-security-application.ts';
import { respond, SW } from './status-words.ts';

const PPSE = Buffer.from('2PAY.SYS.DDF01', 'ascii');

/** What a card forgets when it loses power. */
type CardSession = {
  selected: 'nothing' | 'ppse' | 'payment' | 'social_security';
  socialSecurityFile: number | null;
  /** records still to be read before a debit counts, as sfi/record; null without a transaction under way */
  unread: Set<string> | null;
  pendingBalanceFen: Fen | null;
  commands: number;
  gone: boolean;
};

function newSession(): CardSession {
  return {
    selected: 'nothing',
    socialSecurityFile: null,
    unread: null,
    pendingBalanceFen: null,
    commands: 0,
    gone: false,
  };
}

/**
 * A card in process. It answers command APDUs byte for byte as the personalisation says, keeps its state through a loss of
 * power, and shows the faults that are switched on.
 */
export class VirtualCard {
  readonly personalisation: CardPersonalisation;
  faults: CardFaults;
  #state: CardState;
  #session: CardSession = newSession();

  constructor(personalisation: CardPersonalisation, state?: CardState, faults: CardFaults = NO_FAULTS) {
    this.personalisation = personalisation;
    this.#state = state ?? { atc: 0, balanceFen: personalisation.initialBalanceFen };
    this.faults = faults;
  }

  /** What survives without power; restore a card by passing it to the constructor. */
  get state(): CardState {
    return this.#state;
  }

  /** The card enters the field. A debit whose last record was not read has never been: the balance is the old one. */
  powerUp(): void {
    this.#session = newSession();
  }

  /** @returns response data and status word; null when the card has left the field */
  transmit(command: Uint8Array): Uint8Array | null {
    const session = this.#session;
    session.commands++;
    if (session.commands === this.faults.tornAtCommand) session.gone = true;
    if (session.gone) return null;
    const apdu = parseCommandApdu(command);
    return apdu === null ? respond(SW.wrongLength) : this.#answer(apdu);
  }

  #answer(command: CommandApdu): Uint8Array {
    if (command.cla === 0x00 && command.ins === 0xa4 && command.p1 === 0x04)
      return this.#select(command.data);
    switch (this.#session.selected) {
      case 'social_security':
        return this.#answerSocialSecurity(command);
      case 'payment':
        return this.#answerPayment(command);
      case 'ppse':
      case 'nothing':
        return respond(command.ins === 0xa4 ? SW.fileNotFound : SW.conditionsNotSatisfied);
    }
  }

  /** A DF name may be given by its beginning (pboc-contactless.md 1.3). */
  #select(name: Uint8Array): Uint8Array {
    const { payment, socialSecurity } = this.personalisation;
    const session = this.#session;
    session.unread = null;
    session.pendingBalanceFen = null;
    if (equalBytes(name, PPSE)) {
      session.selected = 'ppse';
      return respond(SW.ok, ppseFci(payment));
    }
    if (beginsWith(payment.dfName, name)) {
      session.selected = 'payment';
      return respond(SW.ok, paymentFci(payment));
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
    const parsed = parseTlv(command.data);
    const [template] = parsed.ok ? parsed.nodes : [];
    if (template?.tag !== '83') return respond(SW.wrongData);
    const { payment, seed } = this.personalisation;
    const card = { state: this.#state, seed, faults: this.faults };
    const answer = answerProcessingOptions(payment, card, template.value);
    if (answer.state !== this.#state) {
      this.#state = answer.state;
      session.unread = new Set(recordsOfAfl(payment.afl));
      session.pendingBalanceFen = answer.pendingBalanceFen;
    }
    return answer.response;
  }

  #readRecord(command: CommandApdu): Uint8Array {
    const session = this.#session;
    if ((command.p2 & 0x07) !== 0x04) return respond(SW.wrongParameters);
    const sfi = command.p2 >> 3;
    const found = this.personalisation.payment.records.find(
      (record) => record.sfi === sfi && record.recordNumber === command.p1,
    );
    if (found === undefined) return respond(SW.recordNotFound);
    session.unread?.delete(`${sfi}/${command.p1}`);
    if (session.unread?.size === 0 && session.pendingBalanceFen !== null) {
      this.#state = { ...this.#state, balanceFen: session.pendingBalanceFen };
      session.pendingBalanceFen = null;
    }
    return respond(SW.ok, found.body);
  }
}

function beginsWith(dfName: Uint8Array, name: Uint8Array): boolean {
  return (
    name.length >= 5 && name.length <= dfName.length && equalBytes(dfName.subarray(0, name.length), name)
  );
}

function ppseFci(payment: PaymentApplication): Uint8Array {
  const entry: TlvDraft = {
    tag: '61',
    children: [
      { tag: '4F', value: payment.dfName },
      { tag: '50', value: Buffer.from(payment.label, 'ascii') },
      { tag: '87', value: Uint8Array.of(payment.priority) },
    ],
  };
  return fci(PPSE, [{ tag: 'BF0C', children: [entry] }]);
}

function paymentFci(payment: PaymentApplication): Uint8Array {
  return fci(payment.dfName, [
    { tag: '50', value: Buffer.from(payment.label, 'ascii') },
    { tag: '87', value: Uint8Array.of(payment.priority) },
    { tag: '9F38', value: payment.pdol },
    { tag: '5F2D', value: Buffer.from('zh', 'ascii') },
    { tag: 'BF0C', children: [{ tag: '9F4D', value: bytesFromHex('0B0A') }] },
  ]);
}

function fci(dfName: Uint8Array, proprietary: readonly TlvDraft[]): Uint8Array {
  return encodeTlvTree([
    {
      tag: '6F',
      children: [
        { tag: '84', value: dfName },
        { tag: 'A5', children: proprietary },
      ],
    },
  ]);
}
