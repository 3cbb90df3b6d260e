import type { CardIdentity } from '@tapgate/sdk/emv/card-identity';
import type { DataObjects } from '@tapgate/sdk/tap-record/card-exchange';
import type { CardRecord } from '@tapgate/sdk/tap-record/tap-record';
import { type Refusal, refuse } from '@tapgate/sdk/wire/refusals';
import { CommandBudget, type Reply, statusWordText } from '../card-dialogue.ts';
import type { CardAuthority, ProvenKey } from '../key-chain.ts';
import { encodeTerminalData, type TapParameters } from '../terminal-data.ts';
import type { ContactEvidence, ContactOutcome, ScriptResult } from './contact-outcome.ts';
import type { ContactPhase, ContactTraceEntry } from './contact-phases.ts';
import type { ContactApplicationParameters, ContactProfile } from './contact-profile.ts';
import type { CryptogramResponse } from './cryptogram-response.ts';
import { VerificationResults } from './verification-results.ts';

/** What one transaction is asked to do. */
export type ContactOrder = {
  readonly profile: ContactProfile;
  readonly tap: TapParameters;
  readonly authority: CardAuthority;
  /** 0 <= x < 100, for random selection */
  readonly randomPercent: number;
  readonly isOnExceptionFile: (identity: CardIdentity) => boolean;
};

export type ContactEnding = Pick<ContactOutcome, 'kind' | 'refusal'>;

/** The application that a transaction has opened, and what it has said of itself. */
export type OpenedApplication = {
  readonly dfName: Uint8Array;
  readonly parameters: ContactApplicationParameters;
  readonly terminal: Map<string, Uint8Array>;
  readonly pdolValues: Uint8Array;
  readonly gpoResponse: Uint8Array;
};

/** What a contact transaction has gathered so far; between its two halves it waits for the issuer's answer. */
export class ContactRun {
  readonly order: ContactOrder;
  readonly budget = new CommandBudget();
  readonly results = new VerificationResults();
  readonly cardRecords: CardRecord[] = [];
  readonly cdolValues: Uint8Array[] = [];
  readonly cryptogramResponses: Uint8Array[] = [];
  readonly scriptResults: ScriptResult[] = [];
  readonly #trace: ContactTraceEntry[] = [];
  application: OpenedApplication | null = null;
  objects: DataObjects = new Map();
  /** opened by the certificates, for a combined signature */
  cdaKey: ProvenKey | null = null;
  /** why the card's offline proof failed, if it did: the name of a refusal that the action codes may lead to */
  proofRefusal: Refusal | null = null;
  cvmResults: Uint8Array | null = null;
  /** the issuer's scripts as they came */
  scripts: Uint8Array | null = null;
  cryptogram: CryptogramResponse | null = null;

  constructor(order: ContactOrder) {
    this.order = order;
  }

  note(phase: ContactPhase, finding: string, sw?: number): void {
    this.#trace.push({ phase, finding, ...(sw === undefined ? {} : { statusWord: statusWordText(sw) }) });
  }

  /** Notes a reply that is none, and says how the transaction ends with it. */
  endOfSilence(phase: ContactPhase, reply: Exclude<Reply, { kind: 'reply' }>): ContactEnding {
    this.note(phase, reply.kind === 'torn' ? 'torn' : reply.finding);
    return reply.kind === 'torn' ? TORN : PROTOCOL_ERROR;
  }

  /** @throws RangeError before an application was opened: phases run in order */
  opened(): OpenedApplication {
    if (this.application === null) throw new RangeError('no application is open');
    return this.application;
  }

  end(ending: ContactEnding): ContactOutcome {
    return {
      ...ending,
      cryptogramType: this.cryptogram?.type ?? null,
      cryptogram: this.cryptogram,
      tvr: Uint8Array.from(this.results.tvr),
      tsi: Uint8Array.from(this.results.tsi),
      cvmResults: this.cvmResults,
      cardObjects: this.objects,
      evidence: this.#evidence(),
      trace: this.#trace,
    };
  }

  #evidence(): ContactEvidence | null {
    if (this.application === null) return null;
    const { dfName, terminal, gpoResponse } = this.application;
    return {
      dfName,
      terminalData: encodeTerminalData(terminal),
      gpoResponse,
      cardRecords: this.cardRecords,
      cdolValues: this.cdolValues,
      cryptogramResponses: this.cryptogramResponses,
      scripts: this.scripts,
      scriptResults: this.scriptResults,
    };
  }
}

export const TORN: ContactEnding = { kind: 'try_again', refusal: refuse('card_torn') };
export const PROTOCOL_ERROR: ContactEnding = { kind: 'declined', refusal: refuse('card_protocol_error') };
export const UNSUPPORTED: ContactEnding = { kind: 'declined', refusal: refuse('card_unsupported') };
