import { sm3 } from '@tapgate/sdk/gm/sm3';
import type { IsoDate, PanToken } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { Rail, TapKind } from '@tapgate/sdk/wire/rails';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { UNKNOWN_HOLDER, type HolderFacts } from '../concessions/holder-facts.ts';
import { journeyFacts, type JourneyFacts } from '../fares/journey-facts.ts';
import { priceJourney, type FareResult } from '../fares/price-journey.ts';
import { findRuleSet, type RuleBook } from '../fares/rule-book.ts';
import type { TraceStep } from '../fares/trace.ts';
import {
  priceInOrder,
  type ChargedRide,
  type FareAdjustment,
  type OrderedPricing,
} from '../fares/price-in-order.ts';
import { NO_HISTORY } from '../fares/window-facts.ts';
import { UNRESTRICTED_POLICY, type JourneyPolicy } from './journey-policy.ts';
import type { JourneyTap } from './journey-tap.ts';
import { leadingTap, type Journey, type JourneyState } from './journey.ts';
import type { Mode } from './mode.ts';
import { pairTaps } from './pair-taps.ts';

/** One tap of the queue as settling sees it: proven and judged, not yet part of a journey. */
export type TapToSettle = {
  readonly panToken: PanToken;
  readonly psn: number;
  readonly atc: number;
  readonly terminalId: string;
  readonly tapSequence: number;
  readonly serviceDate: IsoDate;
  readonly tappedAtMs: number;
  readonly operatorId: string;
  readonly lineId: string;
  readonly stationId: string | null;
  readonly rail: Rail;
  readonly tapKind: TapKind;
  /** 9F02 as the card signed it */
  readonly amountFen: Fen;
  readonly bankId: string | null;
  readonly outcome: 'chargeable' | 'debt' | 'loss' | 'denied';
  readonly cause: string | null;
};

/** A journey with its fare, or held without one: the row of the journey table. */
export type SettledJourney = {
  /** leftmost 16 bytes of SM3 over the taps that made it: settling twice makes the same row */
  readonly journeyId: Uint8Array;
  readonly serviceDate: IsoDate;
  readonly panToken: PanToken;
  readonly psn: number;
  readonly bankId: string | null;
  readonly operatorId: string;
  readonly lineId: string;
  readonly mode: Mode;
  readonly rail: Rail;
  readonly completeness: JourneyState;
  readonly entry: TapName | null;
  readonly exit: TapName | null;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly outcome: 'chargeable' | 'debt' | 'loss' | 'held';
  /** why it is a debt, a loss, or held */
  readonly cause: string | null;
  readonly listFareFen: Fen | null;
  readonly fareFen: Fen | null;
  readonly ruleSetId: string | null;
  readonly ruleSetVersion: string | null;
  readonly concession: SettledConcession | null;
  /** enough to recompute the fare; holds no personal datum */
  readonly trace: JourneyTrace;
  /** the held journey that this row prices at last; null for a journey made of new taps */
  readonly resolvesJourneyId: Uint8Array | null;
};

export type JourneyTrace = {
  /** how a loss was valued; absent for a fare */
  readonly valuation?: Valuation;
  /** of a held journey: what it will be once its fare is known */
  readonly heldAs?: Standing;
  readonly steps: readonly TraceStep[];
};

export type Valuation = 'list_fare' | 'minimum_list_fare_of_line';

/** Who owes a ride, whatever it costs. */
export type Standing = {
  readonly outcome: 'chargeable' | 'debt' | 'loss';
  readonly cause: string | null;
};

export type TapName = { readonly terminalId: string; readonly tapSequence: number };

export type SettledConcession = {
  readonly ruleId: string;
  readonly category: string;
  readonly funder: string | null;
  readonly shortfallFen: Fen;
  /** null where nothing is claimed: nobody funds it, or the ride is a debt */
  readonly claimedFen: Fen | null;
};

/** The operator's own data and the rules, as far as a fare rests on them. */
export type SettlingRules = {
  readonly ruleBook: RuleBook;
  readonly calendar: DayTypeCalendar;
  findLine(lineId: string): { readonly mode: Mode } | null;
  /** metres from the first station of its line */
  findStation(stationId: string): { readonly lineId: string; readonly metres: number } | null;
  findOperator(operatorId: string): { readonly jurisdiction: string; readonly timeZone: string } | null;
};

