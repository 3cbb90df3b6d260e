import { hex } from '@tapgate/sdk/emv/hex';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { isTerminalId } from '@tapgate/sdk/wire/identifiers';
import { fen, type Fen } from '@tapgate/sdk/wire/money';
import { UNKNOWN_HOLDER, type HolderFacts } from '../concessions/holder-facts.ts';
import type { JourneyFacts } from '../fares/journey-facts.ts';
import { asksForPast, findPastNeeded, type RidePlace } from '../fares/past-needed.ts';
import type { ChargedRide } from '../fares/price-in-order.ts';
import type { RuleBook } from '../fares/rule-book.ts';
import {
  distanceBetween,
  MEDIUM,
  type CardAdjustment,
  type RiddenJourney,
  type TapName,
} from '../journeys/settle-card.ts';
import { PURSE_OF_RAIL } from '../ledger/post-fare.ts';
import { postAdjustment, type Claim } from '../ledger/post-adjustment.ts';
import type { Posting } from '../ledger/posting.ts';
import { readCardRides, type CardRide, type CardSpan, type StoredAdjustment } from '../store/card-rides.ts';
import type { Transaction } from '../store/connection.ts';
import type { ReferenceData } from '../store/reference-data.ts';
import { cardName, type CardKey } from '../store/settling.ts';

export type PastParts = {
  readonly ruleBook: RuleBook;
  readonly reference: Pick<ReferenceData, 'terminals' | 'stations' | 'operators' | 'lines'>;
};

/** A place and an instant at which a card was, fare or not. */
export type CardMoment = {
  readonly operatorId: string;
  readonly lineId: string;
  readonly tappedAtMs: number;
};

/** For each card the span of its rides that rules ask for; a card for which no rule asks is absent. */
export function findSpans(
  cards: readonly (CardKey & { readonly taps: readonly CardMoment[] })[],
  holders: ReadonlyMap<string, HolderFacts>,
  parts: PastParts,
): CardSpan[] {
  const spans: CardSpan[] = [];
  for (const card of cards) {
    let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    let holder: HolderFacts | null = null;
    for (const moment of card.taps) {
      const place = placeOf(moment, parts);
      if (place === null || !asksForPast(parts.ruleBook, place)) continue;
      holder ??= holders.get(cardName(card)) ?? UNKNOWN_HOLDER;
      const needed = findPastNeeded(parts.ruleBook, { ...place, atMs: moment.tappedAtMs }, holder);
      if (needed === null) continue;
      fromMs = Math.min(fromMs, needed.fromMs);
      toMs = Math.max(toMs, needed.toMs);
    }
    if (fromMs < toMs) spans.push({ panToken: card.panToken, psn: card.psn, fromMs, toMs });
  }
  return spans;
}

/** The charged rides of these cards in their spans, by card, in one query; without a span there is none. */
export async function readPast(
  transaction: Transaction,
  spans: readonly CardSpan[],
): Promise<ReadonlyMap<string, readonly CardRide[]>> {
  const past = new Map<string, CardRide[]>(spans.map((span) => [cardName(span), []]));
  if (spans.length === 0) return past;
  for (const ride of await readCardRides(transaction, spans)) past.get(cardName(ride))?.push(ride);
  return past;
}

function placeOf(moment: CardMoment, { reference }: PastParts): RidePlace | null {
  const jurisdiction = reference.operators.get(moment.operatorId)?.jurisdiction;
  const mode = reference.lines.get(moment.lineId)?.mode;
  if (jurisdiction === undefined || mode === undefined) return null;
  return { jurisdiction, mode, medium: MEDIUM };
}

/** Stored rides as pricing sees them; a ride is named by its journey id. */
export function chargedRides(
  rides: readonly CardRide[],
  holder: HolderFacts,
  parts: PastParts,
): ChargedRide[] {
  return rides.map((ride) => ({
    journey: factsOfRidden(ride, ride.rail === 'oda' ? null : ride.listFareFen, parts),
    holder,
    fareFen: ride.fareFen,
    claim: ride.outcome === 'chargeable' ? claimOf(ride.funder, ride.claimedFen) : 'of_nobody',
    concessionRuleId: ride.concessionRuleId,
    transferRuleId: ride.transferRuleId,
    ruleSetId: ride.ruleSetId,
    ruleSetVersion: ride.ruleSetVersion,
  }));
}

