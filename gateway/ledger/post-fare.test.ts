import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { accountsFor } from './chart-of-accounts.ts';
import { postMoneyEvent, type MoneyEventKind } from './money-events.ts';
import { postBatch } from './post-batch.ts';
import { postFare, type FareToPost } from './post-fare.ts';
import type { Posting } from './posting.ts';
import { trialBalance, type AccountTotals } from './trial-balance.ts';

const FARE: FareToPost = {
  journeyId: Uint8Array.of(1),
  serviceDate: isoDate('2026-11-20'),
  rail: 'oda',
  outcome: 'chargeable',
  bankId: 'BANK1',
  operators: [{ operatorId: 'OP1', weight: 1 }],
  fareFen: fen(200),
  subsidy: null,
};

const lines = (postings: readonly Posting[]): string[] =>
  postings.map((p) => `${p.debitAccount} ${p.creditAccount} ${p.amountFen}`);

const TWO_OPERATORS = [
  { operatorId: 'OP2', weight: 1 },
  { operatorId: 'OP1', weight: 2 },
];
const CASES: readonly (readonly [what: string, fare: Partial<FareToPost>, lines: readonly string[]])[] = [
  ['a charged fare goes to its operator', {}, ['1115:BANK1 2030 200', '2030 2010:OP1 200']],
  [
    'a fare over two operators is divided to the fen',
    { operators: TWO_OPERATORS },
    ['1115:BANK1 2030 200', '2030 2010:OP1 133', '2030 2010:OP2 67'],
  ],
  [
    'a half fare with a subsidy for the other half',
    { fareFen: fen(100), subsidy: { funder: 'BUREAU', claimedFen: fen(100) } },
    ['1115:BANK1 2030 100', '2030 2010:OP1 100', '1130:BUREAU 2010:OP1 100'],
  ],
  [
    'a free ride that the funder pays for',
    { fareFen: fen(0), subsidy: { funder: 'BUREAU', claimedFen: fen(150) } },
    ['1130:BUREAU 2010:OP1 150'],
  ],
  ['a free ride that nobody pays for is no money', { fareFen: fen(0) }, []],
  [
    'a subsidy of nothing is no money',
    { fareFen: fen(0), subsidy: { funder: 'BUREAU', claimedFen: fen(0) } },
    [],
  ],
  ['a debt is owed by the rider', { outcome: 'debt', bankId: null }, ['1120 2030 200', '2030 2010:OP1 200']],
  [
    'a loss is a cost of the first operator, paid out like any fare',
    { outcome: 'loss', operators: TWO_OPERATORS },
    ['5020:OP1 2030 200', '2030 2010:OP1 133', '2030 2010:OP2 67'],
  ],
  [
    'a subsidy is not claimed for a ride that is a debt',
    { outcome: 'debt', fareFen: fen(100), subsidy: { funder: 'BUREAU', claimedFen: fen(100) } },
    ['1120 2030 100', '2030 2010:OP1 100'],
  ],
];

for (const [what, fare, expected] of CASES) {
  test(`posting: ${what}`, () => {
    assert.deepEqual(lines(postFare({ ...FARE, ...fare })), expected);
  });
}

test('posting twice makes the same ids; another journey, cause or line another', () => {
  const idsOf = (postings: readonly Posting[]): string[] =>
    postings.map((p) => Buffer.from(p.postingId).toString('hex'));
  assert.deepEqual(idsOf(postFare(FARE)), idsOf(postFare(FARE)));
  const all = [
    ...idsOf(postFare(FARE)),
    ...idsOf(postFare({ ...FARE, journeyId: Uint8Array.of(2) })),
    ...idsOf(postBatch({ ...BATCH, bankId: 'BANK1' })),
    ...idsOf(postBatch({ ...BATCH, bankId: 'BANK2' })),
    ...idsOf(postBatch({ ...BATCH, sequence: 2 })),
  ];
  assert.equal(new Set(all).size, all.length);
});

const BATCH = {
  bankId: 'BANK1',
  kind: 'deferred_charge',
  clearingDate: isoDate('2026-11-20'),
  sequence: 1,
  purse: 'bank',
  presentedFen: fen(900),
  withheldFen: fen(100),
  adjusted: { extraFen: fen(0), reducedFen: fen(0) },
  adjustedWithheld: { extraFen: fen(0), reducedFen: fen(0) },
} as const;

