import { fen, formatYuan } from '@tapgate/sdk/wire/money';
import type { RuleText } from '../fares/rule-set.ts';
import { revenueFen, type Both, type KindCounts, type PolicyTally, type Side } from './policy-tally.ts';

/** One figure of the answer on both sides. `fen` are shown in yuan. */
export type ReportRow = {
  readonly section: 'money' | 'rides' | 'concessions' | 'lines';
  readonly id: string;
  readonly text: RuleText;
  readonly unit: 'fen' | 'rides';
  readonly before: number;
  readonly after: number;
};

export type WhatIfReport = {
  readonly from: string;
  readonly to: string;
  readonly policy: RuleText;
  /** when and from what it was made */
  readonly madeAt: string;
  readonly rows: readonly ReportRow[];
  readonly hours: readonly Both<KindCounts>[];
  readonly riders: PolicyTally['riders'];
  readonly grounds: Grounds;
  /** what nobody kept, or what the answer assumes, in sentences */
  readonly remarks: readonly RuleText[];
};

export type Grounds = {
  readonly touchedRides: number;
  readonly unknownAgeRides: number;
  readonly unknownAgeCards: number;
  readonly borrowedEvidenceCards: number;
  readonly heldRides: number;
  readonly unpricedRides: number;
  readonly lookbackDays: number;
};

/** Names of rules, funders and lines in both languages; an id without a name stands for itself. */
export type ReportNames = {
  readonly rules: ReadonlyMap<string, RuleText>;
  readonly funders: ReadonlyMap<string, RuleText>;
  readonly lines: ReadonlyMap<string, RuleText>;
};

export function whatIfReport(
  order: { readonly from: string; readonly to: string; readonly policy: RuleText; readonly madeAt: string },
  tally: PolicyTally,
  grounds: Grounds,
  names: ReportNames,
): WhatIfReport {
  return {
    ...order,
    rows: [
      ...moneyRows(tally, names),
      ...rideRows(tally),
      ...ruleRows(tally, names),
      ...lineRows(tally, names),
    ],
    hours: tally.hours,
    riders: tally.riders,
    grounds,
    remarks: remarksOf(tally, grounds),
  };
}

function moneyRows({ side }: PolicyTally, names: ReportNames): ReportRow[] {
  const money = (id: string, zh: string, en: string, of: (side: Side) => number): ReportRow => ({
    ...{ section: 'money', id, text: { zh, en }, unit: 'fen' },
    before: of(side.before),
    after: of(side.after),
  });
  const funders = [...new Set([...side.before.claimedFen.keys(), ...side.after.claimedFen.keys()])].sort();
  return [
    money('revenue', '运营收入合计', "Operators' revenue", revenueFen),
    money('charged', '向乘客收取', 'Charged to riders', (of) => of.chargedFen),
    ...funders.map((funder) => {
      const { zh, en } = names.funders.get(funder) ?? { zh: funder, en: funder };
      return money(
        `subsidy:${funder}`,
        `补贴：${zh}`,
        `Subsidy: ${en}`,
        (of) => of.claimedFen.get(funder) ?? 0,
      );
    }),
    money('owed', '欠款票价', 'Owed as debts', (of) => of.owedFen),
    money('losses', '无法证实的乘车', 'Rides that nobody proved', (of) => of.lossesFen),
    money('unfunded', '无人承担的优惠', 'Given and claimed from nobody', (of) => of.unfundedFen),
  ];
}

function rideRows({ side }: PolicyTally): ReportRow[] {
  const rides = (id: 'full' | 'reduced' | 'free' | 'held', zh: string, en: string): ReportRow => ({
    ...{ section: 'rides', id, text: { zh, en }, unit: 'rides' },
    before: side.before[id],
    after: side.after[id],
  });
  const held = rides('held', '暂未定价', 'Held, not priced');
  return [
    rides('full', '全价乘车', 'Rides at full fare'),
    rides('reduced', '减价乘车', 'Rides at a reduced fare'),
    rides('free', '免费乘车', 'Free rides'),
    ...(held.before === 0 && held.after === 0 ? [] : [held]),
  ];
}

