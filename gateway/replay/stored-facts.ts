import type { JourneyFacts } from '../fares/journey-facts.ts';
import { MEDIUM } from '../journeys/settle-card.ts';
import type { StoredJourney } from '../store/stored-journeys.ts';

/** The operator's own data, as far as a stored journey leaves a question open. */
export type StoredNetwork = {
  findStationOf(terminalId: string): string | null;
  /** metres between two stations, or null where the network's data do not say */
  distanceBetween(entryStationId: string, exitStationId: string): number | null;
  findJurisdiction(operatorId: string): string | null;
};

/** What the list fare saw when the journey was priced: the distance, a stated price, or the amount that the card had paid. */
export type ListFareSaw = Readonly<Record<string, unknown>>;

/**
 * The facts of a journey that was priced before. What its own trace says of them goes before the network's data of today: a new
 * line changes distances, and a past ride keeps its own.
 */
export function storedFacts(
  journey: StoredJourney,
  saw: ListFareSaw | null,
  network: StoredNetwork,
): JourneyFacts {
  const { entryTerminalId, exitTerminalId, rail } = journey;
  const entryStationId = entryTerminalId === null ? null : network.findStationOf(entryTerminalId);
  const exitStationId = exitTerminalId === null ? null : network.findStationOf(exitTerminalId);
  const metres = saw?.['metres'];
  const kind = saw?.['kind'];
  return {
    journeyRef: '',
    jurisdiction: network.findJurisdiction(journey.operatorId) ?? '',
    operatorId: journey.operatorId,
    lineId: journey.lineId,
    mode: journey.mode,
    rail,
    state: journey.completeness,
    entryAtMs: entryTerminalId === null ? null : journey.startedAtMs,
    exitAtMs: exitTerminalId === null ? null : journey.endedAtMs,
    entryStationId,
    exitStationId,
    distanceMetres:
      typeof metres === 'number'
        ? metres
        : entryStationId === null || exitStationId === null
          ? null
          : network.distanceBetween(entryStationId, exitStationId),
    lineKind: null,
    medium: MEDIUM,
    statedListFareFen: kind === 'stated' ? journey.listFareFen : null,
    tappedAmountFen: rail !== 'oda' && kind === 'as_tapped' ? journey.listFareFen : null,
  };
}
