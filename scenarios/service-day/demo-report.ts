import Table from 'cli-table3';
import { fen, formatYuan } from '@tapgate/sdk/wire/money';
import type { SentFile } from './read-sent-files.ts';
import type { ServiceDayResult } from './run-service-day.ts';
import type { Tie } from './ties.ts';

export type DemoReport = {
  readonly date: string;
  readonly seed: string;
  readonly cards: number;
  readonly seconds: number;
  readonly sent: number;
  readonly bulkRecords: number;
  readonly live: {
    readonly taps: number;
    readonly p50Ms: number;
    readonly p95Ms: number;
    readonly p99Ms: number;
    readonly maxMs: number;
  };
  readonly verdicts: readonly {
    readonly outcome: string;
    readonly cause: string | null;
    readonly journeys: number;
    readonly fareFen: number;
  }[];
  readonly outcomes: readonly { readonly outcome: string; readonly taps: number; readonly repeats: number }[];
  readonly concessions: ServiceDayResult['books']['concessions'];
  readonly files: readonly SentFile[];
  readonly surprises: ServiceDayResult['surprises'];
  readonly ties: readonly Tie[];
  readonly ok: boolean;
  readonly outDir: string;
};

export function demoReport(
  order: { readonly date: string; readonly seed: string; readonly outDir: string; readonly seconds: number },
  result: ServiceDayResult,
  files: readonly SentFile[],
  ties: readonly Tie[],
): DemoReport {
  const sorted = [...result.liveLatenciesMs].sort((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return {
    ...order,
    cards: result.plan.cards.length,
    sent: result.sent,
    bulkRecords: result.bulkRecords,
    live: { taps: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: at(1) },
    verdicts: result.books.outcomeFares,
    outcomes: result.books.outcomes,
    concessions: result.books.concessions,
    files,
    surprises: result.surprises,
    ties,
    ok: ties.every((tie) => tie.equal),
  };
}

const round = (ms: number): number => Math.round(ms * 10) / 10;
const yuan = (amountFen: number): string => formatYuan(fen(amountFen));

/** The report for people: tables of the day, then the proofs. */
export function formatReport(report: DemoReport): string {
  const { live } = report;
  return [
    '',
    `Service day ${report.date}: ${report.cards} cards, ${report.sent} records sent (${report.bulkRecords} of them in bulk), ${report.seconds.toFixed(1)} s`,
    `Live path: ${live.taps} taps, p50 ${live.p50Ms} ms, p95 ${live.p95Ms} ms, p99 ${live.p99Ms} ms, slowest ${live.maxMs} ms`,
    '',
    table(
      ['party', 'kind', 'items', 'yuan', 'file'],
      report.files.map((file) => [
        file.party,
        file.kind,
        String(file.records),
        yuan(file.totalFen),
        file.file,
      ]),
    ),
    table(
      ['verdict', 'taps', 'sent again'],
      report.outcomes.map((row) => [row.outcome, String(row.taps), String(row.repeats)]),
    ),
    table(
      ['journeys', 'cause', 'number', 'yuan'],
      report.verdicts.map((row) => [row.outcome, row.cause ?? '', String(row.journeys), yuan(row.fareFen)]),
    ),
    table(
      ['concession', 'rider category', 'funder', 'rides', 'list yuan', 'charged yuan', 'claimed yuan'],
      report.concessions.map((row) => [
        row.concessionRuleId,
        row.riderCategory,
        row.funder ?? 'nobody',
        String(row.journeys),
        yuan(row.listFareFen),
        yuan(row.fareFen),
        yuan(row.claimedFen),
      ]),
    ),
    table(
      ['it ties', 'one side', '', 'other side', '', ''],
      report.ties.map((tie) => [
        tie.name,
        tie.left.from,
        String(tie.left.value),
        tie.right.from,
        String(tie.right.value),
        tie.equal ? 'equal' : 'NOT EQUAL',
      ]),
    ),
    ...report.surprises
      .slice(0, 20)
      .map((surprise) => `unexpected: ${surprise.tap} ${surprise.got}, the plan says ${surprise.expected}`),
    `Files: ${report.outDir}`,
    report.ok ? 'The day ties to the fen.' : 'The day does NOT tie.',
    '',
  ].join('\n');
}

function table(head: string[], rows: string[][]): string {
  const made = new Table({ head, style: { head: [], border: [], compact: true } });
  made.push(...rows);
  return `${made.toString()}\n`;
}
