import type { TapOutcome } from '@tapgate/sdk/wire/verdict';
import type { SeededRandom } from '../seeded-random.ts';

/** A terminal as the plan needs it: where it stands, and what a tap there is. */
export type PlanTerminal = {
  readonly terminalId: string;
  readonly lineId: string;
  readonly stationId: string | null;
  readonly tapKind: 'entry' | 'exit' | 'single';
};

/** The network by what a rider does there. */
export type PlanNetwork = {
  readonly concessionBuses: readonly PlanTerminal[];
  readonly flatBuses: readonly PlanTerminal[];
  readonly metroGates: readonly PlanTerminal[];
  readonly clinics: readonly PlanTerminal[];
};

/**
 * good: a genuine card in good standing. hotlisted: on the list that every gate holds. hotlistedToday: put on the list while
 * the gates still hold the older one. forged: signs with a key that its certificate does not name.
 */
export type CardStanding = 'good' | 'hotlisted' | 'hotlistedToday' | 'forged';

/** What a desk has registered of an older rider: the age on the day, and the category under which the evidence of it lies. */
export type RegisteredAge = { readonly years: number; readonly category: 'senior-60' | 'senior-70' };

export type PlannedCard = {
  readonly card: number;
  readonly bank: number;
  readonly psn: number;
  /** null: nobody has registered anything, whatever the rider's age is */
  readonly registered: RegisteredAge | null;
  readonly standing: CardStanding;
};

/**
 * How a tap reaches the gateway. online: at once. late: its bus is out of coverage and uploads hours afterwards. repeated: the
 * answer was lost and the same bytes are sent again. copied: a second terminal claims the same act of the card.
 */
export type Delivery = 'online' | 'late' | 'repeated' | 'copied';

export type PlannedTap = {
  readonly atMs: number;
  readonly terminal: PlanTerminal;
  readonly card: number;
  readonly amountFen: number | null;
  readonly delivery: Delivery;
  /** what a careful clerk who knows the plan expects of the gateway, without asking it */
  readonly expected: TapOutcome;
};

export type ServiceDayPlan = {
  readonly cards: readonly PlannedCard[];
  readonly taps: readonly PlannedTap[];
  /** the bus that is offline for three hours, and the one whose gate opens for anything that answers */
  readonly offlineBus: PlanTerminal;
  readonly faultyBus: PlanTerminal;
};

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** From one gate to the other, and from the end of a trip to the start of the next. */
const LONGEST_TRIP_MS = 46 * MINUTE_MS;
const BETWEEN_TRIPS_MS = 12 * MINUTE_MS;

/** Parts of the day: local hours and the share of trips that begin in them. */
const DAY_PARTS = [
  { fromHour: 6, toHour: 7, share: 0.05 },
  { fromHour: 7, toHour: 9, share: 0.38 },
  { fromHour: 9, toHour: 17, share: 0.27 },
  { fromHour: 17, toHour: 19, share: 0.25 },
  { fromHour: 19, toHour: 22, share: 0.05 },
] as const;

/** The offline bus is out of coverage for three hours of the peak, ms after local midnight; then it uploads. */
const OUT_OF_COVERAGE_MS = 7 * HOUR_MS + 15 * MINUTE_MS;
export const BACK_IN_COVERAGE_MS = 10 * HOUR_MS + 15 * MINUTE_MS;

const SHARE = {
  /** registered with evidence of their age; those from 60 to 69 pay the full fare today */
  aged70: 0.22,
  aged65: 0.08,
  aged60: 0.07,
  hotlisted: 0.012,
  hotlistedToday: 0.012,
  forged: 0.012,
  metro: 0.45,
  concessionBus: 0.35,
  flatBus: 0.15,
  missingTapOut: 0.02,
  repeated: 0.015,
  copied: 0.003,
} as const;

/**
 * Plans one service day: who rides, when, where, and what goes wrong. Pure: the same arguments give the same plan.
 *
 * @param midnightMs local midnight at which the calendar date begins, ms since the Unix epoch
 * @param taps       how many presentations of a card the day has; repeated and copied deliveries come on top
 */
