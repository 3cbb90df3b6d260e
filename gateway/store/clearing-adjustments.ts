import { isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen, type Fen } from '@tapgate/sdk/wire/money';
import type { Rail } from '@tapgate/sdk/wire/rails';
import type { AdjustedRange } from '../clearing/batch-terms.ts';
import type { AdjustmentReason, BatchIdentity } from '../clearing/clearing-batch.ts';
import { readTapsOfAnyDate, tapName, type SealedTap, type TapKey } from './clearing-journeys.ts';
import type { Database } from './connection.ts';
import { streamRows } from './row-stream.ts';
import { faultsTranslated } from './store-fault.ts';

/** Where the last range of a party and kind ended; 0 before the first. @throws StoreFault */
export async function findTakenUpTo(
  database: Database,
  { party, kind }: Pick<BatchIdentity, 'party' | 'kind'>,
): Promise<number> {
  const [row] = await faultsTranslated(
    () => database.hot<{ taken: string }[]>`
      select coalesce(max(up_to_adjusted_no), 0) as taken from clearing_batch where party = ${party} and kind = ${kind}`,
  );
  return Number(row?.taken ?? 0);
}

/** What changed in a charged ride, with the record of its first tap as the database has it. */
export type AdjustedRide = {
  readonly adjustmentId: Buffer;
  readonly journeyId: Buffer;
  readonly serviceDate: IsoDate;
  readonly psn: number;
  readonly lineId: string;
  readonly chargedFen: Fen;
  readonly fareFen: Fen;
  readonly reason: AdjustmentReason;
  /** clearing date in which the ride is */
  readonly presentedOn: IsoDate;
  /** the batch of that date is made, so that it is known what became of the ride in it */
  readonly isRideMade: boolean;
  readonly isRideWithheld: boolean;
  /** an earlier change of the ride is held by a batch */
  readonly followsHeld: boolean;
  readonly tap: SealedTap | null;
};

const PIECE_ROWS = 500;

/**
 * The changes of a bank's charged rides in a range, in pieces, in the order of their lines (clearing-batch.ts). A change of the claim alone is
 * none of the bank's.
 *
 * @throws StoreFault
 */
export async function* streamAdjustedRides(
  database: Database,
  wanted: AdjustedRange & { readonly batch: BatchIdentity; readonly rail: Rail },
): AsyncGenerator<readonly AdjustedRide[]> {
  const { party, kind } = wanted.batch;
  const pieces = streamRows(database, [], (session) =>
    session<
      {
        adjustment_id: Buffer;
        journey_id: Buffer;
        service_date: string;
        psn: number;
        line_id: string;
        charged_fen: number;
        fare_fen: number;
        terminal_id: string | null;
        tap_sequence: number | null;
        is_late_price: boolean;
        presented_on: string | null;
        is_made: boolean;
        is_withheld: boolean;
        follows_held: boolean;
      }[]
    >`
      select a.adjustment_id, a.journey_id, a.service_date::text, j.psn, j.line_id, a.charged_fen, a.fare_fen,
        coalesce(j.entry_terminal_id, j.exit_terminal_id) as terminal_id,
        coalesce(j.entry_tap_sequence, j.exit_tap_sequence) as tap_sequence,
        exists (select from journey cause
          where cause.journey_id = a.cause_journey_id and cause.resolves_journey_id is not null) as is_late_price,
        cut.clearing_date::text as presented_on,
        exists (select from clearing_batch made
          where made.party = ${party} and made.kind = ${kind} and made.clearing_date = cut.clearing_date) as is_made,
        exists (select from withheld_presentment held where held.party = ${party} and held.kind = ${kind}
          and held.clearing_date = cut.clearing_date and held.journey_id = a.journey_id) as is_withheld,
        exists (select from fare_adjustment x join unpresented_adjustment u on u.adjustment_id = x.adjustment_id and u.state = 'held'
          where x.pan_token = a.pan_token and x.journey_id = a.journey_id and x.adjusted_no < a.adjusted_no) as follows_held
      from fare_adjustment a
      join journey j on j.service_date = a.service_date and j.pan_token = a.pan_token and j.journey_id = a.journey_id
      left join cut_over cut on cut.after_settled_no < j.settled_no and cut.up_to_settled_no >= j.settled_no
      where a.bank_id = ${party} and a.rail = ${wanted.rail} and a.charged_fen <> a.fare_fen
        and a.adjusted_no > ${wanted.afterAdjustedNo} and a.adjusted_no <= ${wanted.upToAdjustedNo}
      order by a.service_date, a.pan_token, j.psn, j.started_at, a.journey_id, a.adjusted_no`.cursor(
      PIECE_ROWS,
    ),
  );
  for await (const rows of pieces) {
    const taps = await readTapsOfAnyDate(
      database,
      rows.flatMap((row) => tapOf(row.terminal_id, row.tap_sequence) ?? []),
    );
    yield rows.map((row) => {
      const tap = tapOf(row.terminal_id, row.tap_sequence);
      return {
        adjustmentId: row.adjustment_id,
        journeyId: row.journey_id,
        serviceDate: isoDate(row.service_date),
        psn: row.psn,
        lineId: row.line_id,
        chargedFen: fen(row.charged_fen),
        fareFen: fen(row.fare_fen),
        reason: row.is_late_price ? 'late_price' : 'late_ride',
        presentedOn: cutDate(row.presented_on),
        isRideMade: row.is_made || row.presented_on === wanted.batch.clearingDate,
        isRideWithheld: row.is_withheld,
        followsHeld: row.follows_held,
        tap: tap === null ? null : (taps.get(tapName(tap)) ?? null),
      };
    });
  }
}

