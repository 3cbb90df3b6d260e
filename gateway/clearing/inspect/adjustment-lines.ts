import type { InspectionCode } from './inspection.ts';
import { isDifference, isFen, isSignedFen } from './value-forms.ts';

/** What a line says of one change: the ride, what was owed before and after, and the difference as it is written. */
export type AdjustmentLine = {
  readonly adjustmentId: string;
  readonly ride: string;
  readonly before: string;
  readonly after: string;
  readonly difference: string;
  readonly reason: string;
};

const REASONS: ReadonlySet<string> = new Set(['late_ride', 'late_price']);

/**
 * The lines of adjustments of one file, judged as they come: each by itself, against the one before it of its ride, and all against the sums
 * of the trailer. What is kept is one amount a ride.
 */
export class AdjustmentLines {
  readonly #ids = new Set<string>();
  readonly #lastOf = new Map<string, number>();
  #lines = 0;
  #extra = 0;
  #reduced = 0;

  get lines(): number {
    return this.#lines;
  }

  get netFen(): number {
    return this.#extra - this.#reduced;
  }

  /**
   * @refuses field_not_digits, then all that apply: id_repeated, adjustment_reason_unknown, adjustment_beyond_original, adjustment_zero,
   *   adjustment_arithmetic_wrong, adjustment_out_of_turn
   */
  judge(line: AdjustmentLine): readonly InspectionCode[] {
    const { adjustmentId, ride, before, after, difference, reason } = line;
    this.#lines += 1;
    const isZero = /^[+-]?0+$/.test(difference);
    if (!isFen(before) || !isSignedFen(after) || !(isDifference(difference) || isZero))
      return ['field_not_digits'];
    const [was, is, differs] = [before, after, difference].map(Number) as [number, number, number];
    const codes: InspectionCode[] = [];
    if (this.#ids.has(adjustmentId)) codes.push('id_repeated');
    this.#ids.add(adjustmentId);
    if (!REASONS.has(reason)) codes.push('adjustment_reason_unknown');
    if (is < 0 || was + differs < 0) codes.push('adjustment_beyond_original');
    if (isZero) codes.push('adjustment_zero');
    if (was + differs !== is) codes.push('adjustment_arithmetic_wrong');
    const last = this.#lastOf.get(ride);
    if (last !== undefined && last !== was) codes.push('adjustment_out_of_turn');
    this.#lastOf.set(ride, is);
    if (differs > 0) this.#extra += differs;
    else this.#reduced -= differs;
    return codes;
  }

  /** @param fen what the charges or rides before the adjustments sum up to */
  judgeSums(
    said: {
      readonly lines: string;
      readonly extra: string;
      readonly reduced: string;
      readonly net: string;
    },
    fen: number,
  ): readonly InspectionCode[] {
    const { lines, extra, reduced, net } = said;
    if (![lines, extra, reduced].every(isFen) || !isSignedFen(net)) return ['field_not_digits'];
    const codes: InspectionCode[] = [];
    if (Number(lines) !== this.#lines) codes.push('count_wrong');
    const sums = [this.#extra, this.#reduced, fen + this.netFen];
    if ([extra, reduced, net].some((text, index) => Number(text) !== sums[index])) codes.push('sum_wrong');
    return codes;
  }
}
