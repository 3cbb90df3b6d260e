import type { BatchKind } from './clearing-batch.ts';

/** Lines with their two sums, in fen, neither negative. */
export type SignedSums = { readonly records: number; readonly extraFen: number; readonly reducedFen: number };

/** What one party's batches of one kind say, and what adjustments concern it: plain sums over tables (store/clearing-books.ts). */
export type PartyBooks = {
  readonly party: string;
  readonly kind: BatchKind;
  readonly totalFen: number;
  readonly withheldFen: number;
  /** in the files */
  readonly presented: SignedSums;
  /** taken and in no file, by state and cause */
  readonly unpresented: readonly (SignedSums & {
    readonly state: 'held' | 'withheld';
    readonly cause: string;
  })[];
  /** after the party's last range */
  readonly waiting: SignedSums;
  /** every adjustment that concerns the party in this kind, wherever it is */
  readonly all: SignedSums;
};

export type ClearingBooks = {
  readonly parties: readonly PartyBooks[];
  /** of debtors' rides, which are in no file */
  readonly debts: SignedSums;
  /** debit less credit by account, over the postings of batches */
  readonly ofBatches: ReadonlyMap<string, number>;
  /** debit less credit by account, over the postings of adjustments */
  readonly ofAdjustments: ReadonlyMap<string, number>;
};

/** One proof: two figures from two places that must be the same. */
export type ClearingTie = {
  readonly name: string;
  readonly left: { readonly from: string; readonly value: number };
  readonly right: { readonly from: string; readonly value: number };
  readonly equal: boolean;
};

/**
 * What must hold at any moment, closed or not (adjustments.md): what the files of a bank ask for is what the ledger says it owes by its batches;
 * what is withheld stands in its suspense; every adjustment is in a file, held, withheld or waiting, once; and what waits or is held stands in
 * 2020 and 1120 to the fen. Left is the files' side, right the ledger's or the adjustments' own.
 */
export function clearingTies({ parties, debts, ofBatches, ofAdjustments }: ClearingBooks): ClearingTie[] {
  const banks = parties.filter(({ kind }) => kind !== 'subsidy_claim');
  const held = sumOf(banks.flatMap((one) => one.unpresented.filter(({ state }) => state === 'held')));
  const waiting = sumOf(banks.map((one) => one.waiting));
  const both = (account: string): number => (ofBatches.get(account) ?? 0) + (ofAdjustments.get(account) ?? 0);
  const namesOf = (of: readonly PartyBooks[]): string[] => [...new Set(of.map(({ party }) => party))];
  return [
    ...namesOf(banks).flatMap((bank) => {
      const own = banks.filter(({ party }) => party === bank);
      const withheld = sumOf(
        own.flatMap((one) => one.unpresented.filter(({ state }) => state === 'withheld')),
      );
      return [
        tie(
          `${bank} owes`,
          ['its files', total(own, (one) => one.totalFen + net(one.presented))],
          [`ledger 1110:${bank}, batches`, ofBatches.get(`1110:${bank}`) ?? 0],
        ),
        tie(
          `${bank} in suspense`,
          ['withheld', total(own, (one) => one.withheldFen) + net(withheld)],
          [`ledger 1190:${bank}, batches`, ofBatches.get(`1190:${bank}`) ?? 0],
        ),
      ];
    }),
    ...parties.flatMap((one) => {
      const somewhere = sumOf([one.presented, one.waiting, ...one.unpresented]);
      const name = `${one.party} ${one.kind}`;
      return [
        tie(
          `${name}, adjustments`,
          ['in files, held, withheld, waiting', somewhere.records],
          ['rows', one.all.records],
        ),
        tie(
          `${name}, differences`,
          ['in files, held, withheld, waiting', net(somewhere)],
          ['rows', net(one.all)],
        ),
      ];
    }),
    tie(
      'to be given back',
      ['waiting and held', waiting.reducedFen + held.reducedFen],
      ['ledger 2020, batches and adjustments', minus(both('2020'))],
    ),
    tie(
      'to be charged',
      ['waiting, held, and of debtors', waiting.extraFen + held.extraFen + net(debts)],
      ['ledger 1120, batches and adjustments', both('1120')],
    ),
    ...parties
      .filter(({ kind }) => kind === 'subsidy_claim')
      .map((one) =>
        tie(
          `${one.party} owes by changes`,
          ['in claims and waiting', net(one.presented) + net(one.waiting)],
          [`ledger 1130:${one.party}, adjustments`, ofAdjustments.get(`1130:${one.party}`) ?? 0],
        ),
      ),
  ];
}

function tie(
  name: string,
  left: [from: string, value: number],
  right: [from: string, value: number],
): ClearingTie {
  return {
    name,
    left: { from: left[0], value: left[1] },
    right: { from: right[0], value: right[1] },
    equal: left[1] === right[1],
  };
}

const net = ({ extraFen, reducedFen }: SignedSums): number => extraFen - reducedFen;

/** Without a zero that has a sign. */
const minus = (value: number): number => 0 - value;

function sumOf(sums: readonly SignedSums[]): SignedSums {
  return {
    records: total(sums, (one) => one.records),
    extraFen: total(sums, (one) => one.extraFen),
    reducedFen: total(sums, (one) => one.reducedFen),
  };
}

function total<Row>(rows: readonly Row[], of: (row: Row) => number): number {
  return rows.reduce((sum, row) => sum + of(row), 0);
}
