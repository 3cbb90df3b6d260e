import { ZERO_FEN, fen, type Fen } from '@tapgate/sdk/wire/money';

/** What one ride is on one side of the comparison. */
export type RideOutcome = {
  /** chargeable | debt | loss | held */
  readonly outcome: string;
  readonly listFareFen: Fen | null;
  readonly fareFen: Fen | null;
  readonly concessionRuleId: string | null;
  readonly funder: string | null;
  readonly shortfallFen: Fen | null;
  readonly claimedFen: Fen | null;
};

export type TalliedRide = {
  readonly lineId: string;
  /** local hour in which it began */
  readonly hour: number;
  readonly before: RideOutcome;
  readonly after: RideOutcome;
};

/** Sums of one side, in fen. Revenue of the operators is charged + owed + losses + claims. */
export type Side = {
  chargedFen: number;
  /** fares of debts: travelled, and not charged to a bank */
  owedFen: number;
  /** list fares of rides that nobody proved */
  lossesFen: number;
  readonly claimedFen: Map<string, number>;
  /** given to riders, and claimed from nobody */
  unfundedFen: number;
  full: number;
  reduced: number;
  free: number;
  held: number;
};

export type Both<Of> = { readonly before: Of; readonly after: Of };
export type RideKind = 'full' | 'reduced' | 'free';
export type KindCounts = Record<RideKind, number>;
export type RuleSums = { rides: number; shortfallFen: number; claimedFen: number };
export type LineSums = { rides: number; chargedFen: number; claimedFen: number };
const HOURS = 24;

/** Adds up two sides of the same rides. Memory is that of the lines, rules and hours, however many rides there are. */
export class PolicyTally {
  rides = 0;
  readonly side: Both<Side> = { before: emptySide(), after: emptySide() };
  readonly hours: readonly Both<KindCounts>[] = Array.from({ length: HOURS }, () => ({
    before: { full: 0, reduced: 0, free: 0 },
    after: { full: 0, reduced: 0, free: 0 },
  }));
  readonly lines = new Map<string, Both<LineSums>>();
  readonly rules = new Map<string, Both<RuleSums>>();
  /** cards, by what the policy does to the sum of their fares */
  readonly riders = { all: 0, payLess: 0, payMore: 0, rideFreeMore: 0 };
  #card = { differenceFen: 0, rodeFreeMore: false, any: false };

  addRide(ride: TalliedRide): void {
    this.rides += 1;
    this.#card.any = true;
    for (const when of ['before', 'after'] as const) {
      const outcome = ride[when];
      addOutcome(this.side[when], outcome);
      const kind = kindOf(outcome);
      const hour = this.hours[ride.hour];
      if (kind !== null && hour !== undefined) hour[when][kind] += 1;
      this.#addLine(ride.lineId, when, outcome);
      this.#addRule(when, outcome);
    }
    const { before, after } = ride;
    if (before.outcome === 'loss') return;
    this.#card.differenceFen += (after.fareFen ?? 0) - (before.fareFen ?? 0);
    this.#card.rodeFreeMore ||= kindOf(after) === 'free' && kindOf(before) !== 'free';
  }

  /** The rides of one card are all added. */
  endCard(): void {
    if (!this.#card.any) return;
    this.riders.all += 1;
    if (this.#card.differenceFen < 0) this.riders.payLess += 1;
    if (this.#card.differenceFen > 0) this.riders.payMore += 1;
    if (this.#card.rodeFreeMore) this.riders.rideFreeMore += 1;
    this.#card = { differenceFen: 0, rodeFreeMore: false, any: false };
  }

  #addLine(lineId: string, when: keyof Both<unknown>, outcome: RideOutcome): void {
    let line = this.lines.get(lineId);
    if (line === undefined) {
      const none = (): LineSums => ({ rides: 0, chargedFen: 0, claimedFen: 0 });
      this.lines.set(lineId, (line = { before: none(), after: none() }));
    }
    line[when].rides += 1;
    if (outcome.outcome === 'chargeable') line[when].chargedFen += outcome.fareFen ?? 0;
    line[when].claimedFen += outcome.claimedFen ?? 0;
  }

  #addRule(when: keyof Both<unknown>, outcome: RideOutcome): void {
    if (outcome.concessionRuleId === null) return;
    let rule = this.rules.get(outcome.concessionRuleId);
    if (rule === undefined) {
      const none = (): RuleSums => ({ rides: 0, shortfallFen: 0, claimedFen: 0 });
      this.rules.set(outcome.concessionRuleId, (rule = { before: none(), after: none() }));
    }
    rule[when].rides += 1;
    rule[when].shortfallFen += outcome.shortfallFen ?? 0;
    rule[when].claimedFen += outcome.claimedFen ?? 0;
  }
}

function emptySide(): Side {
  return {
    ...{ chargedFen: 0, owedFen: 0, lossesFen: 0, unfundedFen: 0, full: 0, reduced: 0, free: 0, held: 0 },
    claimedFen: new Map(),
  };
}

function addOutcome(side: Side, outcome: RideOutcome): void {
  const kind = kindOf(outcome);
  if (kind === null) side.held += 1;
  else side[kind] += 1;
  const fare = outcome.fareFen ?? ZERO_FEN;
  if (outcome.outcome === 'chargeable') side.chargedFen += fare;
  else if (outcome.outcome === 'debt') side.owedFen += fare;
  else if (outcome.outcome === 'loss') side.lossesFen += fare;
  if (outcome.claimedFen !== null && outcome.funder !== null)
    side.claimedFen.set(outcome.funder, (side.claimedFen.get(outcome.funder) ?? 0) + outcome.claimedFen);
  side.unfundedFen += Math.max(0, (outcome.shortfallFen ?? 0) - (outcome.claimedFen ?? 0));
}

/** free: nothing is charged of a fare; reduced: less than the list fare; null: held, not priced. */
function kindOf({ fareFen, listFareFen }: RideOutcome): RideKind | null {
  if (fareFen === null || listFareFen === null) return null;
  if (fareFen === 0 && listFareFen > 0) return 'free';
  return fareFen < listFareFen ? 'reduced' : 'full';
}

export const revenueFen = (side: Side): Fen =>
  fen(
    side.chargedFen +
      side.owedFen +
      side.lossesFen +
      [...side.claimedFen.values()].reduce((a, b) => a + b, 0),
  );
