import { isTerminalId } from '@tapgate/sdk/wire/identifiers';
import type { StoredNetwork } from '../replay/stored-facts.ts';
import { replayJourney, type FareDifference, type ReplayRules } from '../replay/replay-journey.ts';
import type { Database } from '../store/connection.ts';
import type { ReferenceData } from '../store/reference-data.ts';
import {
  streamJourneys,
  type DateRange,
  type JourneyWithTrace,
  type StoredJourney,
} from '../store/stored-journeys.ts';

export type ReplayTotals = {
  readonly journeys: number;
  readonly same: number;
  readonly differing: number;
  /** were never priced: there is nothing to compare */
  readonly held: number;
  /** of them: rules and calendar of today could price them */
  readonly priceable: number;
};

export type ReplayEvents = {
  readonly onDifference: (journey: StoredJourney, differences: readonly FareDifference[]) => void;
  /** after each piece of rows */
  readonly onProgress: (journeys: number) => void;
};

/** Prices every stored journey of these service dates again. Holds one piece of rows and the rides of one card. @throws StoreFault */
export async function replayDays(
  database: Database,
  rules: ReplayRules,
  dates: DateRange,
  events: ReplayEvents,
): Promise<ReplayTotals> {
  const count = { journeys: 0, same: 0, differing: 0, held: 0, priceable: 0 };
  let earlier: JourneyWithTrace[] = [];
  for await (const piece of streamJourneys(database, dates, 'whole')) {
    for (const stored of piece) {
      if (!isSameCard(earlier[0]?.journey, stored.journey)) earlier = [];
      const replayed = replayJourney(stored, earlier, rules);
      earlier.push(stored);
      count.journeys += 1;
      if (replayed.result === 'same') count.same += 1;
      else if (replayed.result === 'held') {
        count.held += 1;
        if (replayed.priceable) count.priceable += 1;
      } else {
        count.differing += 1;
        events.onDifference(stored.journey, replayed.differences);
      }
    }
    events.onProgress(count.journeys);
  }
  return count;
}

export function isSameCard(a: StoredJourney | undefined, b: StoredJourney): boolean {
  return a !== undefined && a.psn === b.psn && a.panToken.equals(b.panToken);
}

/** What the operators' data say of stations and lines, for journeys that were stored without it. */
export function storedNetwork(
  reference: Pick<ReferenceData, 'terminals' | 'stations' | 'operators'>,
): StoredNetwork {
  return {
    findStationOf: (terminalId) =>
      isTerminalId(terminalId) ? (reference.terminals.get(terminalId)?.stationId ?? null) : null,
    distanceBetween: (from, to) => {
      const [start, end] = [reference.stations.get(from), reference.stations.get(to)];
      if (start === undefined || end === undefined || start.lineId !== end.lineId) return null;
      return Math.abs(start.metres - end.metres);
    },
    findJurisdiction: (operatorId) => reference.operators.get(operatorId)?.jurisdiction ?? null,
  };
}
