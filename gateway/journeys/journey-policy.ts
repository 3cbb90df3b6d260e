import type { SameStationRules } from './same-station-exit.ts';

/**
 * What an operator's rules say about the shape of a journey, apart from its price. Data: compiled from the `journey` part of a
 * rule set (fares/rule-set.ts); the defaults bind nothing.
 */
export type JourneyPolicy = {
  /** longest time from entry to exit, ms; null = no limit named */
  readonly maxInsideMs: number | null;
  /** beyond maxInsideMs: still one journey (a surcharge rule prices it), or an entry without exit and an exit without entry */
  readonly overLong: 'one_journey' | 'two_incomplete';
  /** a second entry at the same station within this time, with no act of the card between, is the same entry again; 0 = never */
  readonly passBackMs: number;
  /** out-of-station interchanges: leaving at one station and entering at the other continues the journey */
  readonly interchanges: readonly Interchange[];
  /** leaving at the station of entry: a span may make two incomplete journeys of it; null = nothing is said */
  readonly sameStation: SameStationRules | null;
  /** what the card at the gate is in the words of the rules */
  readonly medium: string | null;
};

export type Interchange = {
  readonly exitStationId: string;
  readonly entryStationId: string;
  /** longest time from exit tap to entry tap, ms, inclusive */
  readonly withinMs: number;
};

export const UNRESTRICTED_POLICY: JourneyPolicy = {
  maxInsideMs: null,
  overLong: 'one_journey',
  passBackMs: 0,
  interchanges: [],
  sameStation: null,
  medium: null,
};
