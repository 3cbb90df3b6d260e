import { equalBytes } from '@tapgate/sdk/emv/hex';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { IsoDate, TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { TapAnswer, TapVerdict } from '@tapgate/sdk/wire/verdict';
import {
  authenticateRecord,
  NO_CARD,
  type Authentication,
  type AuthenticTap,
} from '../ingest/authenticate-record.ts';
import { judgeAct } from '../ingest/judge-act.ts';
import {
  judgeDelivery,
  judgeTap,
  NO_PROOF_NEEDED,
  type CardProof,
  type Judgement,
} from '../ingest/judge-tap.ts';
import { concludeProof, planProof } from '../ingest/plan-proof.ts';
import { calendarDateOf, serviceDateOf } from '../ingest/service-date.ts';
import type { Sm2Workers } from '../ingest/sm2-workers.ts';
import type { TapAuthority } from '../ingest/tap-authority.ts';
import type { TapFacts } from '../ingest/tap-facts.ts';
import { acceptTaps, type AcceptedTap, type DeliveryKey } from '../store/accept-taps.ts';
import type { Database } from '../store/connection.ts';
import type { DataKeys } from '../store/data-keys.ts';
import { sealRecord } from '../store/sealed-record.ts';
import { StoreFault } from '../store/store-fault.ts';
import { readTapFacts } from '../store/tap-facts.ts';
import { Capacity } from './capacity.ts';
import { MicroBatch } from './micro-batch.ts';

export type TapIntakeParts = {
  readonly database: Database;
  readonly authority: TapAuthority;
  readonly sm2Workers: Sm2Workers;
  readonly dataKeys: DataKeys;
  /** monotonic, ms: for budgets, never for what a tap is judged by */
  readonly monotonicMs: () => number;
  /** the card's cryptogram alone proves where the issuer's key is loaded (design.md "Rails": issuerHosted) */
  readonly issuerHosted: boolean;
  readonly onFault: (fault: unknown) => void;
};

export type TapOrder = {
  readonly bytes: Uint8Array;
  /** whose session sent it; null for a record that no terminal's session vouches for */
  readonly sender: TerminalId | null;
  /** the gateway's clock at the request, ms since the Unix epoch: what plausibility is judged by */
  readonly nowMs: number;
  /** how long the answer is of any use to the terminal, ms; null where late is as good as soon (bulk) */
  readonly budgetMs: number | null;
};

export type TapResult =
  | { readonly ok: true; readonly answer: TapAnswer }
  | { readonly ok: false; readonly refusal: Refusal; readonly terminalId: TerminalId | null };

/** One tap on its way through the stages. */
type TapUnderWay = {
  readonly tap: AuthenticTap;
  readonly order: TapOrder;
  readonly arrivedMs: number;
  readonly answer: (result: TapResult) => void;
  facts: TapFacts | null;
  proof: CardProof | null;
  certificateSm3: Uint8Array | null;
  judgement: Judgement | null;
  /** how often another gateway, or an earlier tap of the same batch, was there first */
  rounds: number;
};

/** Taps inside at once: two seconds of the fastest machine, a few megabytes. Beyond, the gateway says so instead of queueing. */
const INSIDE_MAX = 8_192;

/** Work that nobody waits for steps back from here on (jobs/settling-pace.ts). */
const BUSY_ABOVE = 16;

/** A tap that loses every race for so long is not racing, something is broken. */
const ROUNDS_MAX = 20;

const NO_CERTIFICATE = new Uint8Array();

/** How long a few taps wait for company: hardly at all, but when many are inside, what one more round trip costs is missed more. */
const GATHER_MS = 1;
const GATHER_WHEN_BUSY_MS = 12;
const BATCH = { sizeMax: 256, sizeEnough: 64, inFlightMax: 2 };

/**
 * The way of a tap through the gateway, live and bulk alike: read and authenticate at once; gather; one query of facts for
 * all; SM2 on the worker threads; decide; gather; one transaction for all; answer. Nothing is answered before it is durable.
 */
export class TapIntake {
  readonly #parts: TapIntakeParts;
  readonly #batching = { ...BATCH, gatherMs: () => (this.isBusy ? GATHER_WHEN_BUSY_MS : GATHER_MS) };
  readonly #toJudge = new MicroBatch<TapUnderWay>(this.#batching, (taps) => this.#readFacts(taps));
  readonly #toCommit = new MicroBatch<TapUnderWay>(this.#batching, (taps) => this.#commit(taps));
  readonly #capacity = new Capacity();
  #inside = 0;

  constructor(parts: TapIntakeParts) {
    this.#parts = parts;
  }

  /** Taps that were taken in and not answered yet. */
  get inside(): number {
    return this.#inside;
  }

  /** More taps wait for their answers than a few that are on their way through anyway. */
  get isBusy(): boolean {
    return this.#inside > BUSY_ABOVE;
  }

  /**
   * True when a tap that came now could not be answered within the budget: asked before its body is even read, so that
   * refusing costs next to nothing under overload.
   */
  isOverloadedFor(budgetMs: number | null): boolean {
    if (this.#inside >= INSIDE_MAX) return true;
    this.#capacity.observe(this.#inside, this.#parts.monotonicMs());
    return !this.#capacity.canAnswer(this.#inside, budgetMs);
  }

  /** @returns the answer once it is durable, or a refusal; never rejects for anything that a peer sent */
  accept(order: TapOrder): Promise<TapResult> {
    if (this.isOverloadedFor(order.budgetMs))
      return Promise.resolve({ ok: false, refusal: refuse('overloaded'), terminalId: order.sender });
    let authentic: Authentication;
    try {
      authentic = authenticateRecord(order.bytes, order.sender, this.#parts.authority);
    } catch (fault) {
      this.#parts.onFault(fault);
      return Promise.resolve({ ok: false, refusal: refuse('gateway_unavailable'), terminalId: order.sender });
    }
    if (!authentic.ok) return Promise.resolve(authentic);
    this.#inside += 1;
    return new Promise((resolve) => {
      const arrivedMs = this.#parts.monotonicMs();
      const answer = (result: TapResult): void => {
        this.#inside -= 1;
        if (result.ok) this.#capacity.count();
        this.#capacity.observe(this.#inside, this.#parts.monotonicMs());
        resolve(result);
      };
      const fresh = { facts: null, proof: null, certificateSm3: null, judgement: null, rounds: 0 };
      this.#toJudge.push({ tap: authentic.tap, order, arrivedMs, answer, ...fresh });
    });
  }

  async #readFacts(taps: TapUnderWay[]): Promise<void> {
    const inTime = taps.filter((underWay) => {
      const late = this.#isLate(underWay);
      if (late) refuseTap(underWay, refuse('overloaded'));
      return !late;
    });
    if (inTime.length === 0) return;
    try {
      const facts = await readTapFacts(this.#parts.database, inTime.map(keysOf));
      inTime.forEach((underWay, index) => {
        underWay.facts = facts[index] ?? null;
        this.#judgeSoon(underWay);
      });
    } catch (fault) {
      this.#failAll(inTime, fault);
    }
  }

  /** Work that nobody waits for any more is not begun: a tap is only given up before its proof, never after. */
  #isLate(underWay: TapUnderWay): boolean {
    const { budgetMs } = underWay.order;
    return budgetMs !== null && this.#parts.monotonicMs() - underWay.arrivedMs > budgetMs;
  }

  #judgeSoon(underWay: TapUnderWay): void {
    const { tap, order, facts, proof } = underWay;
    if (facts === null) throw new RangeError('facts are read before a tap is judged');
    const early = judgeDelivery(tap, facts, order.nowMs);
    if (early !== null || proof !== null) {
      this.#conclude(underWay, facts, proof ?? NO_PROOF_NEEDED);
      return;
    }
    void this.#prove(underWay, facts).then(
      (proven) => {
        underWay.proof = proven;
        this.#conclude(underWay, facts, proven);
      },
      (fault: unknown) => {
        this.#failAll([underWay], fault);
      },
    );
  }

  async #prove(underWay: TapUnderWay, facts: TapFacts): Promise<CardProof> {
    const { tap } = underWay;
    const { evidence } = tap.card;
    const { authority } = this.#parts;
    if (typeof evidence === 'string') return { refusal: evidence, actProven: false };
    const { placement, record } = tap;
    const onDate = calendarDateOf(placement.zone, record.tappedAtMs);
    const cryptogramHolds = authority.cryptogramHolds(evidence, tap.bankId);
    const act = { rail: record.rail, amountFen: placement.amountFen, onDate, cryptogramHolds };
    if (this.#parts.issuerHosted && cryptogramHolds !== null) {
      // No certificate was asked for; the card's row still remembers that the card was seen.
      if (cryptogramHolds && facts.verifiedCertificateSm3 === null) underWay.certificateSm3 = NO_CERTIFICATE;
      return { refusal: judgeAct(evidence, act), actProven: cryptogramHolds };
    }

    const { verifiedCertificateSm3 } = facts;
    const plan = planProof(evidence, { dfName: record.dfName, onDate, verifiedCertificateSm3 }, authority);
    const held = await this.#parts.sm2Workers.check(plan.claims);
    const chain = concludeProof(plan, held);
    plan.claims.forEach((claim, index) => {
      if (held[index] !== true || claim.fingerprint === null) return;
      if (claim.step === 'issuer_certificate') authority.rememberIssuerCertificate(claim.fingerprint);
    });
    if (chain !== null) return { refusal: chain, actProven: false };
    const { certificateFingerprint } = plan;
    const isKnown =
      certificateFingerprint === null ||
      (verifiedCertificateSm3 !== null && equalBytes(verifiedCertificateSm3, certificateFingerprint));
    if (!isKnown) underWay.certificateSm3 = certificateFingerprint;
    return { refusal: judgeAct(evidence, act), actProven: true };
  }

  #conclude(underWay: TapUnderWay, facts: TapFacts, proof: CardProof): void {
    const judgement = judgeTap(underWay.tap, facts, proof, underWay.order.nowMs);
    if (judgement.kind === 'refused') {
      refuseTap(underWay, judgement.refusal);
      return;
    }
    underWay.judgement = judgement;
    this.#toCommit.push(underWay);
  }

  async #commit(taps: TapUnderWay[]): Promise<void> {
    const { batch, again } = distinctIdentities(taps);
    try {
      const rows: AcceptedTap[] = [];
      const repeats: DeliveryKey[] = [];
      for (const underWay of batch) {
        const { judgement, tap } = underWay;
        if (judgement?.kind === 'accepted')
          rows.push(await this.#rowOf(underWay, judgement.verdict, judgement.claimsAct));
        else repeats.push({ terminalId: tap.record.terminalId, tapSequence: tap.record.tapSequence });
      }
      await acceptTaps(this.#parts.database, rows, repeats);
      for (const underWay of batch) answerTap(underWay);
    } catch (fault) {
      // Somebody else was first with one of the identities. What was written is nothing; the facts are different now.
      if (fault instanceof StoreFault && fault.code === 'conflict') again.push(...batch);
      else this.#failAll(batch, fault);
    }
    for (const underWay of again) this.#anotherRound(underWay);
  }

  #anotherRound(underWay: TapUnderWay): void {
    underWay.rounds += 1;
    if (underWay.rounds > ROUNDS_MAX) refuseTap(underWay, refuse('gateway_unavailable'));
    else this.#toJudge.push(underWay);
  }

  /** The database is gone, or something is broken: either way the terminal keeps its record and sends it again. */
  #failAll(taps: readonly TapUnderWay[], fault: unknown): void {
    this.#parts.onFault(fault);
    for (const underWay of taps) refuseTap(underWay, refuse('gateway_unavailable'));
  }

  async #rowOf(underWay: TapUnderWay, verdict: TapVerdict, claimsAct: boolean): Promise<AcceptedTap> {
    const { tap, order, facts } = underWay;
    const { record, placement, card } = tap;
    const serviceDate: IsoDate = serviceDateOf(placement, record.tappedAtMs);
    const { iv, sealed } = sealRecord(await this.#parts.dataKeys.forWriting(serviceDate), tap.bytes);
    const evidence = typeof card.evidence === 'string' ? null : card.evidence;
    return {
      terminalId: record.terminalId,
      tapSequence: record.tapSequence,
      recordSm3: tap.recordSm3,
      outcome: verdict.outcome,
      cause: causeOf(verdict),
      panToken: card.panToken,
      psn: card.psn,
      atc: card.atc,
      claimsActWith: claimsAct ? (evidence?.cryptogram ?? null) : null,
      newCertificateSm3: underWay.certificateSm3,
      serviceDate,
      tappedAtMs: record.tappedAtMs,
      receivedAtMs: order.nowMs,
      operatorId: placement.operatorId,
      lineId: placement.lineId,
      stationId: placement.stationId,
      rail: record.rail,
      tapKind: record.tapKind,
      amountFen: card.amountFen,
      gateDecision: record.gateDecision,
      ruleSetVersion: record.ruleSetVersion,
      hotlistVersion: record.hotlistVersion,
      bankId: tap.bankId,
      atcBelowHighest: claimsAct && card.atc < (facts?.highestAtc ?? 0),
      recordIv: iv,
      recordSealed: sealed,
    };
  }
}

