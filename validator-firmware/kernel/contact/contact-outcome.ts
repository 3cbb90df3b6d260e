import type { CryptogramType } from '@tapgate/sdk/emv/iad';
import type { CardExchange, DataObjects } from '@tapgate/sdk/tap-record/card-exchange';
import type { Refusal } from '@tapgate/sdk/wire/refusals';
import type { ContactTraceEntry } from './contact-phases.ts';
import type { CryptogramResponse } from './cryptogram-response.ts';

/** Everything that was said by contact and that a proof or a clearing needs, verbatim. */
export type ContactEvidence = CardExchange & {
  readonly dfName: Uint8Array;
  /** values sent with the first and, if there was one, the second GENERATE AC */
  readonly cdolValues: readonly Uint8Array[];
  /** what the card answered to them */
  readonly cryptogramResponses: readonly Uint8Array[];
};

export type ContactOutcome = {
  /** `online` waits for the issuer: `completeContactTransaction` goes on with its answer */
  readonly kind: 'approved' | 'online' | 'declined' | 'try_again';
  /** null exactly when approved or online */
  readonly refusal: Refusal | null;
  readonly cryptogramType: CryptogramType | null;
  readonly cryptogram: CryptogramResponse | null;
  readonly tvr: Uint8Array;
  readonly tsi: Uint8Array;
  /** 9F34 */
  readonly cvmResults: Uint8Array | null;
  readonly cardObjects: DataObjects;
  /** null when no application was opened */
  readonly evidence: ContactEvidence | null;
  readonly trace: readonly ContactTraceEntry[];
};

/** What came back for an ARQC; null where nobody could be asked. Scripts are handed on as they came. */
export type IssuerAnswer = {
  /** 8A */
  readonly responseCode: Uint8Array;
  /** 91: ARPC and response code; null where the issuer sent none */
  readonly authenticationData: Uint8Array | null;
  /** 86 commands of template 71, before the final cryptogram */
  readonly criticalScripts: readonly Uint8Array[];
  /** 86 commands of template 72, after it */
  readonly followingScripts: readonly Uint8Array[];
};
