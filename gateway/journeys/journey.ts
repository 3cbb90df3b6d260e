import type { JourneyTap } from './journey-tap.ts';

/**
 * How a journey ended. `single` is one tap that is the whole journey (flat bus, clinic). The other three have something
 * missing, and a rule set says what they cost.
 */
export const JOURNEY_STATES = [
  'single',
  'complete',
  'missing_tap_out',
  'missing_tap_in',
  'over_long',
] as const;
export type JourneyState = (typeof JOURNEY_STATES)[number];

/**
 * One journey of one card. `taps` holds every tap that it uses, in ATC order: entry and exit, and between them what an
 * out-of-station interchange joined or a pass-back repeated.
 */
export type Journey = {
  /** tapRef of the first tap: the same whatever arrived first */
  readonly journeyRef: string;
  readonly state: JourneyState;
  /** null only for missing_tap_in */
  readonly entry: JourneyTap | null;
  /** null for single and missing_tap_out */
  readonly exit: JourneyTap | null;
  readonly taps: readonly JourneyTap[];
};

/** The tap that names operator, line, mode and rail of a journey: its entry, or its exit where the entry is missing. */
export function leadingTap(journey: Journey): JourneyTap {
  const tap = journey.entry ?? journey.exit;
  if (!tap) throw new Error('a journey has at least one tap');
  return tap;
}
