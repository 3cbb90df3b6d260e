import { zoneClock } from '../calendar/zone-clock.ts';
import { UNKNOWN_HOLDER } from '../concessions/holder-facts.ts';
import { holderOf } from '../concessions/holder-of-enrolments.ts';
import { priceHeld } from '../journeys/settle-card.ts';
import { readHeldJourneys, type StoredHeldJourney } from '../store/card-rides.ts';
import { readEnrolments } from '../store/concession-enrolments.ts';
import type { Transaction } from '../store/connection.ts';
import { cardName, inSettlingTransaction, writeSettled } from '../store/settling.ts';
import { StoreFault } from '../store/store-fault.ts';
import { bookAdjustments, chargedRides, factsOfRidden, findSpans, readPast } from './card-past.ts';
import { startRestingLoop, type RestingLoop } from './resting-loop.ts';
import { postingsOf, settlingRules, type SettlingDependencies } from './settle-taps.ts';
import { SettlingPace } from './settling-pace.ts';

export type HeldResult = {
  /** held journeys that were looked at */
  readonly looked: number;
  /** of these, priced now */
  readonly priced: number;
  /** charged fares that changed because a ride before them got its fare */
  readonly adjusted: number;
};

/** Held rides of one transaction: what is charged now waits for no more of them. */
const PAGE = 50;

export type HeldOrder = {
  /** turns are taken ride by ride, as settling takes them */
  readonly pace?: SettlingPace;
  /** asked between two transactions */
  readonly isStopped?: () => boolean;
  /** one ride that cannot be priced, for a reason that another one need not have; without it such a ride ends the job */
  readonly onFault?: (fault: unknown) => void;
};

/**
 * Prices held journeys again, oldest first. Each page is one settling transaction; a journey that was priced is held no more, so the job
 * may die anywhere and be run again, and a second run finds nothing. Where something is wrong with one ride, those of its page are priced
 * one by one, and all but that one have their fare.
 *
 * @throws StoreFault
 */
export async function priceHeldJourneys(
  dependencies: SettlingDependencies,
  { pace = new SettlingPace(), isStopped = () => false, onFault }: HeldOrder = {},
): Promise<HeldResult> {
  let total: HeldResult = { looked: 0, priced: 0, adjusted: 0 };
  let afterSettledNo = 0;
  let alone = 0;
  while (!isStopped()) {
    const limit = alone > 0 ? 1 : PAGE;
    alone = Math.max(0, alone - 1);
    try {
      const page = await pricePage(dependencies, { afterSettledNo, limit }, pace);
      total = sumOf(total, page);
      afterSettledNo = page.lastSettledNo;
      if (page.looked < limit) break;
    } catch (fault) {
      if (onFault === undefined || isOfStore(fault)) throw fault;
      if (limit > 1) {
        alone = PAGE;
        continue;
      }
      onFault(fault);
      const [passed] = await readHeldJourneys(dependencies.database.hot, { afterSettledNo, limit });
      afterSettledNo = passed?.settledNo ?? afterSettledNo;
    }
  }
  return total;
}

/** The database itself, and not what lies in it: every other ride would meet the same. */
const isOfStore = (fault: unknown): boolean =>
  fault instanceof StoreFault && (fault.code === 'unavailable' || fault.code === 'conflict');

const sumOf = (a: HeldResult, b: HeldResult): HeldResult => ({
  looked: a.looked + b.looked,
  priced: a.priced + b.priced,
  adjusted: a.adjusted + b.adjusted,
});

function pricePage(
  dependencies: SettlingDependencies,
  page: { readonly afterSettledNo: number; readonly limit: number },
  pace: SettlingPace,
): Promise<HeldResult & { readonly lastSettledNo: number }> {
  return inSettlingTransaction(dependencies.database, async (transaction) => {
    const held = await readHeldJourneys(transaction, page);
    let [priced, adjusted] = [0, 0];
    // One by one: a ride that gets its fare is in the totals of the next one of its card.
    for (const one of held) {
      if (pace.isTurnOver()) await pace.takeTurn();
      const outcome = await priceOne(dependencies, transaction, one);
      if (outcome !== null) [priced, adjusted] = [priced + 1, adjusted + outcome];
    }
    const lastSettledNo = held[held.length - 1]?.settledNo ?? page.afterSettledNo;
    return { looked: held.length, priced, adjusted, lastSettledNo };
  });
}

/** How often the rules' files are looked at. */
const LOOK_EVERY_MS = 10_000;
/** Without other rules too, because what a desk writes down or a network learns may be what a ride waited for. */
const WALK_EVERY_MS = 60 * 60 * 1000;

/**
 * Prices held rides behind a running gateway: at its start, as soon as other rules are in force, and from time to time.
 *
 * @param look whether other rules are in force since
 */
export function startPricingHeld(order: {
  readonly dependencies: () => SettlingDependencies;
  readonly look: () => Promise<boolean>;
  readonly waiting: () => number;
  readonly onFault: (fault: unknown) => void;
  readonly lookEveryMs?: number;
}): RestingLoop {
  const { dependencies, look, waiting, onFault, lookEveryMs = LOOK_EVERY_MS } = order;
  const pace = new SettlingPace(waiting);
  let dueAtMs = 0;
  return startRestingLoop(
    async (isStopped) => {
      if (await look()) dueAtMs = 0;
      if (performance.now() < dueAtMs) return false;
      await priceHeldJourneys(dependencies(), { pace, isStopped, onFault });
      dueAtMs = performance.now() + WALK_EVERY_MS;
      return false;
    },
    lookEveryMs,
    onFault,
  );
}

/** @returns how many charged fares changed; null while the journey still has no fare */
async function priceOne(
  dependencies: SettlingDependencies,
  transaction: Transaction,
  held: StoredHeldJourney,
): Promise<number | null> {
  const { keys, reference } = dependencies;
  const operator = reference.operators.get(held.operatorId);
  const standing = held.trace.heldAs;
  if (operator === undefined || standing === undefined) return null;
  const enrolments = await readEnrolments(transaction, keys, [held]);
  const holder =
    enrolments.length === 0 ? UNKNOWN_HOLDER : holderOf(enrolments, zoneClock(operator.timeZone));
  const name = cardName(held);
  const moment = { ...held, tappedAtMs: held.startedAtMs };
  const spans = findSpans([{ ...held, taps: [moment] }], new Map([[name, holder]]), dependencies);
  const past = (await readPast(transaction, spans)).get(name) ?? null;
  const priced = priceHeld(
    {
      row: held,
      ...{ standing, holder },
      facts: factsOfRidden(held, held.rail === 'oda' ? null : held.amountFen, dependencies),
      valuation: held.trace.valuation ?? null,
      past: past === null ? null : chargedRides(past, holder, dependencies),
    },
    settlingRules(dependencies),
  );
  if (priced === null) return null;
  const booked = bookAdjustments(priced.adjustments, past ?? []);
  await writeSettled(
    transaction,
    {
      journeys: [priced.journey],
      postings: [...postingsOf(priced.journey), ...booked.postings],
      adjustments: booked.rows,
      settledTaps: [],
      nowWaiting: [],
    },
    dependencies.database,
  );
  return booked.rows.length;
}
