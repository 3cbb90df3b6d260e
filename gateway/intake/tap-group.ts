import type { Refusal } from '@tapgate/sdk/wire/refusals';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { TapAnswer, TapVerdict } from '@tapgate/sdk/wire/verdict';
import type { AuthenticTap, ReadCard } from '../ingest/authenticate-record.ts';
import type { CardProof, Judgement, TapHead, TapToJudge } from '../ingest/judge-tap.ts';
import type { TapFacts } from '../ingest/tap-facts.ts';
import type { Lane } from '../ingest/two-lanes.ts';
import type { PreparedProof } from './prove-card.ts';

export type TapOrder = {
  readonly bytes: Uint8Array;
  /** whose session sent it; null for a record that no terminal's session vouches for */
  readonly sender: TerminalId | null;
  /** the gateway's clock at the request, ms since the Unix epoch: what plausibility is judged by */
  readonly nowMs: number;
  /** how long the answer is of any use to the terminal, ms; null where late is as good as soon (bulk) */
  readonly budgetMs: number | null;
  /** in every queue: a live tap goes before those of a backlog */
  readonly lane: Lane;
};

/** One of a backlog, whose lane and budget are those of all backlogs. */
export type BacklogOrder = Omit<TapOrder, 'budgetMs' | 'lane'>;

export type TapResult =
  | { readonly ok: true; readonly answer: TapAnswer }
  | { readonly ok: false; readonly refusal: Refusal; readonly terminalId: TerminalId | null };

/**
 * An authentic tap without what card and terminal exchanged, for which its proof has been prepared: so a tap that waits is a tenth
 * of one that is read, and collections copy what waits.
 */
export type WaitingTap = TapToJudge & {
  readonly bytes: Uint8Array;
  readonly card: Omit<ReadCard, 'evidence'> & {
    /** 9F26; null where the card's answers could not be read */
    readonly cryptogram: Uint8Array | null;
  };
};

export function waitingTap({ bytes, record, recordSm3, placement, bankId, card }: AuthenticTap): WaitingTap {
  const { panToken, psn, atc, amountFen, evidence } = card;
  const cryptogram = typeof evidence === 'string' ? null : evidence.cryptogram;
  return {
    bytes,
    record: headOf(record),
    recordSm3,
    placement,
    bankId,
    card: { panToken, psn, atc, amountFen, cryptogram },
  };
}

function headOf(record: TapRecord): TapHead {
  const { terminalId, tapSequence, tappedAtMs, rail, tapKind, lineId, stationId } = record;
  const { ruleSetVersion, hotlistVersion, gateDecision, gateRefusal, asked } = record;
  const head: TapHead = {
    terminalId,
    tapSequence,
    tappedAtMs,
    rail,
    tapKind,
    lineId,
    stationId,
    ruleSetVersion,
    hotlistVersion,
    gateDecision,
    gateRefusal,
  };
  return asked === undefined ? head : { ...head, asked };
}

/** One tap on its way through the stages. */
export type TapUnderWay = {
  readonly tap: WaitingTap;
  readonly prepared: PreparedProof | null;
  readonly order: TapOrder;
  /** monotonic, ms */
  readonly arrivedMs: number;
  /** taps that were inside when it came */
  readonly ahead: number;
  readonly group: TapGroup;
  /** its place in the group */
  readonly index: number;
  facts: TapFacts | null;
  proof: CardProof | null;
  certificateSm3: Uint8Array | null;
  judgement: Judgement | null;
  /** how often another gateway, or an earlier tap of the same batch, was there first */
  rounds: number;
};

/** The taps of one request, which are answered together: one for a live tap, what has arrived of an upload for a bulk one. */
export class TapGroup {
  readonly #results: (TapResult | undefined)[];
  readonly #resolve: (results: TapResult[]) => void;
  #left: number;

  constructor(size: number, resolve: (results: TapResult[]) => void) {
    this.#results = new Array<TapResult | undefined>(size);
    this.#left = size;
    this.#resolve = resolve;
  }

  /** @throws RangeError for a second result of one tap */
  settle(index: number, result: TapResult): void {
    if (this.#results[index] !== undefined) throw new RangeError('a tap is answered once');
    this.#results[index] = result;
    this.#left -= 1;
    if (this.#left === 0) this.#resolve(this.#results as TapResult[]);
  }
}

/** The result of a tap whose judgement is durable. @throws RangeError for one that was not judged, or refused */
export function resultOf({ judgement, tap }: TapUnderWay): TapResult {
  const { terminalId, tapSequence } = tap.record;
  if (judgement?.kind === 'duplicate') {
    const { outcome, cause } = judgement;
    return { ok: true, answer: { terminalId, tapSequence, outcome, cause, duplicate: true } };
  }
  if (judgement?.kind !== 'accepted') throw new RangeError('only what was judged is answered');
  const { outcome } = judgement.verdict;
  const cause = causeOf(judgement.verdict);
  return { ok: true, answer: { terminalId, tapSequence, outcome, cause, duplicate: false } };
}

export function causeOf(verdict: TapVerdict): string | null {
  return verdict.outcome === 'chargeable' ? null : verdict.cause;
}