export type CardToSettle = {
  readonly taps: readonly TapToSettle[];
  readonly holder: HolderFacts;
  /** the card's charged rides as far as the rules ask for them; null where they ask for none */
  readonly past: readonly ChargedRide[] | null;
  /** acts of the card between those of `taps` that are accounted for already, by ATC */
  readonly settledActs: ReadonlyMap<number, TapKind>;
  /** day's close: what was tapped before it waits no longer */
  readonly closeBeforeMs: number | null;
};

export type CardSettled = {
  readonly journeys: readonly SettledJourney[];
  readonly settledTaps: readonly TapToSettle[];
  readonly waitingTaps: readonly TapToSettle[];
  /** what these journeys change in fares that were charged before */
  readonly adjustments: readonly CardAdjustment[];
};

/** `journeyRef` names the charged ride as `past` did; the cause is one of the journeys beside it. */
export type CardAdjustment = Omit<FareAdjustment, 'causedBy'> & { readonly causedBy: SettledJourney };

/** What the rider pays with at every gate of this gateway: a third-generation social security card. */
export const MEDIUM = 'ssc_gen3';

/**
 * Makes journeys of one card's unsettled taps and finds their fares. Losses stand alone and are valued at the list fare: an act
 * that nobody proved belongs to no journey of the card. What is left is paired in ATC order and priced.
 */
export function settleCard(card: CardToSettle, rules: SettlingRules): CardSettled {
  const losses = card.taps.filter((tap) => tap.outcome === 'loss');
  const proven = card.taps.filter((tap) => tap.outcome === 'chargeable' || tap.outcome === 'debt');
  const byRef = new Map(proven.map((tap) => [refOf(tap), tap]));
  const pairing = pairTaps({
    taps: proven.map((tap) => journeyTap(tap, rules)),
    settledActs: card.settledActs,
    policyOf: (tap) => policyOf(tap, rules),
    ...(card.closeBeforeMs === null ? {} : { closeBeforeMs: card.closeBeforeMs }),
  });
  const made = [...pairing.complete, ...pairing.incomplete];
  const tapsOf = (taps: readonly JourneyTap[]): TapToSettle[] => taps.map((tap) => tapOf(byRef, tap));
  const facts = made.map((journey) => factsOf(journey, rules));
  const ordered = card.past === null ? null : pricedInOrder(card.past, facts, card.holder, rules);
  const rides = made.map((journey, index) => {
    const own = facts[index] ?? factsOf(journey, rules);
    const fare = ordered?.fares.get(own.journeyRef) ?? price(own, card.holder, rules);
    return settledJourney(journey, tapsOf(journey.taps), fare);
  });
  const rideOf = new Map(facts.map(({ journeyRef }, index) => [journeyRef, rides[index]]));
  return {
    journeys: [...losses.map((tap) => settleLoss(tap, rules)), ...rides],
    settledTaps: [...losses, ...made.flatMap((journey) => tapsOf(journey.taps))],
    waitingTaps: tapsOf(pairing.waiting),
    adjustments: (ordered?.adjustments ?? []).map((adjustment) => {
      const causedBy = rideOf.get(adjustment.causedBy);
      if (causedBy === undefined) throw new RangeError('an adjustment is caused by a ride that was priced');
      return { ...adjustment, causedBy };
    }),
  };
}

function pricedInOrder(
  charged: readonly ChargedRide[],
  journeys: readonly JourneyFacts[],
  holder: HolderFacts,
  { ruleBook, calendar }: SettlingRules,
): OrderedPricing {
  const fresh = journeys.map((journey) => ({ journey, holder }));
  return priceInOrder({ charged, fresh, ruleBook, calendar });
}

function settledJourney(journey: Journey, taps: readonly TapToSettle[], fare: FareResult): SettledJourney {
  const debtor = taps.find((tap) => tap.outcome === 'debt');
  const standing: Standing =
    debtor === undefined ? { outcome: 'chargeable', cause: null } : { outcome: 'debt', cause: debtor.cause };
  return { ...journeyRow(journey, taps), ...fareColumns(fare, standing), resolvesJourneyId: null };
}

/**
 * A tap that opened the gate and does not prove, valued at what the ride would have cost an unknown rider. At a metro gate only
 * one end is known, so its value is the least that the line can cost: the list fare of the shortest ride.
 */