export function planServiceDay(options: {
  readonly network: PlanNetwork;
  readonly banks: number;
  readonly cards: number;
  readonly taps: number;
  readonly midnightMs: number;
  readonly random: SeededRandom;
}): ServiceDayPlan {
  const { network, random, midnightMs } = options;
  const cards = planCards(options);
  const [offlineBus, faultyBus] = [network.concessionBuses[0], network.concessionBuses.at(-1)];
  if (!offlineBus || !faultyBus || offlineBus === faultyBus)
    throw new RangeError('the plan needs two buses with concessions');

  const freeFromMs = new Map<number, number>();
  const tripsOf = new Map<number, number[]>();
  const taps: PlannedTap[] = [];
  const add = (
    card: PlannedCard,
    terminal: PlanTerminal,
    atMs: number,
    amountFen: number | null = null,
  ): void => {
    const offline = terminal === offlineBus && isOffline(atMs - midnightMs);
    const luck = random.next();
    const fate =
      luck < SHARE.repeated ? 'repeated' : luck < SHARE.repeated + SHARE.copied ? 'copied' : 'online';
    const expected = expectedOutcome(card, terminal === faultyBus);
    // A copy of a record that was no good act of a card to begin with says nothing about copying.
    const delivery = offline ? 'late' : fate === 'copied' && expected !== 'chargeable' ? 'online' : fate;
    taps.push({ atMs, terminal, card: card.card, amountFen, delivery, expected });
    freeFromMs.set(card.card, Math.max(freeFromMs.get(card.card) ?? 0, atMs + BETWEEN_TRIPS_MS));
  };
  /** A start in its part of the day at which the rider is not under way; a rider with a full day starts when it is over. */
  const freeStartMs = (card: PlannedCard): number => {
    const trips = tripsOf.get(card.card) ?? [];
    tripsOf.set(card.card, trips);
    for (let tries = 0; tries < 8; tries += 1) {
      const startMs = midnightMs + tripStartMs(random);
      if (trips.some((otherMs) => Math.abs(otherMs - startMs) < LONGEST_TRIP_MS + BETWEEN_TRIPS_MS)) continue;
      trips.push(startMs);
      return startMs;
    }
    const startMs = freeFromMs.get(card.card) ?? midnightMs + DAY_PARTS[0].fromHour * HOUR_MS;
    trips.push(startMs);
    return startMs;
  };

  while (taps.length < options.taps) {
    const card = random.pick(cards);
    const startMs = freeStartMs(card);
    if (startMs > midnightMs + 22 * HOUR_MS) continue;
    const kind = random.next();
    if (kind < SHARE.metro && options.taps - taps.length >= 2) {
      const entry = random.pick(network.metroGates.filter((gate) => gate.tapKind === 'entry'));
      const exit = random.pick(
        network.metroGates.filter((gate) => gate.tapKind === 'exit' && gate.stationId !== entry.stationId),
      );
      add(card, entry, startMs);
      if (expectedOutcome(card, false) === 'denied' || random.next() < SHARE.missingTapOut) continue;
      add(card, exit, startMs + 6 * MINUTE_MS + random.below(LONGEST_TRIP_MS - 6 * MINUTE_MS));
    } else if (kind < SHARE.metro + SHARE.concessionBus) {
      // Whoever forged a card has heard which bus opens for anything.
      add(
        card,
        card.standing === 'forged' && random.next() < 0.6 ? faultyBus : random.pick(network.concessionBuses),
        startMs,
      );
    } else if (kind < SHARE.metro + SHARE.concessionBus + SHARE.flatBus) {
      add(card, random.pick(network.flatBuses), startMs);
    } else if (kind < 0.99) {
      add(card, random.pick(network.concessionBuses), startMs);
    } else {
      add(card, random.pick(network.clinics), startMs, 500 + random.below(60) * 50);
    }
  }
  taps.sort((a, b) => a.atMs - b.atMs || a.card - b.card);
  return { cards, taps, offlineBus, faultyBus };
}

function planCards(options: {
  readonly cards: number;
  readonly banks: number;
  readonly random: SeededRandom;
}): PlannedCard[] {
  const { random } = options;
  return Array.from({ length: options.cards }, (_unused, card): PlannedCard => {
    const luck = random.next();
    const standing: CardStanding =
      luck < SHARE.hotlisted
        ? 'hotlisted'
        : luck < SHARE.hotlisted + SHARE.hotlistedToday
          ? 'hotlistedToday'
          : luck < SHARE.hotlisted + SHARE.hotlistedToday + SHARE.forged
            ? 'forged'
            : 'good';
    return { card, bank: card % options.banks, psn: 1, registered: registeredAge(random), standing };
  });
}

function registeredAge(random: SeededRandom): RegisteredAge | null {
  const luck = random.next();
  if (luck < SHARE.aged70) return { years: 70 + random.below(20), category: 'senior-70' };
  if (luck < SHARE.aged70 + SHARE.aged65) return { years: 65 + random.below(5), category: 'senior-60' };
  if (luck < SHARE.aged70 + SHARE.aged65 + SHARE.aged60)
    return { years: 60 + random.below(5), category: 'senior-60' };
  return null;
}

function tripStartMs(random: SeededRandom): number {
  let luck = random.next();
  for (const part of DAY_PARTS) {
    if (luck < part.share)
      return part.fromHour * HOUR_MS + random.below((part.toHour - part.fromHour) * HOUR_MS);
    luck -= part.share;
  }
  return 12 * HOUR_MS + random.below(HOUR_MS);
}

function isOffline(sinceMidnightMs: number): boolean {
  return sinceMidnightMs >= OUT_OF_COVERAGE_MS && sinceMidnightMs < BACK_IN_COVERAGE_MS;
}

function expectedOutcome(card: PlannedCard, faultyGate: boolean): TapOutcome {
  switch (card.standing) {
    case 'good':
      return 'chargeable';
    case 'hotlistedToday':
      return 'debt';
    case 'hotlisted':
      // The faulty gate checks nothing at all, the list included.
      return faultyGate ? 'loss' : 'denied';
    case 'forged':
      return faultyGate ? 'loss' : 'denied';
  }
}
