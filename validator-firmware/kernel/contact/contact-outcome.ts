import type { CryptogramType } from '@tapgate/sdk/emv/iad';
import type { IssuerScript } from '@tapgate/sdk/emv/issuer-scripts';
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
  /** 71 and 72 as the issuer sent them; null where it sent none, or was not asked */
  readonly scripts: Uint8Array | null;
  /** what the card said to each command that was passed on, for the issuer */
  readonly scriptResults: readonly ScriptResult[];
};

export type ScriptResult = {
  readonly stage: IssuerScript['stage'];
  /** 9F18 of the script */
  readonly identifier: Uint8Array | null;
  /** of the command inside its script, from 1 */
  readonly commandNumber: number;
  /** null where the command was not sent, or not answered */
  readonly statusWord: string | null;
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
  /** templates 71 and 72 as they came, empty where the issuer sent none */
  readonly scripts: Uint8Array;
};
