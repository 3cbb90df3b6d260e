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

export type CardToSettle<Tap extends TapToSettle = TapToSettle> = {
  readonly taps: readonly Tap[];
  readonly holder: HolderFacts;
  /** the card's charged rides as far as the rules ask for them; null where they ask for none */
  readonly past: readonly ChargedRide[] | null;
  /** acts of the card between those of `taps` that are accounted for already, by ATC */
  readonly settledActs: ReadonlyMap<number, TapKind>;
  /** day's close: what was tapped before it waits no longer */
  readonly closeBeforeMs: number | null;
};

export type CardSettled<Tap extends TapToSettle = TapToSettle> = {
  readonly journeys: readonly SettledJourney[];
  readonly settledTaps: readonly Tap[];
  readonly waitingTaps: readonly Tap[];
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
export function settleCard<Tap extends TapToSettle>(
  card: CardToSettle<Tap>,
  rules: SettlingRules,
): CardSettled<Tap> {
  const journeys: SettledJourney[] = [];
  const settledTaps: Tap[] = [];
  const proven: JourneyTap[] = [];
  const tapOf = new Map<JourneyTap, Tap>();
  for (const tap of card.taps) {
    if (tap.outcome === 'loss') {
      journeys.push(settleLoss(tap, rules));
      settledTaps.push(tap);
    } else if (tap.outcome !== 'denied') {
      const own = journeyTap(tap, rules);
      proven.push(own);
      tapOf.set(own, tap);
    }
  }
  const pairing = pairTaps({
    taps: proven,
    settledActs: card.settledActs,
    policyOf: (tap) => policyOf(tap, rules),
    ...(card.closeBeforeMs === null ? {} : { closeBeforeMs: card.closeBeforeMs }),
  });
  const made =
    pairing.incomplete.length === 0 ? pairing.complete : [...pairing.complete, ...pairing.incomplete];
  const facts = made.map((journey) => factsOf(journey, rules));
  const ordered = card.past === null ? null : pricedInOrder(card.past, facts, card.holder, rules);
  const rideOf = new Map<string, SettledJourney>();
  for (const [index, journey] of made.entries()) {
    const own = facts[index] ?? factsOf(journey, rules);
    const fare = ordered?.fares.get(own.journeyRef) ?? price(own, card.holder, rules);
    const taps = tapsOf(tapOf, journey.taps);
    const ride = settledJourney(journey, taps, fare);
    journeys.push(ride);
    settledTaps.push(...taps);
    if (ordered !== null) rideOf.set(own.journeyRef, ride);
  }
  const adjustments = (ordered?.adjustments ?? []).map((adjustment) => {
    const causedBy = rideOf.get(adjustment.causedBy);
    if (causedBy === undefined) throw new RangeError('an adjustment is caused by a ride that was priced');
    return { ...adjustment, causedBy };
  });
  return { journeys, settledTaps, waitingTaps: tapsOf(tapOf, pairing.waiting), adjustments };
}

function tapsOf<Tap>(tapOf: ReadonlyMap<JourneyTap, Tap>, taps: readonly JourneyTap[]): Tap[] {
  const found: Tap[] = [];
  for (const own of taps) {
    const tap = tapOf.get(own);
    if (tap === undefined) throw new RangeError('pairing gives back the taps that it was given');
    found.push(tap);
  }
  return found;
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
  return pricedRow(journeyRow(journey, taps), fareColumns(fare, standing), null);
}

/** Written out column by column: joining two wide objects by spreading was a tenth of settling (bench/README.md). */
function pricedRow(
  row: RiddenJourney,
  fare: FareColumns,
  resolvesJourneyId: Uint8Array | null,
): SettledJourney {
  return {
    journeyId: row.journeyId,
    serviceDate: row.serviceDate,
    panToken: row.panToken,
    psn: row.psn,
    bankId: row.bankId,
    operatorId: row.operatorId,
    lineId: row.lineId,
    mode: row.mode,
    rail: row.rail,
    completeness: row.completeness,
    entry: row.entry,
    exit: row.exit,
    startedAtMs: row.startedAtMs,
    endedAtMs: row.endedAtMs,
    outcome: fare.outcome,
    cause: fare.cause,
    listFareFen: fare.listFareFen,
    fareFen: fare.fareFen,
    ruleSetId: fare.ruleSetId,
    ruleSetVersion: fare.ruleSetVersion,
    concession: fare.concession,
    trace: fare.trace,
    resolvesJourneyId,
  };
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
    const standing: Standing = { outcome: 'loss', cause: tap.cause };
    return pricedRow(journeyRow(journey, [tap]), fareColumns(fare, standing, 'list_fare'), null);
  }
  const journey = row(tap.tapKind === 'entry' ? 'missing_tap_out' : 'missing_tap_in');
  const facts = factsOf(journey, rules);
  const fare = price(shortestRide({ ...facts, ...bothEnds(tap.tappedAtMs) }), UNKNOWN_HOLDER, rules);
  const standing: Standing = { outcome: 'loss', cause: tap.cause };
  return pricedRow(
    journeyRow(journey, [tap]),
    fareColumns(fare, standing, 'minimum_list_fare_of_line'),
    null,
  );
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
  readonly row: RiddenJourney;
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
  const journeyId = sm3(Buffer.from('priced at last\0'), row.journeyId).subarray(0, JOURNEY_ID_BYTES);
  const priced = { ...row, journeyId };
  const journey = pricedRow(priced, fareColumns(fare, standing, valuation ?? undefined), row.journeyId);
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
  const steps = fare.trace;
  const trace: JourneyTrace = valuation === undefined ? { steps } : { valuation, steps };
  if (fare.outcome !== 'priced') {
    const unpriced = { listFareFen: null, fareFen: null, concession: null };
    const held: JourneyTrace = { ...trace, heldAs: standing };
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

/** A journey as it was ridden, whatever it cost. */
export type RiddenJourney = Omit<SettledJourney, keyof FareColumns | 'resolvesJourneyId'>;

function journeyRow(journey: Journey, taps: readonly TapToSettle[]): RiddenJourney {
  const lead = leadingTap(journey);
  const first = taps[journey.taps.indexOf(lead)];
  const last = journey.taps[journey.taps.length - 1];
  if (first === undefined || last === undefined) throw new RangeError('a journey is made of its taps');
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
    entry: nameOf(journey.entry, journey, taps),
    exit: nameOf(journey.exit, journey, taps),
    startedAtMs: lead.tappedAtMs,
    endedAtMs: last.tappedAtMs,
  };
}

function nameOf(end: JourneyTap | null, journey: Journey, taps: readonly TapToSettle[]): TapName | null {
  const tap = end === null ? undefined : taps[journey.taps.indexOf(end)];
  return tap === undefined ? null : { terminalId: tap.terminalId, tapSequence: tap.tapSequence };
}

const JOURNEY_ID_BYTES = 16;

function journeyIdOf(taps: readonly TapToSettle[]): Uint8Array {
  const [only] = taps;
  const names = taps.length === 1 && only !== undefined ? refOf(only) : taps.map(refOf).sort().join('\0');
  return sm3(Buffer.from(`journey\0${names}`)).subarray(0, JOURNEY_ID_BYTES);
}

function refOf(tap: TapToSettle): string {
  return `${tap.terminalId}|${tap.tapSequence}`;
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
    jurisdiction,
    medium: MEDIUM,
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