/**
 * Splits a batch so that no delivery and no act stands in it twice; what comes second is judged again once the first is
 * durable, and then finds it.
 */
function distinctIdentities(taps: TapUnderWay[]): { batch: TapUnderWay[]; again: TapUnderWay[] } {
  const taken = new Set<string>();
  const batch: TapUnderWay[] = [];
  const again: TapUnderWay[] = [];
  for (const underWay of taps) {
    const { tap, judgement } = underWay;
    if (judgement?.kind === 'duplicate') {
      batch.push(underWay);
      continue;
    }
    const delivery = `${tap.record.terminalId}|${tap.record.tapSequence}`;
    const act = `${tap.card.panToken}|${tap.card.psn}|${tap.card.atc}`;
    const isTaken = taken.has(delivery) || (tap.card.panToken !== NO_CARD && taken.has(act));
    if (isTaken) {
      again.push(underWay);
      continue;
    }
    taken.add(delivery).add(act);
    batch.push(underWay);
  }
  return { batch, again };
}

function keysOf({ tap }: TapUnderWay): Parameters<typeof readTapFacts>[1][number] {
  const { panToken, psn, atc } = tap.card;
  const { terminalId, tapSequence, tappedAtMs } = tap.record;
  return { terminalId, tapSequence, tappedAtMs, panToken, psn, atc };
}

function causeOf(verdict: TapVerdict): string | null {
  return verdict.outcome === 'chargeable' ? null : verdict.cause;
}

function answerTap(underWay: TapUnderWay): void {
  const { judgement, tap } = underWay;
  const { terminalId, tapSequence } = tap.record;
  if (judgement?.kind === 'duplicate') {
    const { outcome, cause } = judgement;
    underWay.answer({ ok: true, answer: { terminalId, tapSequence, outcome, cause, duplicate: true } });
  } else if (judgement?.kind === 'accepted') {
    const { outcome } = judgement.verdict;
    const cause = causeOf(judgement.verdict);
    underWay.answer({ ok: true, answer: { terminalId, tapSequence, outcome, cause, duplicate: false } });
  }
}

function refuseTap(underWay: TapUnderWay, refusal: Refusal): void {
  underWay.answer({ ok: false, refusal, terminalId: underWay.tap.record.terminalId });
}
