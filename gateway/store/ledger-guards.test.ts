import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { missing } from '../../test-requirements.ts';
import { startDatabase, type RunningDatabase } from '../database/database.ts';
import { accountsFor } from '../ledger/chart-of-accounts.ts';
import { postFare } from '../ledger/post-fare.ts';
import { pending, resolution, reversal, type Posting } from '../ledger/posting.ts';
import { trialBalance } from '../ledger/trial-balance.ts';
import { insertPostings, openAccounts, readAccountTotals } from './ledger-postings.ts';
import { migrateDatabase } from './migrate.ts';

// The database keeps the books, whoever writes: each row here is what somebody could type into psql.

const DATABASE = `ledger_guards_${process.pid}`;
let server: RunningDatabase;
let sql: postgres.Sql;
let url: string;

before(async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-ledger-'));
  server = await startDatabase({ dataDir, databaseUrl: process.env['DATABASE_URL'] ?? null });
  url = await server.createDatabase(DATABASE);
  await migrateDatabase(url);
  sql = postgres(url, { max: 2, onnotice: () => undefined });
  await sql`select 1`;
  await openAccounts(
    sql,
    accountsFor({ bankIds: ['BANK1'], operatorIds: ['OP1', 'OP2'], funders: ['BUREAU'] }),
  );
});

after(async () => {
  await sql.end();
  await server.dropDatabase(DATABASE);
  await server.destroy();
});

const fare = (journey: number, fareFen = 200): Posting[] =>
  postFare({
    journeyId: Uint8Array.of(journey),
    serviceDate: isoDate('2026-11-20'),
    rail: 'oda',
    outcome: 'chargeable',
    bankId: 'BANK1',
    operators: [{ operatorId: 'OP1', weight: 1 }],
    fareFen: fen(fareFen),
    subsidy: null,
  });

const COLUMNS =
  'posting_id, cause_kind, cause_id, line_no, service_date, purse, debit_account, credit_account, amount_fen';
const REFUSED: readonly (readonly [what: string, values: string, constraint: string])[] = [
  [
    'no debit side',
    `'\\x01','journey','\\x01',1,'2026-11-20','bank',null,'2030',200`,
    'debit_account not null',
  ],
  [
    'no credit side',
    `'\\x01','journey','\\x01',1,'2026-11-20','bank','1120',null,200`,
    'credit_account not null',
  ],
  [
    'one account on both sides',
    `'\\x01','journey','\\x01',1,'2026-11-20','bank','2030','2030',200`,
    'posting_two_accounts',
  ],
  ['zero fen', `'\\x01','journey','\\x01',1,'2026-11-20','bank','1120','2030',0`, 'posting_amount_positive'],
  [
    'a negative amount',
    `'\\x01','journey','\\x01',1,'2026-11-20','bank','1120','2030',-200`,
    'posting_amount_positive',
  ],
  ['no amount', `'\\x01','journey','\\x01',1,'2026-11-20','bank','1120','2030',null`, 'amount_fen not null'],
  [
    'an account that is not in the chart',
    `'\\x01','journey','\\x01',1,'2026-11-20','bank','9999','2030',200`,
    'posting_accounts_of_purse',
  ],
  [
    'medical money for a bank fare',
    `'\\x01','journey','\\x01',1,'2026-11-20','bank','1120#medical','2030',200`,
    'posting_accounts_of_purse',
  ],
  [
    'transport purse money for a medical bill',
    `'\\x01','journey','\\x01',1,'2026-11-20','medical','1120#medical','2030#transit',200`,
    'posting_accounts_of_purse',
  ],
  [
    'a correction of nothing',
    `'\\x01','correction','\\x01',1,'2026-11-20','bank','1120','2030',200`,
    'posting_refers_where_it_must',
  ],
];

for (const [what, values, constraint] of REFUSED) {
  test(`the database refuses a posting with ${what}`, async () => {
    await assert.rejects(
      sql.unsafe(`insert into posting (${COLUMNS}) values (${values})`),
      (error: unknown) => {
        assert.ok(error instanceof postgres.PostgresError);
        const named = error.constraint_name ?? `${error.column_name ?? ''} not null`;
        assert.equal(named, constraint);
        return true;
      },
    );
    assert.equal((await sql`select 1 from posting where posting_id = '\\x01'`).length, 0);
  });
}

test('one bad row among many takes the whole statement with it', async () => {
  const good = `('\\x02','journey','\\x02',1,'2026-11-20','bank','1120','2030',200)`;
  const bad = `('\\x03','journey','\\x03',1,'2026-11-20','bank','1120','2030#medical',200)`;
  await assert.rejects(
    sql.unsafe(`insert into posting (${COLUMNS}) values ${good}, ${bad}`),
    /not one of its purse/,
  );
  assert.equal((await sql`select 1 from posting where posting_id = '\\x02'`).length, 0);
});

