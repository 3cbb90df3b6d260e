import { fen } from '@tapgate/sdk/wire/money';
import { isInForce, isInScope, type CompiledListFare } from './compile-rule-set.ts';
import { fareForDistance } from './distance-table.ts';
import type { Pricing } from './pricing.ts';
import type { Operation, TraceStep } from './trace.ts';

/**
 * Finds the full fare of the journey: of the list fares in scope whose needs are met (a distance, both stations, a stated price,
 * an amount paid), the one of highest priority. Ties are load errors, so there is one.
 *
 * @returns list_fare_unknown when none can say: unknown is never zero
 */
export function applyListFare(pricing: Pricing): 'list_fare_unknown' | undefined {
  const { journey } = pricing.input;
  for (const candidate of pricing.rules.listFares) {
    if (!isInForce(candidate.inForce, pricing.wall.day) || !isInScope(candidate.scope, journey)) continue;
    const { rule } = candidate;
    if (rule.same_station !== undefined && rule.same_station !== isSameStation(pricing)) continue;
    const found = lookUp(pricing, candidate);
    if (!found) continue;
    pricing.apply('list_fare', rule, found.saw, found.operation);
    pricing.listFareFen = pricing.amount;
    return undefined;
  }
  pricing.listFareKnown = false;
  return 'list_fare_unknown';
}

function lookUp(
  pricing: Pricing,
  candidate: CompiledListFare,
): { operation: Operation; saw: TraceStep['saw'] } | null {
  const { journey } = pricing.input;
  const { rule } = candidate;
  switch (rule.kind) {
    case 'flat':
      return { operation: { op: 'set', fen: fen(rule.fen) }, saw: { kind: 'flat', line: journey.lineId } };
    case 'bands': {
      const metres = journey.distanceMetres;
      const band = metres === null || !candidate.table ? null : fareForDistance(candidate.table, metres);
      if (metres === null || !band) return null;
      return { operation: { op: 'band', metres, ...band }, saw: { kind: 'distance', metres } };
    }
    case 'matrix': {
      const from = candidate.stations?.get(journey.entryStationId ?? '');
      const to = candidate.stations?.get(journey.exitStationId ?? '');
      const amount = from === undefined || to === undefined ? undefined : rule.fen[from]?.[to];
      if (amount === undefined) return null;
      const saw = { kind: 'station_pair', entry: journey.entryStationId, exit: journey.exitStationId };
      return { operation: { op: 'set', fen: fen(amount) }, saw };
    }
    case 'stated':
      return journey.statedListFareFen === null
        ? null
        : {
            operation: { op: 'set', fen: journey.statedListFareFen },
            saw: { kind: 'stated', line: journey.lineId },
          };
    case 'as_tapped':
      return journey.tappedAmountFen === null
        ? null
        : { operation: { op: 'set', fen: journey.tappedAmountFen }, saw: { kind: 'as_tapped' } };
  }
}

function isSameStation(pricing: Pricing): boolean {
  const { entryStationId, exitStationId } = pricing.input.journey;
  return entryStationId !== null && entryStationId === exitStationId;
}
