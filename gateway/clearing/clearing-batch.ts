import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen, ZERO_FEN, type Fen } from '@tapgate/sdk/wire/money';
import type { Rail, TapKind } from '@tapgate/sdk/wire/rails';

/**
 * The canonical clearing batch: what one party is asked to pay for one clearing date. Every file format is a table over it.
 *
 * A batch is a half-open range of settled journeys between two cut-overs, for one party and kind. It is never held in memory
 * as a whole: `Presentment`, `DeferredCharge` and `ClaimedRide` are its items, and they come in the order stated at each type, which depends
 * on the cards and their acts and on nothing that differs between two runs or two machines.
 */
export type BatchIdentity = {
  /** a bank, or the funder of a claim */
  readonly party: string;
  readonly kind: BatchKind;
  readonly clearingDate: IsoDate;
  /** restarts at 1 for every party, kind and date */
  readonly sequence: number;
};

export const BATCH_KINDS = ['offline_purchase', 'deferred_charge', 'subsidy_claim'] as const;
export type BatchKind = (typeof BATCH_KINDS)[number];

/** The rail whose journeys a bank's batch presents; a claim gathers rides of every rail. */
export const RAIL_OF_KIND: Readonly<Record<Exclude<BatchKind, 'subsidy_claim'>, Rail>> = {
  offline_purchase: 'offline_purchase',
  deferred_charge: 'oda',
};

/** Where a tap took place, as the acquiring side names it. */
export type Merchant = { readonly merchantId: string; readonly nameZh: string; readonly mcc: string };

/**
 * One tap as a bank must see it to prove it again: PAN in clear, every data object verbatim from the tap record in upper-case
 * hex, nothing rebuilt (clearing.md 1.2: a wrong unpredictable number or amount breaks the cryptogram).
 */
export type PresentedTap = {
  readonly terminalId: string;
  readonly tapSequence: number;
  readonly tappedAtMs: number;
  readonly tapKind: TapKind;
  readonly lineId: string;
  readonly stationId: string | null;
  readonly pan: string;
  /** 5F24 as YYMMDD digits, empty where the card gave none */
  readonly expiry: string;
  /** DF name of the selected application, hex */
  readonly dfName: string;
  /** value in hex by tag: 9F26 9F27 9F10 9F36 82 9F37 9F02 9F03 95 9A 9C 9F1A 5F2A 9F33 9F1E 9F34 9F35 9F09 9F41, where there */
  readonly objects: ReadonlyMap<string, string>;
};

/** One offline purchase: the card's TC is the money. In order of service date, card token, card sequence number, start of the journey, journey id. */
export type Presentment = {
  readonly serviceDate: IsoDate;
  readonly psn: number;
  readonly amountFen: Fen;
  readonly merchant: Merchant;
  readonly tap: PresentedTap;
};

/**
 * What one card owes for one service date, with every tap of it. In order of service date, card token, card sequence number;
 * its taps in order of ATC.
 */
export type DeferredCharge = {
  readonly serviceDate: IsoDate;
  readonly psn: number;
  readonly amountFen: Fen;
  readonly taps: readonly PresentedTap[];
};

/** One ride for which a funder pays. In order of service date, operator, line, then card pseudonym and journey. */
export type ClaimedRide = {
  readonly serviceDate: IsoDate;
  readonly journeyId: string;
  readonly cardPseudonym: string;
  readonly operatorId: string;
  readonly lineId: string;
  readonly mode: string;
  readonly riderCategory: string;
  readonly concessionRuleId: string;
  readonly ruleSetVersion: string;
  readonly startedAtMs: number;
  readonly entryTap: string;
  readonly exitTap: string;
  readonly listFareFen: Fen;
  readonly fareFen: Fen;
  readonly shortfallFen: Fen;
  readonly claimedFen: Fen;
};

export type BatchTotals = { readonly records: number; readonly totalFen: Fen };

/**
 * What changed in a charged fare, as its bank must see it (adjustments.md): the ride by its first tap, and the fare before and after. In
 * order of service date, card token, card sequence number, start of the journey, journey id, then as the changes were made.
 */
