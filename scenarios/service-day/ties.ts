import type { ServiceDayResult } from './run-service-day.ts';
import type { SentFile } from './read-sent-files.ts';

/** One proof that the day ties: two figures from two places that must be the same. */
export type Tie = {
  readonly name: string;
  readonly left: { readonly from: string; readonly value: number };
  readonly right: { readonly from: string; readonly value: number };
  readonly equal: boolean;
};

/** Everything that must tie after a day is closed. Left and right never come from the same place. */
export function tiesOf(result: ServiceDayResult, files: readonly SentFile[]): Tie[] {
  const { books, sent, duplicates, surprises } = result;
  const taps = sum(books.outcomes, (row) => row.taps);
  const repeats = sum(books.outcomes, (row) => row.repeats);
  const tapsOf = (outcome: string): number =>
    books.outcomes.find((row) => row.outcome === outcome)?.taps ?? 0;
  const fares = (outcome: string): number =>
    sum(
      books.outcomeFares.filter((row) => row.outcome === outcome),
      (row) => row.fareFen,
    );
  const balance = (code: string): number =>
    sum(
      books.accounts.filter(({ accountId }) => accountId === code || accountId.startsWith(`${code}:`)),
      (account) => account.debitFen - account.creditFen,
    );
  const claims = files.filter((file) => file.kind === 'subsidy_claim');
  const presented = files.filter((file) => file.kind !== 'subsidy_claim');
  const total = (of: readonly SentFile[]): number => sum(of, (file) => file.totalFen);

  return [
    tie('taps sent', ['terminals', sent], ['tap_identity, rows and repeats', taps + repeats]),
    tie(
      'every tap in one state',
      ['terminals', sent],
      [
        'chargeable + debt + loss + denied + duplicates, by SQL',
        tapsOf('chargeable') + tapsOf('debt') + tapsOf('loss') + tapsOf('denied') + repeats,
      ],
    ),
    tie('duplicates', ['answers marked so', duplicates], ['repeats, by SQL', repeats]),
    tie('verdicts that the plan did not expect', ['terminals', surprises.length], ['the plan', 0]),
    tie('taps left unsettled', ['unsettled_tap, by SQL', books.unsettledTaps], ['a closed day', 0]),
    tie(
      'ledger sums to zero',
      ['all debits', sum(books.accounts, (account) => account.debitFen)],
      ['all credits', sum(books.accounts, (account) => account.creditFen)],
    ),
    tie(
      'banks are charged',
      ['files, re-read', total(presented)],
      [
        'fares of chargeable journeys and their adjustments, by SQL',
        fares('chargeable') + books.adjusted.chargedFen,
      ],
    ),
    tie('banks owe', ['files, re-read', total(presented)], ['ledger 1110, all banks', balance('1110')]),
    tie('nothing charged is left unbilled', ['ledger 1115, all banks', balance('1115')], ['a closed day', 0]),
    tie('the funder owes', ['claim, re-read', total(claims)], ['ledger 1130', balance('1130')]),
    tie(
      'the funder is claimed',
      ['claim, re-read', total(claims)],
      [
        'concessions and their adjustments, by SQL',
        sum(books.concessions, (row) => row.claimedFen) + books.adjusted.claimedFen,
      ],
    ),
    tie(
      'riders owe',
      ['ledger 1120', balance('1120')],
      ['fares of debts and their adjustments, by SQL', fares('debt') + books.adjusted.debtFen],
    ),
    tie('nothing waits to be given back', ['ledger 2020', balance('2020')], ['a closed day', 0]),
    tie('losses', ['ledger 5020', balance('5020')], ['losses at list fare, by SQL', fares('loss')]),
    tie(
      'operators earned what travelled',
      ['ledger 2010, all operators', -balance('2010')],
      [
        'charged + debt + loss + claimed',
        fares('chargeable') +
          fares('debt') +
          fares('loss') +
          books.adjusted.chargedFen +
          books.adjusted.debtFen +
          total(claims),
      ],
    ),
    tie(
      'manifests that disagree with their files',
      ['re-read', count(files, (f) => !f.manifestAgrees)],
      ['none', 0],
    ),
    tie('files without a signature', ['folder', count(files, (f) => !f.signed)], ['none', 0]),
  ];
}

function tie(name: string, left: [string, number], right: [string, number]): Tie {
  return {
    name,
    left: { from: left[0], value: left[1] },
    right: { from: right[0], value: right[1] },
    equal: left[1] === right[1],
  };
}

const sum = <Row>(rows: readonly Row[], of: (row: Row) => number): number =>
  rows.reduce((total, row) => total + of(row), 0);

const count = <Row>(rows: readonly Row[], which: (row: Row) => boolean): number => rows.filter(which).length;
