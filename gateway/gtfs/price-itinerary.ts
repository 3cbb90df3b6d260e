import type { FareProduct, FaresFeed, TransferRule } from './fares-feed.ts';
import { matchLeg, type Leg } from './match-leg.ts';

/** Who pays with what; null = not stated. */
export type Payer = { readonly riderCategoryId: string | null; readonly fareMediaId: string | null };

export type ItineraryFare =
  | {
      readonly outcome: 'priced';
      readonly amountMinor: number;
      readonly currency: string;
      readonly fareProductIds: readonly string[];
    }
  | {
      readonly outcome: 'unknown';
      readonly leg: number;
      readonly reason: 'no_leg_rule' | 'no_product' | 'currencies_differ';
    };

/** Chains consecutive legs that join rules make one: its start is that of the first leg, its end that of the last. */
export function joinLegs(feed: FaresFeed, legs: readonly Leg[]): Leg[] {
  const effective: Leg[] = [];
  for (const leg of legs) {
    const before = effective[effective.length - 1];
    const joins =
      before !== undefined &&
      feed.joinRules.some(
        (rule) =>
          rule.fromNetworkId === before.networkId &&
          rule.toNetworkId === leg.networkId &&
          (rule.fromStopId === '' || rule.fromStopId === before.toStopId) &&
          (rule.toStopId === '' || rule.toStopId === leg.fromStopId),
      );
    if (joins)
      effective[effective.length - 1] = {
        ...leg,
        fromAreaIds: before.fromAreaIds,
        fromStopId: before.fromStopId,
        startLocal: before.startLocal,
      };
    else effective.push(leg);
  }
  return effective;
}

type Choice = { readonly legGroupId: string; readonly product: FareProduct };
type State = {
  readonly total: number;
  readonly products: readonly string[];
  readonly last: Choice;
  /** transfers made inside the last leg group */
  readonly transfers: number;
};

/**
 * Finds the cheapest way to pay an itinerary: leg products chosen for the payer, and between two legs the transfer arrangement that
 * matches, or none. Types: 0 = A + AB, 1 = A + AB + B, 2 = AB, where A is what was paid so far (fares note 4.1). No leg rule = the
 * fare is unknown, never zero; no transfer rule = the legs are priced apart.
 */
export function priceItinerary(feed: FaresFeed, legs: readonly Leg[], payer: Payer): ItineraryFare {
  const effective = joinLegs(feed, legs);
  let states: State[] = [];
  for (const [index, leg] of effective.entries()) {
    const rules = matchLeg(feed, leg);
    if (rules.length === 0) return { outcome: 'unknown', leg: index, reason: 'no_leg_rule' };
    const choices = rules.flatMap((rule) =>
      productsFor(feed, rule.fareProductId, payer).map((product) => ({
        legGroupId: rule.legGroupId,
        product,
      })),
    );
    if (choices.length === 0) return { outcome: 'unknown', leg: index, reason: 'no_product' };
    const before = effective[index - 1];
    states = before
      ? cheapestPerGroup(
          states.flatMap((state) =>
            choices.flatMap((choice) => continueWith(feed, state, before, leg, choice, payer)),
          ),
        )
      : cheapestPerGroup(choices.map((choice) => startWith(choice)));
  }
  const best = states.sort((a, b) => a.total - b.total)[0];
  if (!best) return { outcome: 'unknown', leg: 0, reason: 'no_leg_rule' };
  const currencies = new Set(
    feed.products.filter((p) => best.products.includes(p.fareProductId)).map((p) => p.currency),
  );
  if (currencies.size > 1) return { outcome: 'unknown', leg: 0, reason: 'currencies_differ' };
  return {
    outcome: 'priced',
    amountMinor: best.total,
    currency: best.last.product.currency,
    fareProductIds: best.products,
  };
}

function startWith(choice: Choice): State {
  const { product } = choice;
  return {
    total: product.amountMinor,
    products: [product.fareProductId],
    last: choice,
    transfers: 0,
  };
}