function settleLoss(tap: TapToSettle, rules: SettlingRules): SettledJourney {
  const alone = journeyTap(tap, rules);
  const ref = refOf(tap);
  const row = (state: JourneyState): Journey => ({
    journeyRef: ref,
    state,
    entry: tap.tapKind === 'exit' ? null : alone,
    exit: tap.tapKind === 'exit' ? alone : null,
    taps: [alone],
  });
  if (tap.tapKind === 'single') {
    const journey = row('single');
    const fare = price(factsOf(journey, rules), UNKNOWN_HOLDER, rules);
    return {
      ...journeyRow(journey, [tap]),
      ...fareColumns(fare, { outcome: 'loss', cause: tap.cause }, 'list_fare'),
      resolvesJourneyId: null,
    };
  }
  const journey = row(tap.tapKind === 'entry' ? 'missing_tap_out' : 'missing_tap_in');
  const facts = factsOf(journey, rules);
  const fare = price(shortestRide({ ...facts, ...bothEnds(tap.tappedAtMs) }), UNKNOWN_HOLDER, rules);
  return {
    ...journeyRow(journey, [tap]),
    ...fareColumns(fare, { outcome: 'loss', cause: tap.cause }, 'minimum_list_fare_of_line'),
    resolvesJourneyId: null,
  };
}

/** Of the line, where only one end is known. The stations are left out: leaving where one entered has rules of its own. */
export function shortestRide(facts: JourneyFacts): JourneyFacts {
  return { ...facts, state: 'complete', entryStationId: null, exitStationId: null, distanceMetres: 0 };
}

const bothEnds = (atMs: number): Pick<JourneyFacts, 'entryAtMs' | 'exitAtMs'> => ({
  entryAtMs: atMs,
  exitAtMs: atMs,
});

/** A held journey as the store has it, with the facts that its fare rests on. */
export type HeldJourney = {
  readonly row: JourneyColumns;
  readonly facts: JourneyFacts;
  readonly standing: Standing;
  readonly valuation: Valuation | null;
  readonly holder: HolderFacts;
  readonly past: readonly ChargedRide[] | null;
};

/**
 * Prices a held journey again, now that the year or the rule set may have arrived, in the order of the card's rides. The held row stays as
 * it was written; the row that prices it names it, and its id follows from the held one's, so pricing twice makes the same row.
 *
 * @returns null while it still has no fare
 */
export function priceHeld(
  held: HeldJourney,
  rules: SettlingRules,
): { readonly journey: SettledJourney; readonly adjustments: readonly CardAdjustment[] } | null {
  const { row, facts, standing, valuation, holder } = held;
  const loss = standing.outcome === 'loss';
  const valued =
    valuation === 'minimum_list_fare_of_line'
      ? shortestRide({ ...facts, ...bothEnds(row.startedAtMs) })
      : facts;
  const ordered = loss || held.past === null ? null : pricedInOrder(held.past, [facts], holder, rules);
  const fare = ordered?.fares.get(facts.journeyRef) ?? price(valued, loss ? UNKNOWN_HOLDER : holder, rules);
  if (fare.outcome !== 'priced') return null;
  const journey: SettledJourney = {
    ...row,
    ...fareColumns(fare, standing, valuation ?? undefined),
    journeyId: sm3(new TextEncoder().encode('priced at last\0'), row.journeyId).slice(0, JOURNEY_ID_BYTES),
    resolvesJourneyId: row.journeyId,
  };
  return {
    journey,
    adjustments: (ordered?.adjustments ?? []).map((a) => ({ ...a, causedBy: journey })),
  };
}

function price(journey: JourneyFacts, holder: HolderFacts, rules: SettlingRules): FareResult {
  const { ruleBook, calendar } = rules;
  return priceJourney({ journey, ruleBook, calendar, holder, history: NO_HISTORY });
}

type FareColumns = Pick<
  SettledJourney,
  'outcome' | 'cause' | 'listFareFen' | 'fareFen' | 'ruleSetId' | 'ruleSetVersion' | 'concession' | 'trace'
>;

/** A fare that is not known is held with its reason, whoever would have owed it; it is never a free ride. */
export function fareColumns(fare: FareResult, standing: Standing, valuation?: Valuation): FareColumns {
  const ruleSetVersion = fare.ruleSetVersion === null ? null : String(fare.ruleSetVersion);
  const { ruleSetId } = fare;
  const trace: JourneyTrace = { ...(valuation === undefined ? {} : { valuation }), steps: fare.trace };
  if (fare.outcome !== 'priced') {
    const unpriced = { listFareFen: null, fareFen: null, concession: null };
    const held = { ...trace, heldAs: standing };
    return { outcome: 'held', cause: fare.reason, ...unpriced, ruleSetId, ruleSetVersion, trace: held };
  }
  const { concession, listFareFen, fareFen } = fare;
  const { outcome, cause } = standing;
  return {
    outcome,
    cause,
    listFareFen,
    fareFen: outcome === 'loss' ? listFareFen : fareFen,
    ruleSetId,
    ruleSetVersion,
    trace,
    concession:
      concession === null
        ? null
        : {
            ruleId: concession.ruleId,
            category: concession.category,
            funder: concession.funder,
            shortfallFen: concession.shortfallFen,
            claimedFen: outcome === 'chargeable' && concession.funder !== null ? concession.claimedFen : null,
          },
  };
}

