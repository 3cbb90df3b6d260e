import type { Pan } from '@tapgate/sdk/emv/card-identity';
import type { AskedGateway } from '@tapgate/sdk/tap-record/asked-gateway';
import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import type { GateDecision } from '../gate/decide-gate.ts';

/** The tap that a decision is about; of a card that has proven itself. */
export type TapInQuestion = {
  readonly card: { readonly pan: Pan; readonly panSequenceNumber: string };
  readonly atc: number;
  readonly cardKey: HotlistKey;
  /** of the hotlist by which the gate has decided */
  readonly heldHotlistVersion: number;
  /** since the card came into the field, ms */
  readonly spentMs: number;
};

export type Consultation = {
  readonly decision: GateDecision;
  /** what the record says of it; null: nothing, as of a terminal that never asks */
  readonly asked: AskedGateway | null;
};

/**
 * With whom a gate takes counsel between its own decision and the barrier.
 *
 * It settles within what the tap's time leaves, never rejects, and lets through nothing that the gate has refused.
 */
export interface Counsel {
  /** @param tap null where nothing names a card: the gate has refused then */
  consult(alone: GateDecision, tap: TapInQuestion | null): Promise<Consultation>;
}

/** A gate of its own mind: what it does without a gateway that judges. */
export const ALONE: Counsel = {
  consult: (alone) => Promise.resolve({ decision: alone, asked: null }),
};