function continueWith(
  feed: FaresFeed,
  state: State,
  before: Leg,
  leg: Leg,
  choice: Choice,
  payer: Payer,
): State[] {
  const apart: State = {
    total: state.total + choice.product.amountMinor,
    products: [...state.products, choice.product.fareProductId],
    last: choice,
    transfers: 0,
  };
  const sameGroup = state.last.legGroupId === choice.legGroupId;
  const made = sameGroup ? state.transfers + 1 : 1;
  const rules = transferRulesFor(feed, state.last.legGroupId, choice.legGroupId).filter(
    (rule) =>
      (rule.transferCount === null || rule.transferCount === -1 || made <= rule.transferCount) &&
      isInTime(rule, before, leg),
  );
  const smallest = Math.min(
    ...rules.map((r) => (r.transferCount === null || r.transferCount === -1 ? Infinity : r.transferCount)),
  );
  const arranged = rules
    .filter((r) => smallest === Infinity || r.transferCount === smallest)
    .flatMap((rule) => {
      const between = rule.fareProductId === '' ? [null] : productsFor(feed, rule.fareProductId, payer);
      return between.map((product): State => {
        const ab = product?.amountMinor ?? 0;
        const b = choice.product.amountMinor;
        const a = state.total;
        const total = rule.fareTransferType === 0 ? a + ab : rule.fareTransferType === 1 ? a + ab + b : ab;
        const bought = [
          ...(rule.fareTransferType === 2 ? [] : state.products),
          ...(product ? [product.fareProductId] : []),
          ...(rule.fareTransferType === 1 ? [choice.product.fareProductId] : []),
        ];
        return { total, products: bought, last: choice, transfers: made };
      });
    });
  return arranged.length > 0 ? arranged : [apart];
}

/** Empty groups of a transfer rule mean every group that the column does not list, with and without priorities. */
function transferRulesFor(feed: FaresFeed, from: string, to: string): TransferRule[] {
  const listedFrom = new Set(feed.transferRules.map((r) => r.fromLegGroupId).filter((id) => id !== ''));
  const listedTo = new Set(feed.transferRules.map((r) => r.toLegGroupId).filter((id) => id !== ''));
  const holds = (value: string, group: string, listed: ReadonlySet<string>): boolean =>
    value === '' ? !listed.has(group) : value === group;
  return feed.transferRules.filter(
    (r) => holds(r.fromLegGroupId, from, listedFrom) && holds(r.toLegGroupId, to, listedTo),
  );
}

/** The limit runs between two fare validations, one of the leg before and one of this leg. */
function isInTime(rule: TransferRule, before: Leg, leg: Leg): boolean {
  if (rule.durationLimitSeconds === null) return true;
  const start =
    rule.durationLimitType === 0 || rule.durationLimitType === 1 ? before.startLocal : before.endLocal;
  const end = rule.durationLimitType === 0 || rule.durationLimitType === 3 ? leg.endLocal : leg.startLocal;
  return (Date.parse(`${end}Z`) - Date.parse(`${start}Z`)) / 1000 <= rule.durationLimitSeconds;
}

/** Products for a payer: an empty category is any, and an empty medium is one that is not known, taken as any. */
export function productsFor(feed: FaresFeed, fareProductId: string, payer: Payer): FareProduct[] {
  return feed.products.filter(
    (p) =>
      p.fareProductId === fareProductId &&
      (payer.riderCategoryId === null ||
        p.riderCategoryId === '' ||
        p.riderCategoryId === payer.riderCategoryId) &&
      (payer.fareMediaId === null || p.fareMediaId === '' || p.fareMediaId === payer.fareMediaId),
  );
}

/** Later rules look only at the group and the count: of equal ones the cheapest stays. */
function cheapestPerGroup(states: readonly State[]): State[] {
  const best = new Map<string, State>();
  for (const state of states) {
    const key = JSON.stringify([state.last.legGroupId, state.transfers]);
    const known = best.get(key);
    if (!known || state.total < known.total) best.set(key, state);
  }
  return [...best.values()];
}
