import Table from 'cli-table3';
import { amountOf, differenceOf, type ReportRow, type WhatIfReport } from './what-if-report.ts';

const TITLES: Record<ReportRow['section'], string> = {
  money: '金额（元） money, yuan',
  rides: '乘车次数 rides',
  concessions: '各项优惠 concessions',
  lines: '各线路（元） lines, yuan',
};

/** The answer for a terminal: a table a section, then the riders and the remarks. */
export function whatIfTable(report: WhatIfReport): string {
  const { policy, from, to, riders } = report;
  const sections = Object.entries(TITLES).map(([section, title]) => {
    const rows = report.rows.filter((row) => row.section === section);
    const table = new Table({
      head: [title, 'before', 'after', 'difference'],
      colAligns: ['left', 'right', 'right', 'right'],
      style: { head: [], border: [], compact: true },
    });
    table.push(
      ...rows.map((row) => [
        `${row.text.zh} ${row.text.en}`,
        amountOf(row.before, row.unit),
        amountOf(row.after, row.unit),
        differenceOf(row),
      ]),
    );
    return rows.length === 0 ? '' : `${table.toString()}\n`;
  });
  return [
    `${policy.zh}\n${policy.en}\n${from} to ${to}\n`,
    ...sections,
    hoursTable(report),
    `${riders.payLess} of ${riders.all} cards pay less, ${riders.payMore} pay more, ${riders.rideFreeMore} ride free where they paid\n`,
    ...report.remarks.map(({ zh, en }) => `- ${zh}\n  ${en}\n`),
  ].join('\n');
}

function hoursTable({ hours }: WhatIfReport): string {
  const table = new Table({
    head: ['时 hour', 'full', 'after', 'reduced', 'after', 'free', 'after'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  hours.forEach(({ before, after }, hour) => {
    if (before.full + before.reduced + before.free === 0) return;
    const counts = (['full', 'reduced', 'free'] as const).flatMap((kind) => [before[kind], after[kind]]);
    table.push([`${String(hour).padStart(2, '0')}:00`, ...counts.map(String)]);
  });
  return `${table.toString()}\n`;
}
