import { TapGateError } from '@tapgate/sdk/error';
import type { Fen } from '@tapgate/sdk/wire/money';
import { formatYuan, fen } from '@tapgate/sdk/wire/money';
import type { TapAnswer } from '@tapgate/sdk/wire/verdict';
import { forwardTaps } from '@tapgate/validator-firmware/forward/forward-taps';
import { liveUplink, type Delivery } from '@tapgate/validator-firmware/forward/tap-uplink';
import type { TapResult, Validator } from '@tapgate/validator-firmware/validator';
import { presentVirtualCard } from '@tapgate/validator-firmware/virtual-cards/in-process-channel';
import type { City, CityCard } from '../city/city.ts';
import type { CityTerminal } from '../city/city-terminal.ts';
import type { OperatorDesk, TapHistory } from '../city/operator-desk.ts';

/** One step of a tap's way, as it is shown: what went in, what came out, how long it took. */
export type WalkStep = {
  readonly step: StepName;
  readonly input: string;
  readonly output: string;
  readonly milliseconds: number | null;
};

/** The straight line of ARCHITECTURE.md, and `session` before a terminal's first record. */
export type StepName =
  'session' | 'kernel' | 'gate' | 'journal' | 'forward' | 'accept' | 'pair' | 'price' | 'post' | 'clear';

/** How a scenario ended: a code, the step that gave it, and the fare where there is one. */
export type WalkEnd = {
  readonly outcome: string;
  readonly step: StepName;
  readonly listFareFen: number | null;
  readonly fareFen: number | null;
};

/** Walks taps down the line and writes down every step. One walk is one scenario. */
export class TapWalk {
  readonly city: City;
  readonly desk: OperatorDesk;
  readonly steps: WalkStep[] = [];

  constructor(city: City, desk: OperatorDesk) {
    this.city = city;
    this.desk = desk;
  }

  /** Card to journal: what the terminal does alone. */
  async present(
    terminal: CityTerminal,
    card: CityCard,
    options: { readonly validator?: Validator; readonly keyedAmountFen?: Fen } = {},
  ): Promise<TapResult> {
    const validator = options.validator ?? terminal.validator;
    const result = await validator.tap(presentVirtualCard(card.card), options.keyedAmountFen);
    const { outcome, decision } = result;
    const took = (name: string): number | null =>
      result.steps.find((step) => step.step === name)?.milliseconds ?? null;
    const last = outcome.trace.at(-1);
    const why = outcome.refusal === null ? (outcome.cryptogramType ?? '') : outcome.refusal.code;
    this.note(
      'kernel',
      `${maskedCard(card)} at ${terminal.terminalId}`,
      `${outcome.kind}: ${why}`,
      took('kernel'),
    );
    this.note(
      'gate',
      `${outcome.kind}, ${last?.finding ?? ''}; hotlist ${this.city.now.hotlist.version}`,
      decision.decision === 'open' ? 'open' : `deny: ${decision.refusal.code}`,
      took('gate'),
    );
    if (result.record !== null && result.tapSequence !== null)
      this.note(
        'journal',
        'decision and evidence',
        `${terminal.terminalId}/${result.tapSequence}, ${result.record.length} bytes, encrypted and synced`,
        took('journal'),
      );
    return result;
  }

  /** Journal to verdict by the terminal's own forwarder. */
  async forward(terminal: CityTerminal): Promise<readonly Delivery[]> {
    const startedAt = performance.now();
    const report = await forwardTaps(terminal.journal, () => liveUplink(terminal.client));
    const milliseconds = performance.now() - startedAt;
    const { deliveries, stoppedBy } = report;
    this.note('forward', `${deliveries.length} record(s)`, stoppedBy ?? 'all delivered', milliseconds);
    for (const delivery of deliveries) {
      const name = `${terminal.terminalId}/${delivery.entry.tapSequence}`;
      const said =
        delivery.kind === 'accepted' ? describeAnswer(delivery.answer) : `refused: ${delivery.code}`;
      this.note('accept', name, said, null);
    }
    return deliveries;
  }

