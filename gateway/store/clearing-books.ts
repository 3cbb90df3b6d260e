import { BATCH_KINDS, RAIL_OF_KIND, type BatchKind } from '../clearing/clearing-batch.ts';
import type { ClearingBooks, PartyBooks, SignedSums } from '../clearing/clearing-ties.ts';
import type { Database } from './connection.ts';
import { faultsTranslated } from './store-fault.ts';

type SumsRow = { records: number; extra: string; reduced: string };
type PartyRow = { party: string; kind: string };

const sumsOf = (row: SumsRow | undefined): SignedSums => ({
  records: row?.records ?? 0,
  extraFen: Number(row?.extra ?? 0),
  reducedFen: Number(row?.reduced ?? 0),
});

/** Of a set of `party, kind, difference, is_waiting`: how many, what is asked for, what is given back. */
const SUMS = `count(*) as records, coalesce(sum(difference) filter (where difference > 0), 0)::text as extra,
  coalesce(-sum(difference) filter (where difference < 0), 0)::text as reduced`;

/**
 * Every difference with the party and kind that it concerns: a bank by the ride's rail, each funder that pays more or less. Waiting is what
 * lies after the range of the party's last batch.
 */
const DIFFERENCES = `
  select own.*, own.adjusted_no > coalesce((
    select max(up_to_adjusted_no) from clearing_batch b where b.party = own.party and b.kind = own.kind), 0) as is_waiting
  from (
    select bank_id as party, case rail when '${RAIL_OF_KIND.offline_purchase}' then 'offline_purchase' else 'deferred_charge' end as kind,
      fare_fen - charged_fen as difference, adjusted_no
    from fare_adjustment where bank_id is not null and fare_fen <> charged_fen
    union all
    select share.funder, 'subsidy_claim', sum(share.fen), adjusted_no from fare_adjustment
      cross join lateral (values (charged_funder, -charged_claimed_fen), (funder, claimed_fen)) as share (funder, fen)
    where share.funder is not null and share.fen <> 0
    group by share.funder, adjusted_no having sum(share.fen) <> 0
  ) as own`;

/** What files, adjustments and ledger say of each other, each by sums of its own. @throws StoreFault */
export function readClearingBooks(database: Database): Promise<ClearingBooks> {
  const sql = database.hot;
  return faultsTranslated(async () => {
    const batches = await sql<(PartyRow & SumsRow & { total: string; withheld: string })[]>`
      select party, kind, sum(total_fen)::text as total, sum(withheld_fen)::text as withheld, sum(adjustments)::int as records,
        sum(extra_fen)::text as extra, sum(reduced_fen)::text as reduced
      from clearing_batch group by party, kind`;
    const differences = await sql<(PartyRow & SumsRow & { is_waiting: boolean })[]>`
      select party, kind, is_waiting, ${sql.unsafe(SUMS)} from (${sql.unsafe(DIFFERENCES)}) as d group by party, kind, is_waiting`;
    const unpresented = await sql<(PartyRow & SumsRow & { state: 'held' | 'withheld'; cause: string })[]>`
      select party, kind, state, cause, ${sql.unsafe(SUMS)}
      from (select *, difference_fen as difference from unpresented_adjustment) as u
      group by party, kind, state, cause order by state, cause`;
    const debts = await sql<SumsRow[]>`
      select ${sql.unsafe(SUMS)} from (
        select fare_fen - charged_fen as difference from fare_adjustment where bank_id is null) as d`;
    const accounts = await sql<{ cause_kind: string; account: string; balance: string }[]>`
      select cause_kind, account, sum(amount)::text as balance from (
        select cause_kind, debit_account as account, amount_fen as amount from posting
        where cause_kind in ('clearing_batch', 'adjustment')
        union all
        select cause_kind, credit_account, -amount_fen from posting where cause_kind in ('clearing_batch', 'adjustment')
      ) as side group by cause_kind, account`;
    const of = <Row extends PartyRow>(rows: readonly Row[], { party, kind }: PartyRow): Row[] =>
      rows.filter((row) => row.party === party && row.kind === kind);
    const named = new Map(
      [...batches, ...differences].map((row) => [`${row.party} ${row.kind}`, row] as const),
    );
    const parties = [...named]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, name]): PartyBooks => {
        const [batch] = of(batches, name);
        const own = of(differences, name);
        const waiting = own.find((row) => row.is_waiting);
        const taken = own.find((row) => !row.is_waiting);
        return {
          party: name.party,
          kind: kindOf(name.kind),
          totalFen: Number(batch?.total ?? 0),
          withheldFen: Number(batch?.withheld ?? 0),
          presented: sumsOf(batch),
          unpresented: of(unpresented, name).map((row) => ({
            state: row.state,
            cause: row.cause,
            ...sumsOf(row),
          })),
          waiting: sumsOf(waiting),
          all: added(sumsOf(waiting), sumsOf(taken)),
        };
      });
    const balances = (cause: string): ReadonlyMap<string, number> =>
      new Map(
        accounts
          .filter((row) => row.cause_kind === cause)
          .map((row) => [row.account, Number(row.balance)] as const),
      );
    return {
      parties,
      debts: sumsOf(debts[0]),
      ofBatches: balances('clearing_batch'),
      ofAdjustments: balances('adjustment'),
    };
  });
}

function added(a: SignedSums, b: SignedSums): SignedSums {
  return {
    records: a.records + b.records,
    extraFen: a.extraFen + b.extraFen,
    reducedFen: a.reducedFen + b.reducedFen,
  };
}

function kindOf(text: string): BatchKind {
  const kind = BATCH_KINDS.find((known) => known === text);
  if (kind === undefined) throw new RangeError('a batch has a known kind');
  return kind;
}
