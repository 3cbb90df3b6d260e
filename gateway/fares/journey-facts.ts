import type { Fen } from '@tapgate/sdk/wire/money';
import type { Rail } from '@tapgate/sdk/wire/rails';
import { leadingTap, type Journey, type JourneyState } from '../journeys/journey.ts';
import type { Mode } from '../journeys/mode.ts';

/** A journey as pricing sees it: what the taps say, and what the operator's own data add to them. */
export type JourneyFacts = {
  readonly journeyRef: string;
  readonly jurisdiction: string;
  readonly operatorId: string;
  readonly lineId: string;
  readonly mode: Mode;
  readonly rail: Rail;
  readonly state: JourneyState;
  /** ms since the epoch; null for missing_tap_in, where the exit stands in for it */
  readonly entryAtMs: number | null;
  readonly exitAtMs: number | null;
  readonly entryStationId: string | null;
  readonly exitStationId: string | null;
  /** shortest path in whole metres, from the operator's dated network data; null = unknown */
  readonly distanceMetres: number | null;
  /** kind of line where a rule asks for it, such as flat */
  readonly lineKind: string | null;
  /** what the rider paid with: ssc_gen3, transport_card, single_ticket …; null = not stated */
  readonly medium: string | null;
  /** the line's own full adult fare, where the city has no table; null = none */
  readonly statedListFareFen: Fen | null;
  /** 9F02 as paid; null where nothing was paid at the tap */
  readonly tappedAmountFen: Fen | null;
};

/** What the operator's data say of the journey's line and path; absent = not known. */
export type NetworkFacts = {
  readonly jurisdiction: string;
  readonly distanceMetres?: number | null;
  readonly lineKind?: string | null;
  readonly medium?: string | null;
  readonly statedListFareFen?: Fen | null;
};

export function journeyFacts(journey: Journey, network: NetworkFacts): JourneyFacts {
  const tap = leadingTap(journey);
  return {
    journeyRef: journey.journeyRef,
    jurisdiction: network.jurisdiction,
    operatorId: tap.operatorId,
    lineId: tap.lineId,
    mode: tap.mode,
    rail: tap.rail,
    state: journey.state,
    entryAtMs: journey.entry?.tappedAtMs ?? null,
    exitAtMs: journey.exit?.tappedAtMs ?? null,
    entryStationId: journey.entry?.stationId ?? null,
    exitStationId: journey.exit?.stationId ?? null,
    distanceMetres: network.distanceMetres ?? null,
    lineKind: network.lineKind ?? null,
    medium: network.medium ?? null,
    statedListFareFen: network.statedListFareFen ?? null,
    tappedAmountFen: tap.amountFen,
  };
}