type JourneyColumns = Omit<SettledJourney, keyof FareColumns | 'resolvesJourneyId'>;

function journeyRow(journey: Journey, taps: readonly TapToSettle[]): JourneyColumns {
  const lead = leadingTap(journey);
  const first = taps.find((tap) => refOf(tap) === lead.tapRef);
  const last = journey.taps[journey.taps.length - 1];
  if (first === undefined || last === undefined) throw new RangeError('a journey is made of its taps');
  const nameOf = (end: JourneyTap | null): TapName | null => {
    const tap = end === null ? undefined : taps.find((candidate) => refOf(candidate) === end.tapRef);
    return tap === undefined ? null : { terminalId: tap.terminalId, tapSequence: tap.tapSequence };
  };
  return {
    journeyId: journeyIdOf(taps),
    serviceDate: first.serviceDate,
    panToken: first.panToken,
    psn: first.psn,
    bankId: first.bankId,
    operatorId: lead.operatorId,
    lineId: lead.lineId,
    mode: lead.mode,
    rail: lead.rail,
    completeness: journey.state,
    entry: nameOf(journey.entry),
    exit: nameOf(journey.exit),
    startedAtMs: lead.tappedAtMs,
    endedAtMs: last.tappedAtMs,
  };
}

const JOURNEY_ID_BYTES = 16;

function journeyIdOf(taps: readonly TapToSettle[]): Uint8Array {
  const names = taps.map(refOf).sort().join('\0');
  return sm3(new TextEncoder().encode(`journey\0${names}`)).slice(0, JOURNEY_ID_BYTES);
}

const refOf = (tap: TapToSettle): string => `${tap.terminalId}|${tap.tapSequence}`;

function tapOf(byRef: ReadonlyMap<string, TapToSettle>, tap: JourneyTap): TapToSettle {
  const found = byRef.get(tap.tapRef);
  if (found === undefined) throw new RangeError('pairing gives back the taps that it was given');
  return found;
}

function journeyTap(tap: TapToSettle, rules: SettlingRules): JourneyTap {
  const line = rules.findLine(tap.lineId);
  const operator = rules.findOperator(tap.operatorId);
  if (line === null || operator === null)
    throw new RangeError('a tap is of a line and an operator that are known');
  return {
    tapRef: refOf(tap),
    panToken: tap.panToken,
    psn: String(tap.psn),
    atc: tap.atc,
    operatorId: tap.operatorId,
    lineId: tap.lineId,
    stationId: tap.stationId,
    mode: line.mode,
    tapKind: tap.tapKind,
    tappedAtMs: tap.tappedAtMs,
    zone: operator.timeZone,
    amountFen: tap.rail === 'oda' ? null : tap.amountFen,
    rail: tap.rail,
  };
}

function factsOf(journey: Journey, rules: SettlingRules): JourneyFacts {
  const lead = leadingTap(journey);
  const jurisdiction = rules.findOperator(lead.operatorId)?.jurisdiction ?? '';
  const [from, to] = [journey.entry?.stationId ?? null, journey.exit?.stationId ?? null];
  return journeyFacts(journey, {
    ...{ jurisdiction, medium: MEDIUM },
    distanceMetres: distanceBetween(from, to, rules),
  });
}

/** Along one line; between lines the network's path table would be needed, and without it the distance is not known. */
export function distanceBetween(
  from: string | null,
  to: string | null,
  rules: Pick<SettlingRules, 'findStation'>,
): number | null {
  if (from === null || to === null) return null;
  const [start, end] = [rules.findStation(from), rules.findStation(to)];
  if (start === null || end === null || start.lineId !== end.lineId) return null;
  return Math.abs(start.metres - end.metres);
}

function policyOf(tap: JourneyTap, rules: SettlingRules): JourneyPolicy {
  const alone: Journey = { journeyRef: tap.tapRef, state: 'single', entry: tap, exit: null, taps: [tap] };
  const policy = findRuleSet(rules.ruleBook, factsOf(alone, rules))?.journeyPolicy ?? UNRESTRICTED_POLICY;
  return policy.sameStation === null ? policy : { ...policy, medium: MEDIUM };
}
