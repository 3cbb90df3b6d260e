import { concessionsChart, hoursChart, payersChart } from './what-if-charts.ts';
import { amountOf, differenceOf, type ReportRow, type WhatIfReport } from './what-if-report.ts';

type Language = 'zh' | 'en';
const LANGUAGES: readonly Language[] = ['zh', 'en'];

/**
 * The answer as one HTML file that needs nothing else: drawings inline, no network, no script but the one that picks the reader's
 * language. Chinese and English are both in it; light and dark follow the reader's system, paper is always light.
 */
export function whatIfPage(report: WhatIfReport): string {
  const { policy, from, to } = report;
  return `<!doctype html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(policy.zh)} · ${escaped(policy.en)}</title>
<style>${STYLE}</style>
</head>
<body>
<input type="radio" name="language" id="zh" checked><input type="radio" name="language" id="en">
<nav><label for="zh">中文</label><label for="en">English</label></nav>
<main>
<header>
<p class="over">${both('假如换一种办法', 'What another policy would have cost')}</p>
<h1>${both(escaped(policy.zh), escaped(policy.en))}</h1>
<p class="days">${both(daysText('运营日', '至', from, to), daysText('Service dates', 'to', from, to))}</p>
</header>
<section class="cards">${headlines(report)}</section>
${figure('谁来付（元）', 'Who pays (yuan)', (language) => payersChart(report, language))}
${figure('按小时的乘车次数', 'Rides by hour', (language) => hoursChart(report, language))}
${figure('各项优惠减收（元）', 'Fare given up by each concession (yuan)', (language) => concessionsChart(report, language))}
${table('金额（元）', 'Money (yuan)', sectionOf(report, 'money'))}
${table('乘车次数', 'Rides', sectionOf(report, 'rides'))}
${table('各项优惠', 'Concessions', sectionOf(report, 'concessions'))}
${table('各线路（元）', 'Lines (yuan)', sectionOf(report, 'lines'))}
<section>
<h2>${both('须知', 'What this answer rests on')}</h2>
<ul>${report.remarks.map(({ zh, en }) => `<li>${both(escaped(zh), escaped(en))}</li>`).join('')}</ul>
</section>
<footer>TapGate · 一晃而过 · npm run whatif · ${escaped(report.madeAt)}</footer>
</main>
<script>if(!/^zh/i.test(navigator.language))document.getElementById('en').checked=true</script>
</body>
</html>
`;
}

const daysText = (name: string, until: string, from: string, to: string): string =>
  from === to ? `${name} ${from}` : `${name} ${from} ${until} ${to}`;

const sectionOf = (report: WhatIfReport, section: ReportRow['section']): readonly ReportRow[] =>
  report.rows.filter((row) => row.section === section);

/** The four figures that are asked for first. */
function headlines(report: WhatIfReport): string {
  const money = sectionOf(report, 'money');
  const charged = money.find(({ id }) => id === 'charged');
  const subsidies = money.filter(({ id }) => id.startsWith('subsidy:'));
  const free = report.rows.find(({ section, id }) => section === 'rides' && id === 'free');
  const { payLess, payMore, all } = report.riders;
  const card = (zh: string, en: string, value: string, small: string): string =>
    `<div><p>${both(zh, en)}</p><strong>${value}</strong><small>${small}</small></div>`;
  const change = (row: ReportRow): string =>
    `${amountOf(row.before, row.unit)} → ${amountOf(row.after, row.unit)}`;
  return [
    ...subsidies.map((row) =>
      card(`${escaped(row.text.zh)}（元）`, `${escaped(row.text.en)} (yuan)`, differenceOf(row), change(row)),
    ),
    ...(charged === undefined
      ? []
      : [card('向乘客收取（元）', 'Charged to riders (yuan)', differenceOf(charged), change(charged))]),
    card(
      '少付的乘客（卡）',
      'Riders who pay less (cards)',
      String(payLess),
      both(`共 ${all} 张；多付 ${payMore} 张`, `of ${all}; ${payMore} pay more`),
    ),
    ...(free === undefined ? [] : [card('免费乘车（次）', 'Free rides', differenceOf(free), change(free))]),
  ].join('');
}

function figure(zh: string, en: string, draw: (language: Language) => string): string {
  const drawn = LANGUAGES.map((language) => `<div lang="${language}">${draw(language)}</div>`).join('');
  return `<section class="chart"><h2>${both(zh, en)}</h2>${drawn}</section>`;
}

