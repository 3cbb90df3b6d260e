import { isoDate, panToken } from '@tapgate/sdk/wire/identifiers';
import { addDays, civilDay, formatCivilDay } from '../calendar/civil-day.ts';
import { wallTime, zoneClock, type ZoneClock } from '../calendar/zone-clock.ts';
import { UNKNOWN_HOLDER, type HolderFacts } from '../concessions/holder-facts.ts';
import { holderOf } from '../concessions/holder-of-enrolments.ts';
import type { PastRide } from '../fares/past-rides.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { loadEnrolments, type CardEnrolment } from '../store/concession-enrolments.ts';
import type { Database } from '../store/connection.ts';
import { cardName } from '../store/settling.ts';
import {
  streamJourneys,
  type DateRange,
  type JourneyWithTrace,
  type StoredJourney,
} from '../store/stored-journeys.ts';
import { lookbackDays, priceUnderPolicy, type PolicyRules } from '../whatif/price-under-policy.ts';
import { PolicyTally } from '../whatif/policy-tally.ts';
import { isSameCard } from './replay-days.ts';

/** What the answer rests on beside the rides themselves, for its reader to judge it by. */
export type WhatIfGrounds = {
  /** rides in the reach of the policy's rule sets; the others stay as they were */
  touchedRides: number;
  /** rides in its reach by cards of whose holder nobody registered a birth date, and how many cards */
  unknownAgeRides: number;
  unknownAgeCards: number;
  /** cards whose evidence of age was registered for another category and counts for the policy's */
  borrowedEvidenceCards: number;
  /** held on the day, and so in neither sum */
  heldRides: number;
  /** the policy itself has no fare for them */
  unpricedRides: number;
  /** days before the first one that were read for the policy's windows and transfers */
  lookbackDays: number;
};

export type WhatIfAnswer = { readonly tally: PolicyTally; readonly grounds: WhatIfGrounds };

export type WhatIfDependencies = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly rules: PolicyRules;
  readonly zoneOf: (operatorId: string) => string;
};

/**
 * Prices the rides of these service dates under another policy and adds up both sides. Streams: it holds one piece of rows, the
 * holders of their cards, and the rides of one card. @throws StoreFault
 */
export async function whatIfDays(
  dependencies: WhatIfDependencies,
  dates: DateRange,
  onProgress: (journeys: number) => void,
): Promise<WhatIfAnswer> {
  const { database, keys, rules } = dependencies;
  const reach = lookbackDays(rules.ruleBook);
  const counted = new CountedCards(reach);
  const from = isoDate(formatCivilDay(addDays(civilDay(dates.from), -reach)));
  let read = 0;
  for await (const piece of streamJourneys(database, { from, to: dates.to }, 'list_fare')) {
    const holders = await holdersOf(piece, database, keys);
    for (const stored of piece) {
      const { journey } = stored;
      const clock = zoneClock(dependencies.zoneOf(journey.operatorId));
      const holder = counted.holderOf(journey, (card) => holderOf(holders.get(card) ?? [], clock));
      const ride = priceUnderPolicy(stored, holder, counted.earlier, rules);
      if (reach > 0 && ride.past !== null) counted.earlier.push(ride.past);
      if (journey.serviceDate >= dates.from) counted.add(journey, ride, hourOf(journey, clock));
    }
    read += piece.length;
    onProgress(read);
  }
  counted.endCard();
  return { tally: counted.tally, grounds: counted.grounds };
}

const hourOf = (journey: StoredJourney, clock: ZoneClock): number =>
  Math.floor(wallTime(clock, journey.startedAtMs).msOfDay / 3_600_000);

const cardOf = (journey: StoredJourney): string =>
  cardName({ panToken: panToken(journey.panToken.toString('hex').toUpperCase()), psn: journey.psn });

async function holdersOf(
  piece: readonly JourneyWithTrace[],
  database: Database,
  keys: KeyProvider,
): Promise<ReadonlyMap<string, CardEnrolment[]>> {
  const cards = new Map<string, { readonly panToken: CardEnrolment['panToken']; readonly psn: number }>();
  let before: StoredJourney | undefined;
  for (const { journey } of piece) {
    if (!isSameCard(before, journey)) {
      const token = panToken(journey.panToken.toString('hex').toUpperCase());
      cards.set(`${token}|${String(journey.psn)}`, { panToken: token, psn: journey.psn });
    }
    before = journey;
  }
  const holders = new Map<string, CardEnrolment[]>();
  for (const enrolment of await loadEnrolments(database, keys, [...cards.values()])) {
    const name = cardName(enrolment);
    holders.set(name, [...(holders.get(name) ?? []), enrolment]);
  }
  return holders;
}

/** The tally, and what is known of the card whose rides are coming by. */
class CountedCards {
  readonly tally = new PolicyTally();
  readonly grounds: WhatIfGrounds;
  earlier: PastRide[] = [];
  #journey: StoredJourney | undefined;
  #holder: HolderFacts = UNKNOWN_HOLDER;
  #unknownAge = false;
  #borrowed = false;

  constructor(reach: number) {
    this.grounds = {
      ...{ touchedRides: 0, unknownAgeRides: 0, unknownAgeCards: 0, borrowedEvidenceCards: 0 },
      ...{ heldRides: 0, unpricedRides: 0, lookbackDays: reach },
    };
  }

  /** The holder of the card; the next card ends the one before. */
  holderOf(journey: StoredJourney, find: (card: string) => HolderFacts): HolderFacts {
    if (!isSameCard(this.#journey, journey)) {
      this.endCard();
      this.#holder = find(cardOf(journey));
    }
    this.#journey = journey;
    return this.#holder;
  }

  add(journey: StoredJourney, ride: ReturnType<typeof priceUnderPolicy>, hour: number): void {
    const { before, after, touched } = ride;
    this.tally.addRide({ lineId: journey.lineId, hour, before, after });
    if (before.outcome === 'held') this.grounds.heldRides += 1;
    else if (after.outcome === 'held') this.grounds.unpricedRides += 1;
    if (!touched) return;
    this.grounds.touchedRides += 1;
    if (this.#holder.person.birthDate === null && journey.outcome !== 'loss') {
      this.grounds.unknownAgeRides += 1;
      this.#unknownAge = true;
    }
    if (ride.borrowedEvidence) this.#borrowed = true;
  }

  endCard(): void {
    this.tally.endCard();
    if (this.#unknownAge) this.grounds.unknownAgeCards += 1;
    if (this.#borrowed) this.grounds.borrowedEvidenceCards += 1;
    this.earlier = [];
    this.#unknownAge = false;
    this.#borrowed = false;
  }
}
