import type { CardKeyOwner } from '@tapgate/sdk/emv/card-keys';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { CardChain } from './card-chain.ts';
import type { ContactApplication } from './contact-application.ts';

/** One readable record: its place, and its template 70. */
export type PersonalisedRecord = {
  readonly sfi: number;
  readonly recordNumber: number;
  readonly body: Uint8Array;
};

/** What a contactless transaction reads when the card uses one of its chains. */
export type ContactlessChain = CardChain & {
  readonly afl: Uint8Array;
  readonly records: readonly PersonalisedRecord[];
  /** where 9F4B stands when it does not fit the GPO reply: a record that is made in each transaction */
  readonly signatureRecord: { readonly sfi: number; readonly recordNumber: number } | null;
};

/** The contactless payment application of a card, as its chip holds it after personalisation. */
export type PaymentApplication = {
  /** 84 */
  readonly dfName: Uint8Array;
  /** 50, ASCII */
  readonly label: string;
  /** 87, 1 is best */
  readonly priority: number;
  /** 9F38 */
  readonly pdol: Uint8Array;
  readonly aip: Uint8Array;
  /** 57 */
  readonly track2: Uint8Array;
  readonly owner: CardKeyOwner;
  /** 9F6C */
  readonly ctq: Uint8Array;
  /** 5F2A that the electronic cash is held in */
  readonly currencyCode: Uint8Array;
  /** the chain for a terminal with SM algorithms (DF69 = 01), and the one for a terminal without */
  readonly smChain: ContactlessChain;
  readonly rsaChain: ContactlessChain | null;
};

/** The social-security application: its name, and the issuer data that anybody may read. A gate never selects it. */
export type SocialSecurityApplication = {
  readonly dfName: Uint8Array;
  readonly issuerRecords: ReadonlyMap<number, Uint8Array>;
};

/** A third-generation card: dual interface, SM algorithms, and RSA with 3DES where the issuer has added them. */
export type CardPersonalisation = {
  /** everything that the card draws at random is derived from it and the ATC */
  readonly seed: string;
  readonly payment: PaymentApplication;
  readonly contact: ContactApplication;
  readonly socialSecurity: SocialSecurityApplication;
  readonly initialBalanceFen: Fen;
};
