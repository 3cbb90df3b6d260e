import type { CardKeyOwner } from '@tapgate/sdk/emv/card-keys';
import type { Sm2KeyPair } from '@tapgate/sdk/gm/sm2';
import type { Fen } from '@tapgate/sdk/wire/money';

/** What an issuer hands to personalisation: its certificate under a CA key, and the keys that stay with it. */
export type CardIssuer = {
  /** tag 90 */
  readonly issuerCertificate: Uint8Array;
  /** tag 8F */
  readonly caKeyIndex: number;
  /** SM2 */
  readonly privateKey: Uint8Array;
  readonly publicKeyXy: Uint8Array;
  /** issuer master keys of cryptograms and of the MAC in the issuer discretionary data, 16 bytes each */
  readonly imkAc: Uint8Array;
  readonly imkMac: Uint8Array;
};

/** One readable record: its place, and its template 70. */
export type PersonalisedRecord = {
  readonly sfi: number;
  readonly recordNumber: number;
  readonly body: Uint8Array;
};

/** The payment application of a card, as its chip holds it after personalisation. */
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
  readonly afl: Uint8Array;
  readonly records: readonly PersonalisedRecord[];
  /** 57 */
  readonly track2: Uint8Array;
  readonly owner: CardKeyOwner;
  /** 9F6C */
  readonly ctq: Uint8Array;
  readonly derivationKeyIndex: number;
  readonly cryptogramVersion: number;
  readonly udkAc: Uint8Array;
  readonly udkMac: Uint8Array;
  readonly cardKeys: Sm2KeyPair;
  /** 5F2A that the electronic cash is held in */
  readonly currencyCode: Uint8Array;
};

/** The social-security application: its name, and the issuer data that anybody may read. A gate never selects it. */
export type SocialSecurityApplication = {
  readonly dfName: Uint8Array;
  readonly issuerRecords: ReadonlyMap<number, Uint8Array>;
};

export type CardPersonalisation = {
  /** everything that the card draws at random is derived from it and the ATC */
  readonly seed: string;
  readonly payment: PaymentApplication;
  readonly socialSecurity: SocialSecurityApplication;
  readonly initialBalanceFen: Fen;
};