/** The facts of a journey that is stored: its gates say where, its row says when. */
export function factsOfRidden(
  ride: RiddenJourney,
  tappedAmountFen: Fen | null,
  { reference }: PastParts,
): JourneyFacts {
  const [from, to] = [stationOf(ride.entry, reference), stationOf(ride.exit, reference)];
  const findStation = (stationId: string): { lineId: string; metres: number } | null =>
    reference.stations.get(stationId) ?? null;
  return {
    journeyRef: hex(ride.journeyId),
    jurisdiction: reference.operators.get(ride.operatorId)?.jurisdiction ?? '',
    operatorId: ride.operatorId,
    lineId: ride.lineId,
    mode: ride.mode,
    rail: ride.rail,
    state: ride.completeness,
    entryAtMs: ride.entry === null ? null : ride.startedAtMs,
    exitAtMs: ride.exit === null ? null : ride.endedAtMs,
    entryStationId: from,
    exitStationId: to,
    distanceMetres: distanceBetween(from, to, { findStation }),
    lineKind: null,
    medium: MEDIUM,
    statedListFareFen: null,
    tappedAmountFen,
  };
}

function stationOf(tap: TapName | null, reference: PastParts['reference']): string | null {
  if (tap === null || !isTerminalId(tap.terminalId)) return null;
  return reference.terminals.get(tap.terminalId)?.stationId ?? null;
}

const ADJUSTMENT_ID_BYTES = 16;

/** What changes in charged rides, as rows and postings. */
export function bookAdjustments(
  adjustments: readonly CardAdjustment[],
  rides: readonly CardRide[],
): { readonly rows: readonly StoredAdjustment[]; readonly postings: readonly Posting[] } {
  const byRef = new Map(rides.map((ride) => [hex(ride.journeyId), ride]));
  const rows: StoredAdjustment[] = [];
  const postings: Posting[] = [];
  for (const { journeyRef, causedBy, chargedFen, fareFen, fare } of adjustments) {
    const ride = byRef.get(journeyRef);
    if (ride === undefined) throw new RangeError('an adjustment is of a ride that was read');
    const adjustmentId = sm3(
      new TextEncoder().encode('adjustment\0'),
      ride.journeyId,
      causedBy.journeyId,
    ).slice(0, ADJUSTMENT_ID_BYTES);
    const isCharged = ride.outcome === 'chargeable';
    const funder = fare.concession?.funder ?? null;
    const claimedFen = isCharged && funder !== null ? (fare.concession?.claimedFen ?? null) : null;
    rows.push({
      ...{ adjustmentId, chargedFen, fareFen, claimedFen, funder },
      ...{ chargedFunder: ride.funder, chargedClaimedFen: ride.claimedFen },
      ...{ bankId: isCharged ? ride.bankId : null, rail: ride.rail },
      serviceDate: ride.serviceDate,
      panToken: ride.panToken,
      journeyId: ride.journeyId,
      causeJourneyId: causedBy.journeyId,
      concessionRuleId: fare.concession?.ruleId ?? null,
      trace: { steps: fare.trace },
    });
    postings.push(
      ...postAdjustment({
        ...{ adjustmentId, chargedFen, fareFen },
        serviceDate: causedBy.serviceDate,
        purse: PURSE_OF_RAIL[ride.rail],
        outcome: ride.outcome,
        operatorId: ride.operatorId,
        claimedBefore: claimOf(ride.funder, ride.claimedFen),
        claimedAfter: claimOf(funder, claimedFen),
      }),
    );
  }
  return { rows, postings };
}

function claimOf(funder: string | null, claimedFen: Fen | null): Claim | null {
  return funder === null || claimedFen === null || claimedFen === fen(0) ? null : { funder, claimedFen };
}
