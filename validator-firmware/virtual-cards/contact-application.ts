import type { CardKeyOwner } from '@tapgate/sdk/emv/card-keys';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { CardChain } from './card-chain.ts';
import type { PersonalisedRecord } from './card-personalisation.ts';

/** A full debit/credit application on the contact interface: GENERATE AC instead of a decision in GPO. */
export type ContactApplication = {
  readonly dfName: Uint8Array;
  /** 50, ASCII */
  readonly label: string;
  readonly priority: number;
  readonly aip: Uint8Array;
  readonly afl: Uint8Array;
  readonly records: readonly PersonalisedRecord[];
  readonly owner: CardKeyOwner;
  readonly chain: CardChain;
  /** 8C, 8D, 9F49 */
  readonly cdol1: Uint8Array;
  readonly cdol2: Uint8Array;
  readonly ddol: Uint8Array;
  /** the card's own limit: above it, it wants its issuer to be asked */
  readonly offlineLimitFen: Fen;
  /** transactions without the issuer after which it wants to be asked */
  readonly offlineCountMax: number;
};