function tapOf(terminalId: string | null, tapSequence: number | null): TapKey | null {
  return terminalId === null || tapSequence === null ? null : { terminalId, tapSequence };
}

/** An adjustment is made after its ride, and a cut-over ends both orders at one moment. */
function cutDate(text: string | null): IsoDate {
  if (text === null) throw new RangeError('an adjustment below a cut-over is of a ride below one');
  return isoDate(text);
}

/** What changed in a funder's share of a ride. */
export type ChangedClaim = {
  readonly adjustmentId: Buffer;
  readonly journeyId: Buffer;
  readonly serviceDate: IsoDate;
  readonly panToken: Buffer;
  readonly operatorId: string;
  readonly lineId: string;
  readonly concessionRuleId: string | null;
  readonly reason: AdjustmentReason;
  /** clearing date of the funder's claim in which the ride is; null where it is in none of them */
  readonly claimedOn: IsoDate | null;
  readonly beforeFen: Fen;
  readonly afterFen: Fen;
};

/** The changes of a funder's shares in a range, in pieces, in the order of their lines. @throws StoreFault */
export async function* streamChangedClaims(
  database: Database,
  wanted: AdjustedRange & { readonly funder: string },
): AsyncGenerator<readonly ChangedClaim[]> {
  const { funder } = wanted;
  const pieces = streamRows(database, [], (session) =>
    session<
      {
        adjustment_id: Buffer;
        journey_id: Buffer;
        service_date: string;
        pan_token: Buffer;
        operator_id: string;
        line_id: string;
        concession_rule_id: string | null;
        is_late_price: boolean;
        claimed_on: string | null;
        before_fen: number;
        after_fen: number;
      }[]
    >`
      select a.adjustment_id, a.journey_id, a.service_date::text, a.pan_token, j.operator_id, j.line_id, a.is_late_price,
        a.before_fen, a.after_fen, case when a.after_fen > 0 then a.concession_rule_id end as concession_rule_id,
        case when j.funder = ${funder} and j.claimed_fen is not null then cut.clearing_date::text end as claimed_on
      from (
        select *,
          case when charged_funder = ${funder} then coalesce(charged_claimed_fen, 0) else 0 end as before_fen,
          case when funder = ${funder} then coalesce(claimed_fen, 0) else 0 end as after_fen,
          exists (select from journey cause
            where cause.journey_id = cause_journey_id and cause.resolves_journey_id is not null) as is_late_price
        from fare_adjustment
        where (funder = ${funder} or charged_funder = ${funder})
          and adjusted_no > ${wanted.afterAdjustedNo} and adjusted_no <= ${wanted.upToAdjustedNo}
      ) as a
      join journey j on j.service_date = a.service_date and j.pan_token = a.pan_token and j.journey_id = a.journey_id
      left join cut_over cut on cut.after_settled_no < j.settled_no and cut.up_to_settled_no >= j.settled_no
      where a.before_fen <> a.after_fen
      order by a.service_date, j.operator_id collate "C", j.line_id collate "C", j.started_at, a.journey_id, a.adjusted_no`.cursor(
      PIECE_ROWS,
    ),
  );
  for await (const rows of pieces) {
    yield rows.map((row) => ({
      adjustmentId: row.adjustment_id,
      journeyId: row.journey_id,
      serviceDate: isoDate(row.service_date),
      panToken: row.pan_token,
      operatorId: row.operator_id,
      lineId: row.line_id,
      concessionRuleId: row.concession_rule_id,
      reason: row.is_late_price ? 'late_price' : 'late_ride',
      claimedOn: row.claimed_on === null ? null : isoDate(row.claimed_on),
      beforeFen: fen(row.before_fen),
      afterFen: fen(row.after_fen),
    }));
  }
}