function ruleRows({ rules }: PolicyTally, names: ReportNames): ReportRow[] {
  return [...rules].sort(byId).flatMap(([id, { before, after }]) => {
    const { zh, en } = names.rules.get(id) ?? { zh: id, en: id };
    const row = { section: 'concessions' as const };
    return [
      {
        ...row,
        id: `${id}:rides`,
        text: { zh: `${zh}：次数`, en: `${en}: rides` },
        unit: 'rides' as const,
        before: before.rides,
        after: after.rides,
      },
      {
        ...row,
        id: `${id}:shortfall`,
        text: { zh: `${zh}：减收`, en: `${en}: fare given up` },
        unit: 'fen' as const,
        before: before.shortfallFen,
        after: after.shortfallFen,
      },
    ];
  });
}

function lineRows({ lines }: PolicyTally, names: ReportNames): ReportRow[] {
  return [...lines].sort(byId).flatMap(([id, { before, after }]) => {
    const { zh, en } = names.lines.get(id) ?? { zh: id, en: id };
    const row = { section: 'lines' as const, unit: 'fen' as const };
    return [
      {
        ...row,
        id: `${id}:charged`,
        text: { zh: `${zh}：向乘客收取`, en: `${en}: charged to riders` },
        before: before.chargedFen,
        after: after.chargedFen,
      },
      {
        ...row,
        id: `${id}:subsidy`,
        text: { zh: `${zh}：补贴`, en: `${en}: subsidy` },
        before: before.claimedFen,
        after: after.claimedFen,
      },
    ];
  });
}

const byId = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;

/** What somebody who signs must know of the answer; a remark that has nothing to count is left out. */
function remarksOf({ rides, riders }: PolicyTally, grounds: Grounds): RuleText[] {
  const remarks: RuleText[] = [
    {
      zh: '按已发生的乘车重新计价：不估计票价变化引起的客流增减。',
      en: 'Rides as they happened, priced again: nobody is assumed to ride more or less because of the policy.',
    },
  ];
  const say = (count: number, zh: string, en: string): void => {
    if (count > 0) remarks.push({ zh, en });
  };
  const share = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)}%`;
  const { unknownAgeRides, unknownAgeCards, borrowedEvidenceCards } = grounds;
  say(
    unknownAgeRides,
    `年龄未登记的卡 ${unknownAgeCards} 张（共 ${riders.all} 张），乘车 ${unknownAgeRides} 次（占 ${share(unknownAgeRides, rides)}）：其中有多少人符合新办法，没有人记录，因此按现价计入。实际补贴只会更高。`,
    `${unknownAgeCards} of ${riders.all} cards have no registered age (${unknownAgeRides} rides, ${share(unknownAgeRides, rides)}): how many of their holders would qualify was never kept, so they stay as they were. The real subsidy can only be higher.`,
  );
  say(
    borrowedEvidenceCards,
    `${borrowedEvidenceCards} 张卡凭为其他类别登记的年龄凭证计入：假定该凭证对新办法同样有效。`,
    `${borrowedEvidenceCards} cards count by evidence of age that was registered for another category: it is assumed to serve for the policy as well.`,
  );
  say(
    grounds.heldRides,
    `${grounds.heldRides} 次乘车当时未定价，两边均不计金额。`,
    `${grounds.heldRides} rides were held that day and are in neither sum.`,
  );
  say(
    grounds.unpricedRides,
    `${grounds.unpricedRides} 次乘车新办法无法定价，只计入现状。`,
    `${grounds.unpricedRides} rides have no fare under the policy and count only as they were.`,
  );
  say(
    grounds.lookbackDays,
    `规则含换乘或累计：向前多读了 ${grounds.lookbackDays} 天的乘车，仅作起点，不计入合计。`,
    `Its rules look back (transfers, sums of a period): rides from ${grounds.lookbackDays} day(s) before the first were read for that and are in no sum.`,
  );
  return remarks;
}

export const amountOf = (value: number, unit: ReportRow['unit']): string =>
  unit === 'fen' ? formatYuan(fen(value)) : String(value);

/** With its sign, because it is read as a change. */
export const differenceOf = (row: ReportRow): string => {
  const difference = row.after - row.before;
  return `${difference > 0 ? '+' : ''}${amountOf(difference, row.unit)}`;
};
