import { amountOf, differenceOf, type WhatIfReport } from './what-if-report.ts';

/** The answer as CSV (RFC 4180) with a byte order mark, without which a spreadsheet takes the Chinese for something else. */
export function whatIfCsv(report: WhatIfReport): string {
  const lines: (readonly string[])[] = [
    ['section', 'id', 'zh', 'en', 'unit', 'before', 'after', 'difference'],
    ...report.rows.map((row) => [
      row.section,
      row.id,
      row.text.zh,
      row.text.en,
      row.unit === 'fen' ? 'yuan' : row.unit,
      amountOf(row.before, row.unit),
      amountOf(row.after, row.unit),
      differenceOf(row),
    ]),
    ...(['full', 'reduced', 'free'] as const).flatMap((kind) =>
      report.hours.map(({ before, after }, hour) => [
        'hours',
        `${String(hour).padStart(2, '0')}:${kind}`,
        '',
        '',
        'rides',
        String(before[kind]),
        String(after[kind]),
        String(after[kind] - before[kind]),
      ]),
    ),
    ...Object.entries(report.riders).map(([id, cards]) => [
      'riders',
      id,
      '',
      '',
      'cards',
      '',
      String(cards),
      '',
    ]),
  ];
  return `\uFEFF${lines.map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('')}`;
}

const quoted = (cell: string): string => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
