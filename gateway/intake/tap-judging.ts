import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { TapJudgement } from '@tapgate/sdk/wire/judgement';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { RecordAuthority } from '../ingest/authenticate-record.ts';
import { authenticateDraft, judgeDraft, type AuthenticDraft } from '../ingest/judge-draft.ts';
import type { Database } from '../store/connection.ts';
import { readDraftFacts } from '../store/draft-facts.ts';
import { MicroBatch } from './micro-batch.ts';
import type { TapIntake } from './tap-intake.ts';

export type TapJudgingParts = {
  readonly database: Database;
  readonly authority: RecordAuthority;
  /** whose estimate of its load holds for questions too: they share its cores and its database */
  readonly intake: Pick<TapIntake, 'isOverloadedFor'>;
  /** monotonic, ms: for budgets */
  readonly monotonicMs: () => number;
  readonly onFault: (fault: unknown) => void;
};

export type DraftOrder = {
  readonly bytes: Uint8Array;
  readonly sender: TerminalId;
  /** the gateway's clock at the request, ms since the Unix epoch */
  readonly nowMs: number;
  readonly budgetMs: number | null;
};

export type JudgingResult =
  { readonly ok: true; readonly judgement: TapJudgement } | { readonly ok: false; readonly refusal: Refusal };

type Question = {
  readonly draft: AuthenticDraft;
  readonly arrivedMs: number;
  readonly budgetMs: number | null;
  readonly answer: (result: JudgingResult) => void;
};

/** A question waits for a rider: hardly any company is worth waiting for. */
const BATCH = { sizeMax: 256, sizeEnough: 32, gatherMs: () => 0, inFlightMax: 2 };
/** Questions inside at once: more than any budget of a gate lets wait. */
const INSIDE_MAX = 2_048;

/** The way of a question through the gateway: authenticate at once; one query of facts for all that came together; decide; answer. */
export class TapJudging {
  readonly #parts: TapJudgingParts;
  readonly #toJudge = new MicroBatch<Question>(BATCH, (questions) => this.#judge(questions));
  #inside = 0;

  constructor(parts: TapJudgingParts) {
    this.#parts = parts;
  }

  /** @returns a judgement, or a refusal that has the gate decide alone; never rejects for anything that a peer sent */
  judge(order: DraftOrder): Promise<JudgingResult> {
    const { authority, intake, monotonicMs } = this.#parts;
    if (this.#inside >= INSIDE_MAX || intake.isOverloadedFor(order.budgetMs))
      return Promise.resolve({ ok: false, refusal: refuse('overloaded') });
    const authentic = authenticateDraft(order.bytes, order, authority);
    if (!authentic.ok) return Promise.resolve(authentic);
    this.#inside += 1;
    return new Promise((resolve) => {
      const answer = (result: JudgingResult): void => {
        this.#inside -= 1;
        resolve(result);
      };
      const { budgetMs } = order;
      this.#toJudge.push([{ draft: authentic.draft, arrivedMs: monotonicMs(), budgetMs, answer }]);
    });
  }

  async #judge(questions: readonly Question[]): Promise<void> {
    const inTime = questions.filter((question) => {
      const isLate = this.#isLate(question);
      if (isLate) question.answer({ ok: false, refusal: refuse('overloaded') });
      return !isLate;
    });
    if (inTime.length === 0) return;
    try {
      const facts = await readDraftFacts(
        this.#parts.database,
        inTime.map(({ draft }) => draft),
      );
      inTime.forEach((question, index) => {
        const known = facts[index];
        if (known === undefined) throw new RangeError('facts come for every draft');
        question.answer({ ok: true, judgement: judgeDraft(question.draft, known) });
      });
    } catch (fault) {
      this.#parts.onFault(fault);
      for (const question of inTime) question.answer({ ok: false, refusal: refuse('gateway_unavailable') });
    }
  }

  /** The gate has decided without us. */
  #isLate({ budgetMs, arrivedMs }: Question): boolean {
    return budgetMs !== null && this.#parts.monotonicMs() - arrivedMs > budgetMs;
  }
}