function table(zh: string, en: string, rows: readonly ReportRow[]): string {
  if (rows.length === 0) return '';
  const body = rows.map(
    (row) =>
      `<tr><th scope="row">${both(escaped(row.text.zh), escaped(row.text.en))}</th><td>${amountOf(row.before, row.unit)}</td><td>${amountOf(row.after, row.unit)}</td><td class="${row.after === row.before ? 'same' : 'changed'}">${differenceOf(row)}</td></tr>`,
  );
  return `<section><h2>${both(zh, en)}</h2><table><thead><tr><th></th><th>${both('现状', 'as it was')}</th><th>${both('新办法', 'policy')}</th><th>${both('差额', 'difference')}</th></tr></thead><tbody>${body.join('')}</tbody></table></section>`;
}

const both = (zh: string, en: string): string => `<span lang="zh">${zh}</span><span lang="en">${en}</span>`;

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const STYLE = `
:root{--paper:#f7f8fa;--sheet:#ffffff;--text:#1b2430;--muted:#5d6b7c;--line:#dde3ea;--accent:#0b6e99;--full:#7c93ab;--reduced:#e0a33e;--free:#2a9d78;--riders:#5b7c9d;--subsidy:#c2603f;--nobody:#9a8fb5;--owed:#8a7a55}
@media (prefers-color-scheme:dark){:root{--paper:#12171d;--sheet:#1a2129;--text:#e6ebf1;--muted:#9aa8b8;--line:#2d3844;--accent:#5cc0ea;--full:#6f8aa6;--reduced:#d9a04a;--free:#36b58b;--riders:#5d86b0;--subsidy:#d8714d;--nobody:#a397c2;--owed:#a8966a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--text);font:15px/1.55 "Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px 24px 40px;display:grid;grid-template-columns:1fr 1fr;gap:16px}
header,.cards,.chart:nth-of-type(2),footer{grid-column:1/-1}
body>input{position:absolute;opacity:0}
nav{max-width:1080px;margin:0 auto;padding:16px 24px 0;text-align:right}
nav label{cursor:pointer;color:var(--muted);padding:2px 8px;border-radius:6px}
#zh:checked~nav label[for=zh],#en:checked~nav label[for=en]{color:var(--text);background:var(--line)}
#zh:checked~main [lang=en],#en:checked~main [lang=zh]{display:none}
.over{margin:0;color:var(--accent);font-weight:600;letter-spacing:.02em}
h1{margin:2px 0 0;font-size:27px;line-height:1.25}
h2{margin:0 0 8px;font-size:16px}
.days{margin:4px 0 0;color:var(--muted)}
section{background:var(--sheet);border:1px solid var(--line);border-radius:10px;padding:16px 18px;min-width:0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));padding:0;overflow:hidden}
.cards div{padding:14px 18px;border-left:1px solid var(--line)}
.cards div:first-child{border-left:0}
.cards p{margin:0;color:var(--muted);font-size:13px}
.cards strong{display:block;font-size:26px;line-height:1.3;font-variant-numeric:tabular-nums}
.cards small{color:var(--muted);font-variant-numeric:tabular-nums}
.chart svg{display:block;width:100%;height:auto}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px}
th{text-align:left;font-weight:400}
thead th{color:var(--muted);font-size:13px}
td,thead th:not(:first-child){text-align:right;white-space:nowrap;padding-left:12px}
tbody tr{border-top:1px solid var(--line)}
tbody th,td{padding-top:5px;padding-bottom:5px}
.changed{font-weight:650}
.same{color:var(--muted)}
ul{margin:0;padding-left:18px}
footer{color:var(--muted);font-size:12px}
@media (max-width:760px){main{grid-template-columns:1fr}}
@media print{:root{--paper:#fff;--sheet:#fff;--text:#111;--muted:#555;--line:#ccc;--accent:#0b6e99;--full:#7c93ab;--reduced:#e0a33e;--free:#2a9d78;--riders:#5b7c9d;--subsidy:#c2603f;--nobody:#9a8fb5;--owed:#8a7a55}body{font-size:11px;-webkit-print-color-adjust:exact;print-color-adjust:exact}nav{display:none}main{padding:0;gap:8px}section,tr{break-inside:avoid}h1{font-size:20px}@page{size:A4;margin:14mm}}
`;