test('a posting, an account, a cut-over can neither be changed nor removed', async () => {
  await insertPostings(sql, fare(10));
  await sql`insert into cut_over values ('2026-11-20', 0, 5, now())`;
  for (const statement of [
    'update posting set amount_fen = 1',
    'delete from posting',
    'truncate posting',
    "update account set purse = 'medical'",
    "delete from account where code = '2030'",
    'truncate account cascade',
    'update cut_over set up_to_settled_no = 6',
    'delete from cut_over',
  ]) {
    await assert.rejects(sql.unsafe(statement), /is written once/, statement);
  }
  assert.equal((await readAccountTotals(sql)).length, 3);
});

test('posting the same fare twice changes nothing', async () => {
  assert.equal(await insertPostings(sql, fare(20)), 2);
  assert.equal(await insertPostings(sql, fare(20)), 0);
});

test('a correction is the same transfer the other way, once', async () => {
  const [first] = fare(30);
  assert.ok(first);
  await insertPostings(sql, [first]);
  const correction = reversal(first, isoDate('2026-11-21'));
  await assert.rejects(
    insertPostings(sql, [{ ...correction, amountFen: fen(100) }]),
    /does not fit/,
    'not by another amount',
  );
  assert.equal(await insertPostings(sql, [correction]), 1);
  assert.equal(await insertPostings(sql, [correction]), 0);
  await assert.rejects(
    insertPostings(sql, [{ ...correction, postingId: Uint8Array.of(1, 2, 3) }]),
    /posting_refers_once/,
    'not a second time',
  );
});

test('a pending transfer counts nothing until it is posted with at most its amount', async () => {
  const [line] = fare(40, 900);
  assert.ok(line);
  const reserved = pending(line);
  const balanceOf = async (account: string): Promise<number> =>
    trialBalance(await readAccountTotals(sql)).accounts.find((a) => a.accountId === account)?.balanceFen ?? 0;
  const before = await balanceOf('1115:BANK1');
  await insertPostings(sql, [reserved]);
  assert.equal(await balanceOf('1115:BANK1'), before);
  const posted = resolution(reserved, { state: 'resolved_posted', amountFen: fen(700) });
  await assert.rejects(insertPostings(sql, [{ ...posted, amountFen: fen(901) }]), /does not fit/);
  await insertPostings(sql, [posted]);
  assert.equal(await balanceOf('1115:BANK1'), before + 700);
  await assert.rejects(
    insertPostings(sql, [
      { ...resolution(reserved, { state: 'resolved_voided' }), postingId: Uint8Array.of(9) },
    ]),
    /posting_refers_once/,
    'posted is not voided afterwards',
  );
});

test('the ledger sums to zero over everything that was written here', async () => {
  const balance = trialBalance(await readAccountTotals(sql));
  assert.ok(balance.debitFen > 0);
  assert.equal(balance.differenceFen, 0);
});

test('psql is refused as everybody is, and reads a sum of zero', { skip: missing('psql') }, async () => {
  await insertPostings(sql, fare(200));
  const psql = (statement: string): { readonly out: string; readonly refusal: string } => {
    const { stdout, stderr } = spawnSync('psql', [url, '-qAtX', '-v', 'VERBOSITY=verbose', '-c', statement], {
      encoding: 'utf8',
    });
    return { out: stdout.trim(), refusal: /CONSTRAINT NAME:\s*(\w+)/.exec(stderr)?.[1] ?? '' };
  };
  const insert = (purse: string, debit: string, credit: string): string =>
    `insert into posting (${COLUMNS}) values ('\\x77','journey','\\x77',1,'2026-11-20','${purse}','${debit}','${credit}',500)`;
  for (const [statement, refusal] of [
    ['update posting set amount_fen = amount_fen + 1', 'posting_written_once'],
    ['delete from posting', 'posting_written_once'],
    ['truncate posting', 'posting_written_once'],
    [insert('bank', '2030', '2030'), 'posting_two_accounts'],
    [insert('medical', '1010#medical', '2030#transit'), 'posting_accounts_of_purse'],
    [insert('medical', '1010', '2030'), 'posting_accounts_of_purse'],
  ] as const)
    assert.equal(psql(statement).refusal, refusal, statement);
  const sum = `select sum(fen) from (select amount_fen as fen from posting union all select -amount_fen from posting) as sides`;
  assert.equal(psql(sum).out, '0');
});
