import * as echarts from 'echarts';
import type { RideKind } from './policy-tally.ts';
import type { ReportRow, WhatIfReport } from './what-if-report.ts';

type Language = 'zh' | 'en';

/**
 * Colours are drawn as stand-ins and become variables of the page, so that one drawing serves light, dark and paper. The library
 * wants real colours while it draws.
 */
const STAND_INS = {
  text: '#0a0b01',
  muted: '#0a0b02',
  line: '#0a0b03',
  full: '#0a0b04',
  reduced: '#0a0b05',
  free: '#0a0b06',
  riders: '#0a0b07',
  subsidy: '#0a0b08',
  nobody: '#0a0b09',
  owed: '#0a0b10',
} as const;

const KINDS: readonly { readonly kind: RideKind; readonly zh: string; readonly en: string }[] = [
  { kind: 'full', zh: '全价', en: 'full fare' },
  { kind: 'reduced', zh: '减价', en: 'reduced' },
  { kind: 'free', zh: '免费', en: 'free' },
];
/** Of a drawing that fills the page, and of one that shares a row. */
const WIDE = 1000;
const HALF = 520;
/** Texts are measured by rough widths here: room for fonts that run wider. */
const LEGEND = { top: 4, left: 'center', itemGap: 26, textStyle: { color: STAND_INS.text } };
const FONT = '"Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif';

/** Rides by the hour in which they begin; each hour has two columns, as it was and under the policy. */
export function hoursChart(report: WhatIfReport, language: Language): string {
  const ridden = report.hours.map(({ before }, hour) => ({
    hour,
    rides: before.full + before.reduced + before.free,
  }));
  const busy = ridden.filter(({ rides }) => rides > 0).map(({ hour }) => hour);
  const hours = ridden.slice(Math.min(...busy, 23), Math.max(...busy, 0) + 1).map(({ hour }) => hour);
  const sides = [
    { when: 'before' as const, zh: '现状', en: 'as it was' },
    { when: 'after' as const, zh: '新办法', en: 'under the policy' },
  ];
  return draw([HALF, 340], {
    ...frame(),
    grid: { left: 48, right: 12, top: 40, bottom: 46 },
    xAxis: axis('category', {
      data: hours.map((hour) => String(hour).padStart(2, '0')),
      name:
        language === 'zh'
          ? '时（左柱现状，右柱新办法）'
          : 'hour (left column: as it was, right: under the policy)',
      nameLocation: 'middle',
      nameGap: 28,
    }),
    yAxis: axis('value', {}),
    series: sides.flatMap(({ when }) =>
      KINDS.map(({ kind, ...label }) => ({
        type: 'bar' as const,
        name: label[language],
        stack: when,
        barWidth: '36%',
        barGap: '8%',
        itemStyle: { color: STAND_INS[kind], opacity: when === 'before' ? 0.55 : 1 },
        data: hours.map((hour) => report.hours[hour]?.[when][kind] ?? 0),
      })),
    ),
    legend: { ...LEGEND, data: KINDS.map((kind) => kind[language]) },
  });
}

/** Who pays for the same rides, before and after, in yuan. */
export function payersChart(report: WhatIfReport, language: Language): string {
  const shown = report.rows.filter(
    ({ section, id, before, after }) =>
      section === 'money' && id !== 'revenue' && id !== 'losses' && (before > 0 || after > 0),
  );
  const colourOf = (row: ReportRow): string =>
    row.id === 'charged'
      ? STAND_INS.riders
      : row.id.startsWith('subsidy:')
        ? STAND_INS.subsidy
        : row.id === 'owed'
          ? STAND_INS.owed
          : STAND_INS.nobody;
  return draw([WIDE, 190], {
    ...frame(),
    grid: { left: 96, right: 28, top: 40, bottom: 26 },
    yAxis: axis('category', { data: language === 'zh' ? ['新办法', '现状'] : ['policy', 'as it was'] }),
    xAxis: axis('value', {}),
    legend: LEGEND,
    series: shown.map((row) => ({
      type: 'bar' as const,
      name: row.text[language],
      stack: 'all',
      barWidth: 34,
      itemStyle: { color: colourOf(row) },
      label: labelOf(),
      data: [row.after / 100, row.before / 100].map((value) => ({
        value,
        label: { show: value >= 0.06 * most(shown) },
      })),
    })),
  });
}

const most = (rows: readonly ReportRow[]): number =>
  Math.max(
    1,
    ...(['before', 'after'] as const).map((when) => rows.reduce((sum, row) => sum + row[when] / 100, 0)),
  );

/** What each concession gives up of the fares, before and after, in yuan. */
export function concessionsChart(report: WhatIfReport, language: Language): string {
  const rows = report.rows.filter(({ section, unit }) => section === 'concessions' && unit === 'fen');
  const name = (row: ReportRow): string => row.text[language].replace(/[：:][^：:]*$/, '');
  const side = (when: 'before' | 'after', label: string, opacity: number) => ({
    type: 'bar' as const,
    name: label,
    barMaxWidth: 14,
    itemStyle: { color: STAND_INS.subsidy, opacity },
    label: { show: true, position: 'right' as const, color: STAND_INS.text, formatter: yuanLabel },
    data: rows.map((row) => row[when] / 100),
  });
  return draw([HALF, Math.max(200, 70 + 44 * rows.length)], {
    ...frame(),
    grid: { left: language === 'zh' ? 150 : 238, right: 58, top: 36, bottom: 24 },
    yAxis: axis('category', { data: rows.map(name), inverse: true }),
    xAxis: axis('value', {}),
    legend: LEGEND,
    series:
      language === 'zh'
        ? [side('before', '现状', 0.5), side('after', '新办法', 1)]
        : [side('before', 'as it was', 0.5), side('after', 'under the policy', 1)],
  });
}

function frame() {
  return { animation: false, backgroundColor: 'transparent', textStyle: { fontFamily: FONT, fontSize: 12 } };
}

function axis<Type extends 'category' | 'value'>(type: Type, more: object) {
  return {
    type,
    axisLine: { lineStyle: { color: STAND_INS.line } },
    axisTick: { show: false },
    axisLabel: { color: STAND_INS.muted },
    nameTextStyle: { color: STAND_INS.muted },
    splitLine: { lineStyle: { color: STAND_INS.line } },
    ...more,
  };
}

function labelOf() {
  return { show: true, position: 'inside' as const, color: '#ffffff', formatter: yuanLabel };
}

const yuanLabel = ({ value }: { value?: unknown }): string =>
  typeof value === 'number' ? value.toFixed(2) : '';

function draw([width, height]: readonly [number, number], option: echarts.EChartsCoreOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption(option);
    let svg = chart.renderToSVGString({ useViewBox: true });
    for (const [name, colour] of Object.entries(STAND_INS)) svg = svg.replaceAll(colour, `var(--${name})`);
    return svg;
  } finally {
    chart.dispose();
  }
}