  /** One record sent as it is, past the journal. @returns the answer's code: outcome, cause of a loss, or refusal */
  async send(terminal: CityTerminal, record: Uint8Array, what: string): Promise<string> {
    const startedAt = performance.now();
    try {
      const answer = await terminal.client.sendTap(record);
      this.note('accept', what, describeAnswer(answer), performance.now() - startedAt);
      return codeOfAnswer(answer);
    } catch (error) {
      if (!(error instanceof TapGateError)) throw error;
      this.note('accept', what, `refused: ${error.code}`, performance.now() - startedAt);
      return error.code;
    }
  }

  /** Verdict to clearing, as the gateway's own books tell it. */
  async follow(terminal: CityTerminal, tapSequence: number): Promise<TapHistory> {
    const startedAt = performance.now();
    const history = await this.desk.settledTap(terminal.terminalId, tapSequence);
    const milliseconds = performance.now() - startedAt;
    const { journey } = history;
    if (journey === null) {
      this.note('pair', history.tap.tapKind, history.settlement, milliseconds);
      return history;
    }
    this.note('pair', `${history.tap.tapKind} at ${history.tap.lineId}`, journey.completeness, milliseconds);
    this.note(
      'price',
      `${journey.ruleSetId ?? 'no rule set'} ${journey.ruleSetVersion ?? ''}`.trim(),
      journey.fareFen === null
        ? `held: ${journey.cause ?? ''}`
        : `list ${yuan(journey.listFareFen)}, fare ${yuan(journey.fareFen)}${concessionOf(history)}`,
      null,
    );
    for (const line of history.postings)
      this.note(
        'post',
        `line ${line.lineNo}`,
        `${line.debitAccount} <- ${line.creditAccount} ${yuan(line.amountFen)}`,
        null,
      );
    for (const { kind, party, line } of history.clearing)
      this.note('clear', `${kind} for ${party}`, line, null);
    return history;
  }

  note(step: StepName, input: string, output: string, milliseconds: number | null): void {
    this.steps.push({
      step,
      input,
      output,
      milliseconds: milliseconds === null ? null : Math.round(milliseconds * 100) / 100,
    });
  }
}

/** The end that a settled tap stands for: what the gateway said, and the fare where the rider has one. */
export function endOfHistory(history: TapHistory): WalkEnd {
  const { verdict, journey } = history;
  const isPriced = verdict.outcome === 'chargeable' || verdict.outcome === 'debt';
  return {
    outcome: verdict.cause ?? verdict.outcome,
    step: 'accept',
    listFareFen: isPriced ? (journey?.listFareFen ?? null) : null,
    fareFen: isPriced ? (journey?.fareFen ?? null) : null,
  };
}

export function codeOfAnswer(answer: TapAnswer): string {
  return answer.cause ?? answer.outcome;
}

function describeAnswer(answer: TapAnswer): string {
  const cause = answer.cause === null ? '' : `: ${answer.cause}`;
  return `${answer.outcome}${cause}${answer.duplicate ? ' (said before)' : ''}`;
}

function concessionOf({ journey }: TapHistory): string {
  if (journey?.concessionRuleId === null || journey?.concessionRuleId === undefined) return '';
  return `; ${journey.concessionRuleId}, ${journey.funder ?? 'nobody'} pays ${yuan(journey.claimedFen)}`;
}

/** First six and last four digits, as much as may ever be shown of a PAN. */
function maskedCard({ bankId, pan, card }: CityCard): string {
  const masked = `${pan.slice(0, 6)}${'*'.repeat(pan.length - 10)}${pan.slice(-4)}`;
  return `card ${masked} of ${bankId}, ATC ${card.state.atc}`;
}

const yuan = (amount: number | null): string =>
  amount === null ? 'none' : `${formatYuan(fen(amount))} yuan`;
