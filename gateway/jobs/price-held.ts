import { zoneClock } from '../calendar/zone-clock.ts';
import { UNKNOWN_HOLDER } from '../concessions/holder-facts.ts';
import { holderOf } from '../concessions/holder-of-enrolments.ts';
import { priceHeld } from '../journeys/settle-card.ts';
import { readHeldJourneys, type StoredHeldJourney } from '../store/card-rides.ts';
import { readEnrolments } from '../store/concession-enrolments.ts';
import type { Transaction } from '../store/connection.ts';
import { cardName, inSettlingTransaction, writeSettled } from '../store/settling.ts';
import { bookAdjustments, chargedRides, factsOfRidden, findSpans, readPast } from './card-past.ts';
import { postingsOf, settlingRules, type SettlingDependencies } from './settle-taps.ts';

export type HeldResult = {
  /** held journeys that were looked at */
  readonly looked: number;
  /** of these, priced now */
  readonly priced: number;
  /** charged fares that changed because a ride before them got its fare */
  readonly adjusted: number;
};

const PAGE = 200;

/**
 * Prices held journeys again, oldest first: run when a year's day types or a rule set have arrived, which is at every start of a
 * gateway, because that is when they are loaded. Each page is one settling transaction; a journey that was priced is held no more, so the
 * job may die anywhere and be run again, and a second run finds nothing.
 *
 * @throws StoreFault
 */
export async function priceHeldJourneys(dependencies: SettlingDependencies): Promise<HeldResult> {
  let total: HeldResult = { looked: 0, priced: 0, adjusted: 0 };
  let afterSettledNo = 0;
  for (;;) {
    const page = await inSettlingTransaction(dependencies.database, async (transaction) => {
      const held = await readHeldJourneys(transaction, { afterSettledNo, limit: PAGE });
      let [priced, adjusted] = [0, 0];
      // One by one: a ride that gets its fare is in the totals of the next one of its card.
      for (const one of held) {
        const outcome = await priceOne(dependencies, transaction, one);
        if (outcome !== null) [priced, adjusted] = [priced + 1, adjusted + outcome];
      }
      return {
        looked: held.length,
        priced,
        adjusted,
        last: held[held.length - 1]?.settledNo ?? afterSettledNo,
      };
    });
    afterSettledNo = page.last;
    total = {
      looked: total.looked + page.looked,
      priced: total.priced + page.priced,
      adjusted: total.adjusted + page.adjusted,
    };
    if (page.looked < PAGE) return total;
  }
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
