import { asc, inArray } from 'drizzle-orm';
import type postgres from 'postgres';
import { fen } from '@tapgate/sdk/wire/money';
import type { Account } from '../ledger/chart-of-accounts.ts';
import { postingId, type CauseKind, type Posting } from '../ledger/posting.ts';
import type { AccountTotals } from '../ledger/trial-balance.ts';
import type { Database } from './connection.ts';
import { posting } from './schema/money.ts';

/** Opens accounts that are not open yet; an account that is there stays as it is. Opening all at every start is cheap. */
export async function openAccounts(sql: postgres.Sql, accounts: readonly Account[]): Promise<void> {
  await sql`
    insert into account (account_id, code, party, name_en, name_zh, normal_side, purse)
    select * from unnest(
      ${sql.array(accounts.map((a) => a.accountId))}::text[],
      ${sql.array(accounts.map((a) => a.code))}::text[],
      ${sql.array(accounts.map((a) => a.party))}::text[],
      ${sql.array(accounts.map((a) => a.nameEn))}::text[],
      ${sql.array(accounts.map((a) => a.nameZh))}::text[],
      ${sql.array(accounts.map((a) => a.normalSide))}::text[],
      ${sql.array(accounts.map((a) => a.purse))}::text[])
    on conflict do nothing`;
}

/**
 * Writes postings; one that is there already (same id) is left as it is, so that any job may be repeated.
 *
 * @returns how many were new
 */
export async function insertPostings(sql: postgres.ISql, postings: readonly Posting[]): Promise<number> {
  if (postings.length === 0) return 0;
  const written = await sql`
    insert into posting (posting_id, cause_kind, cause_id, line_no, service_date, purse, debit_account, credit_account,
      amount_fen, state, refers_to_posting_id)
    select * from unnest(
      ${sql.array(postings.map((p) => Buffer.from(p.postingId)))}::bytea[],
      ${sql.array(postings.map((p) => p.causeKind))}::text[],
      ${sql.array(postings.map((p) => Buffer.from(p.causeId)))}::bytea[],
      ${sql.array(postings.map((p) => p.lineNo))}::int[],
      ${sql.array(postings.map((p) => p.serviceDate))}::date[],
      ${sql.array(postings.map((p) => p.purse))}::text[],
      ${sql.array(postings.map((p) => p.debitAccount))}::text[],
      ${sql.array(postings.map((p) => p.creditAccount))}::text[],
      ${sql.array(postings.map((p) => p.amountFen))}::bigint[],
      ${sql.array(postings.map((p) => p.state))}::text[],
      ${sql.array(postings.map((p) => (p.refersToPostingId === null ? null : Buffer.from(p.refersToPostingId))))}::bytea[])
    on conflict (posting_id) do nothing`;
  return written.count;
}

/** Lines that most causes have at most: a fare, its shares, its claims. */
const LINES_ASKED = 8;

/** The postings of one cause, in order of their lines: these are numbered from one without a gap, and each id follows from its number. */
export async function readPostingsOf(
  { orm }: Database,
  kind: CauseKind,
  causeId: Uint8Array,
): Promise<(typeof posting.$inferSelect)[]> {
  const found: (typeof posting.$inferSelect)[] = [];
  for (let first = 1; found.length === first - 1; first += LINES_ASKED) {
    const ids = Array.from({ length: LINES_ASKED }, (_, index) => postingId(kind, causeId, first + index));
    found.push(
      ...(await orm
        .select()
        .from(posting)
        .where(inArray(posting.postingId, ids))
        .orderBy(asc(posting.lineNo))),
    );
  }
  return found;
}

/** Debit and credit sums of every account over the postings that count, in order of account id. */
export async function readAccountTotals(sql: postgres.ISql): Promise<AccountTotals[]> {
  const rows = await sql<
    { account_id: string; normal_side: 'debit' | 'credit'; debit: string; credit: string }[]
  >`
    with side as (
      select debit_account as account_id, sum(amount_fen) as debit, 0 as credit from posting
      where state in ('posted', 'resolved_posted') group by debit_account
      union all
      select credit_account, 0, sum(amount_fen) from posting
      where state in ('posted', 'resolved_posted') group by credit_account)
    select account_id, normal_side, sum(debit)::text as debit, sum(credit)::text as credit
    from side join account using (account_id)
    group by account_id, normal_side order by account_id collate "C"`;
  return rows.map((row) => ({
    accountId: row.account_id,
    normalSide: row.normal_side,
    debitFen: fen(Number(row.debit)),
    creditFen: fen(Number(row.credit)),
  }));
}
