import type { Fen } from './money.ts';
import type { ProofRefusalCode, StandingRefusalCode } from './refusals.ts';

/**
 * What the gateway says of a tap that it accepted, which is: proven, judged and durable. The rider has already travelled or
 * been turned away (design.md "Rails"), so a verdict never asks for a gate to be closed; it says who carries the money.
 *
 * - chargeable: the card's bank pays, today's clearing or a later day's
 * - debt: good evidence, but the card was hotlisted in a list later than the one the gate held; the rider owes
 * - loss: the gate opened on something that does not prove; `cause` names it, an alarm follows
 * - denied: the gate did not open; kept as evidence, no money
 */
export type TapVerdict =
  | { readonly outcome: 'chargeable' }
  | { readonly outcome: 'debt'; readonly cause: 'hotlisted' }
  | { readonly outcome: 'loss'; readonly cause: LossCause }
  | { readonly outcome: 'denied'; readonly cause: string };

export type LossCause = ProofRefusalCode | StandingRefusalCode;

export const TAP_OUTCOMES = ['chargeable', 'debt', 'loss', 'denied'] as const;
export type TapOutcome = (typeof TAP_OUTCOMES)[number];

/** The answer to one record, live or as a line of a bulk answer. `duplicate` repeats the first answer word for word. */
export type TapAnswer = {
  readonly terminalId: string;
  readonly tapSequence: number;
  readonly outcome: TapOutcome;
  readonly cause: string | null;
  readonly duplicate: boolean;
};

/** What a fare looks like from outside: list and charged amount in fen. */
export type FareSummary = { readonly listFareFen: Fen; readonly fareFen: Fen };