export type Adjustment = {
  readonly adjustmentId: string;
  readonly serviceDate: IsoDate;
  readonly psn: number;
  readonly tap: PresentedTap;
  readonly merchant: Merchant | null;
  /** as the ride stood before this change, and after it; both are never negative, and they differ */
  readonly chargedFen: Fen;
  readonly fareFen: Fen;
  readonly reason: AdjustmentReason;
  /** clearing date of the bank's batch in which the ride is */
  readonly presentedOn: IsoDate;
};

/** What changed in a funder's share of a ride. In order of service date, operator, line, start of the journey, journey id, then as made. */
export type ClaimChange = {
  readonly adjustmentId: string;
  readonly journeyId: string;
  readonly serviceDate: IsoDate;
  readonly cardPseudonym: string;
  readonly operatorId: string;
  readonly lineId: string;
  /** under which the ride is claimed now; empty where it is claimed no more */
  readonly concessionRuleId: string;
  readonly reason: AdjustmentReason;
  /** clearing date of this funder's claim in which the ride is; null where the funder was not asked for it before */
  readonly claimedOn: IsoDate | null;
  readonly beforeFen: Fen;
  readonly afterFen: Fen;
};

/** `late_ride`: a ride before it came after it; `late_price`: a ride before it was held and got its fare after it. */
export const ADJUSTMENT_REASONS = ['late_ride', 'late_price'] as const;
export type AdjustmentReason = (typeof ADJUSTMENT_REASONS)[number];

/** Lines of adjustments and their two sums, neither negative: what is asked for in addition, and what is given back. */
export type AdjustmentTotals = {
  readonly records: number;
  readonly extraFen: Fen;
  readonly reducedFen: Fen;
};

export const NO_ADJUSTMENTS: AdjustmentTotals = { records: 0, extraFen: ZERO_FEN, reducedFen: ZERO_FEN };

export function addDifference(totals: AdjustmentTotals, differenceFen: number): AdjustmentTotals {
  const { records, extraFen, reducedFen } = totals;
  return {
    records: records + 1,
    extraFen: differenceFen > 0 ? fen(extraFen + differenceFen) : extraFen,
    reducedFen: differenceFen < 0 ? fen(reducedFen - differenceFen) : reducedFen,
  };
}

/** What a party owes by a batch: negative where more is given back than charged. */
export function netFen({ totalFen }: BatchTotals, { extraFen, reducedFen }: AdjustmentTotals): Fen {
  return fen(totalFen + extraFen - reducedFen);
}

/** Why a format cannot say an adjustment: it stays in the books as it is, and the manifest names it. */
export type Held = { readonly held: 'credit_not_collectable' | 'no_certificate' };

/**
 * Why a charged journey may not be sent as it stands. Its money goes to suspense with this cause (clearing.md section 0, rule 9): it
 * is never dropped and never sent anyway. First match in this order.
 */
export const WITHHOLDING_CAUSES = [
  'tap_too_old',
  'evidence_unreadable',
  'evidence_missing',
  'not_a_transaction_certificate',
  'amount_differs',
] as const;
export type WithholdingCause = (typeof WITHHOLDING_CAUSES)[number];
export type Withheld = { readonly withheld: WithholdingCause };

/**
 * A file format over the items of a batch: bytes before the first item, of each item, of each change of what earlier files carried, and after the
 * last one.
 */
export type BatchFormat<Item, Change = Adjustment> = {
  /** the format cannot say "nothing today": without items there is no file, whatever the party would take */
  readonly isNeverEmpty?: boolean;
  readonly head: Uint8Array;
  /** the same bytes with the totals in them, of the same length, for a format that states totals first */
  readonly headOf?: (totals: BatchTotals, changes: AdjustmentTotals) => Uint8Array;
  /** @param itemNo place of the item in the file, from 1 */
  readonly item: (item: Item, itemNo: number) => Uint8Array | Withheld;
  /** between the last item and the first change, whether there is one or not */
  readonly middle?: Uint8Array;
  /**
   * absent where the format has no line for changes: its batches take none
   *
   * @param itemNo place among items and changes together, from 1
   * @param changeNo place among the changes, from 1
   */
  readonly change?: (change: Change, itemNo: number, changeNo: number) => Uint8Array | Held;
  readonly tail: (totals: BatchTotals, changes: AdjustmentTotals) => Uint8Array;
};
