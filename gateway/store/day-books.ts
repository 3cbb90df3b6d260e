import { fen, type Fen } from '@tapgate/sdk/wire/money';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Database } from './connection.ts';
import { readAccountTotals } from './ledger-postings.ts';
import { faultsTranslated } from './store-fault.ts';

/** Taps of an outcome, as the delivery identities count them; `repeats` are deliveries of the same bytes again. */
export type OutcomeCount = { readonly outcome: string; readonly taps: number; readonly repeats: number };

export type BankFares = {
  readonly bankId: string;
  readonly rail: string;
  readonly journeys: number;
  readonly fareFen: Fen;
};

export type ConcessionFares = {
  readonly concessionRuleId: string;
  readonly riderCategory: string;
  readonly funder: string | null;
  readonly journeys: number;
  readonly listFareFen: Fen;
  readonly fareFen: Fen;
  readonly claimedFen: Fen;
};

export type OutcomeFares = {
  readonly outcome: string;
  readonly cause: string | null;
  readonly journeys: number;
  readonly fareFen: Fen;
};

/** What the database itself says of a day: plain sums over its tables, with none of the code that filled them. */
export type DayBooks = {
  readonly outcomes: readonly OutcomeCount[];
  readonly bankFares: readonly BankFares[];
  readonly concessions: readonly ConcessionFares[];
  readonly outcomeFares: readonly OutcomeFares[];
  /** what later rides changed in fares and claims of the date */
  readonly adjusted: { readonly chargedFen: Fen; readonly debtFen: Fen; readonly claimedFen: Fen };
  readonly unsettledTaps: number;
  readonly accounts: Awaited<ReturnType<typeof readAccountTotals>>;
};

/** Reads the books of one service date; accounts are those of the whole database. @throws StoreFault */
export function readDayBooks(database: Database, serviceDate: IsoDate): Promise<DayBooks> {
  const sql = database.hot;
  return faultsTranslated(async () => {
    const outcomes = await sql<{ outcome: string; taps: number; repeats: number }[]>`
      select outcome, count(*) as taps, sum(repeats) as repeats from tap_identity
      where service_date = ${serviceDate} group by outcome order by outcome`;
    const bankFares = await sql<{ bank_id: string; rail: string; journeys: number; fare: string }[]>`
      select bank_id, rail, count(*) as journeys, sum(fare_fen)::text as fare from journey
      where service_date = ${serviceDate} and outcome = 'chargeable'
      group by bank_id, rail order by bank_id collate "C", rail`;
    const concessions = await sql<
      {
        rule: string;
        category: string;
        funder: string | null;
        journeys: number;
        list: string;
        fare: string;
        claimed: string;
      }[]
    >`
      select concession_rule_id as rule, rider_category as category, funder, count(*) as journeys,
        sum(list_fare_fen)::text as list, sum(fare_fen)::text as fare, coalesce(sum(claimed_fen), 0)::text as claimed
      from journey where service_date = ${serviceDate} and concession_rule_id is not null and outcome = 'chargeable'
      group by concession_rule_id, rider_category, funder order by concession_rule_id`;
    const outcomeFares = await sql<
      { outcome: string; cause: string | null; journeys: number; fare: string }[]
    >`
      select outcome, cause, count(*) as journeys, coalesce(sum(fare_fen), 0)::text as fare from journey
      where service_date = ${serviceDate} group by outcome, cause order by outcome, cause`;
    const [adjusted] = await sql<{ charged: string; debt: string; claimed: string }[]>`
      select coalesce(sum(fare_fen - charged_fen) filter (where bank_id is not null), 0)::text as charged,
        coalesce(sum(fare_fen - charged_fen) filter (where bank_id is null), 0)::text as debt,
        coalesce(sum(coalesce(claimed_fen, 0) - coalesce(charged_claimed_fen, 0)), 0)::text as claimed
      from fare_adjustment where service_date = ${serviceDate}`;
    const [unsettled] = await sql<{ taps: number }[]>`
      select count(*) as taps from unsettled_tap where service_date = ${serviceDate}`;
    return {
      outcomes: [...outcomes],
      bankFares: bankFares.map(({ bank_id: bankId, rail, journeys, fare }) => ({
        ...{ bankId, rail, journeys },
        fareFen: fen(Number(fare)),
      })),
      concessions: concessions.map((row) => ({
        concessionRuleId: row.rule,
        riderCategory: row.category,
        funder: row.funder,
        journeys: row.journeys,
        listFareFen: fen(Number(row.list)),
        fareFen: fen(Number(row.fare)),
        claimedFen: fen(Number(row.claimed)),
      })),
      outcomeFares: outcomeFares.map(({ fare, ...row }) => ({ ...row, fareFen: fen(Number(fare)) })),
      adjusted: {
        chargedFen: fen(Number(adjusted?.charged ?? 0)),
        debtFen: fen(Number(adjusted?.debt ?? 0)),
        claimedFen: fen(Number(adjusted?.claimed ?? 0)),
      },
      unsettledTaps: unsettled?.taps ?? 0,
      accounts: await readAccountTotals(sql),
    };
  });
}