test('a batch empties what was charged into the receivable and into suspense', () => {
  assert.deepEqual(lines(postBatch(BATCH)), ['1110:BANK1 1115:BANK1 900', '1190:BANK1 1115:BANK1 100']);
  assert.deepEqual(lines(postBatch({ ...BATCH, presentedFen: fen(0), withheldFen: fen(0) })), []);
});

test('adjustments move from debts and refunds to the receivable, or with a withheld ride to suspense', () => {
  const adjusted = { extraFen: fen(70), reducedFen: fen(40) };
  const adjustedWithheld = { extraFen: fen(9), reducedFen: fen(5) };
  assert.deepEqual(lines(postBatch({ ...BATCH, adjusted, adjustedWithheld })), [
    '1110:BANK1 1115:BANK1 900',
    '1190:BANK1 1115:BANK1 100',
    '1110:BANK1 1120 70',
    '2020 1110:BANK1 40',
    '1190:BANK1 1120 9',
    '2020 1190:BANK1 5',
  ]);
});

test('a chargeable fare without a bank is a mistake of the caller, not a posting', () => {
  assert.throws(() => postFare({ ...FARE, bankId: null }), /needs the bank/);
});

const EVENTS: readonly (readonly [MoneyEventKind, main: number, second: number, lines: readonly string[]])[] =
  [
    ['bank_settlement', 897, 3, ['1010 1110:BANK1 897', '5010:BANK1 1110:BANK1 3']],
    ['rejection', 200, 0, ['1190:BANK1 1110:BANK1 200']],
    ['re_presentment', 200, 0, ['1110:BANK1 1190:BANK1 200']],
    ['debt', 200, 0, ['1120 1190:BANK1 200']],
    ['write_off', 200, 0, ['5030 1190:BANK1 200']],
    ['debt_recovery', 200, 0, ['1010 1120 200']],
    ['unmatched_money', 5, 0, ['1010 2190 5']],
    ['refund', 200, 0, ['2010:OP1 2020 200', '2020 1110:BANK1 200']],
    ['operator_payment', 900, 0, ['2010:OP1 1010 900']],
    ['claim_payment', 90, 10, ['1010 1130:BUREAU 90', '2010:OP1 1130:BUREAU 10']],
  ];

for (const [kind, main, second, expected] of EVENTS) {
  test(`money after the batch: ${kind}`, () => {
    const cause = {
      kind,
      id: Uint8Array.of(7),
      serviceDate: isoDate('2026-11-23'),
      purse: 'bank' as const,
    };
    const parties = { bankId: 'BANK1', operatorId: 'OP1', funder: 'BUREAU' };
    assert.deepEqual(
      lines(postMoneyEvent(cause, parties, { main: fen(main), second: fen(second) })),
      expected,
    );
  });
}

test('every account that a posting can name is opened for the parties it names', () => {
  const opened = new Set(
    accountsFor({ bankIds: ['BANK1'], operatorIds: ['OP1', 'OP2'], funders: ['BUREAU'] }).map(
      (a) => a.accountId,
    ),
  );
  const named = [
    ...CASES.flatMap(([, , expected]) => expected),
    ...EVENTS.flatMap((event) => event[3]),
  ].flatMap((line) => line.split(' ').slice(0, 2));
  assert.deepEqual(
    named.filter((account) => !opened.has(account)),
    [],
  );
});

test('a whole day of one fare after another ties: 1115 ends empty, and everything sums to zero', () => {
  const postings = [
    ...postFare(FARE),
    ...postFare({ ...FARE, journeyId: Uint8Array.of(2), outcome: 'loss' }),
    ...postBatch({ ...BATCH, presentedFen: fen(200), withheldFen: fen(0) }),
  ];
  const balance = trialBalance(totalsOf(postings));
  assert.equal(balance.differenceFen, 0);
  const of = (id: string): number | undefined => balance.accounts.find((a) => a.accountId === id)?.balanceFen;
  assert.deepEqual(
    [of('1115:BANK1'), of('1110:BANK1'), of('2030'), of('2010:OP1'), of('5020:OP1')],
    [0, 200, 0, 400, 200],
  );
});

function totalsOf(postings: readonly Posting[]): AccountTotals[] {
  const chart = accountsFor({ bankIds: ['BANK1'], operatorIds: ['OP1'], funders: ['BUREAU'] });
  return chart.map(({ accountId, normalSide }) => ({
    accountId,
    normalSide,
    debitFen: fen(postings.filter((p) => p.debitAccount === accountId).reduce((s, p) => s + p.amountFen, 0)),
    creditFen: fen(
      postings.filter((p) => p.creditAccount === accountId).reduce((s, p) => s + p.amountFen, 0),
    ),
  }));
}
