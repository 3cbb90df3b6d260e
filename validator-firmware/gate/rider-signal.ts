import type { KernelOutcome } from '../kernel/kernel-outcome.ts';
import type { GateDecision } from './decide-gate.ts';

/**
 * What a gate tells the rider in front of it, and its lamps, buzzer and display say in their ways.
 *
 * - ordinary, senior, child, concession: go; which of them an attendant can hear and see
 * - try_again: the card left too early
 * - insert_card: this card by its contacts
 * - already_tapped: the same card a moment ago
 * - see_staff: not with this card; the display names the counter and the hotline
 * - other_gate: this gate cannot decide now, and that is not the rider's doing
 * - ready: nobody is there
 * - out_of_service: reader or board are gone, and nobody can be served
 */
export const RIDER_SIGNALS = [
  'ordinary',
  'senior',
  'child',
  'concession',
  'try_again',
  'insert_card',
  'already_tapped',
  'see_staff',
  'other_gate',
  'ready',
  'out_of_service',
] as const;
export type RiderSignal = (typeof RIDER_SIGNALS)[number];
export type PassengerKind = Extract<RiderSignal, 'ordinary' | 'senior' | 'child' | 'concession'>;

/** Refusals that say nothing of the card. */
const IS_OF_THE_GATE: ReadonlySet<string> = new Set(['journal_full', 'hotlist_too_old', 'list_too_old']);

/**
 * Decides what the rider is told about a tap.
 *
 * @param passenger as what the holder travels, by the concession list that the gate holds; it is never asked for a card that was refused
 */
export function riderSignalOf(
  outcome: Pick<KernelOutcome, 'kind'>,
  decision: GateDecision,
  passenger: () => PassengerKind,
): RiderSignal {
  if (decision.decision === 'open') return passenger();
  if (outcome.kind === 'try_again') return 'try_again';
  if (outcome.kind === 'other_interface') return 'insert_card';
  const { code } = decision.refusal;
  if (code === 'pass_back') return 'already_tapped';
  return IS_OF_THE_GATE.has(code) ? 'other_gate' : 'see_staff';
}
