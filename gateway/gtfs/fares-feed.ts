import { FEED_TABLES, type FeedTableName, type RawTable } from './feed-tables.ts';

/** A Fares v2 feed made ready for matching. */
export type FaresFeed = {
  readonly legRules: readonly LegRule[];
  /** whether fare_leg_rules has the column rule_priority: it changes what an empty field means (fares note 4.2) */
  readonly hasPriorities: boolean;
  readonly products: readonly FareProduct[];
  readonly transferRules: readonly TransferRule[];
  readonly joinRules: readonly JoinRule[];
  readonly timeframes: readonly Timeframe[];
  readonly services: ReadonlyMap<string, Service>;
};

export type LegRule = {
  readonly legGroupId: string;
  readonly networkId: string;
  readonly fromAreaId: string;
  readonly toAreaId: string;
  readonly fromTimeframeGroupId: string;
  readonly toTimeframeGroupId: string;
  readonly fareProductId: string;
  readonly priority: number;
};

export type FareProduct = {
  readonly fareProductId: string;
  /** empty = any category */
  readonly riderCategoryId: string;
  /** empty = not known */
  readonly fareMediaId: string;
  /** in the currency's minor unit; may be negative */
  readonly amountMinor: number;
  readonly currency: string;
};

export type TransferRule = {
  readonly fromLegGroupId: string;
  readonly toLegGroupId: string;
  /** null where the groups differ; -1 = without limit */
  readonly transferCount: number | null;
  readonly durationLimitSeconds: number | null;
  readonly durationLimitType: 0 | 1 | 2 | 3;
  /** 0: A + AB, 1: A + AB + B, 2: AB */
  readonly fareTransferType: 0 | 1 | 2;
  readonly fareProductId: string;
};

export type JoinRule = {
  readonly fromNetworkId: string;
  readonly toNetworkId: string;
  readonly fromStopId: string;
  readonly toStopId: string;
};

export type Timeframe = {
  readonly groupId: string;
  readonly startSeconds: number;
  /** exclusive */
  readonly endSeconds: number;
  readonly serviceId: string;
};

export type Service = {
  /** Monday first */
  readonly weekdays: readonly boolean[];
  /** YYYYMMDD, inclusive; empty where only calendar_dates speak */
  readonly startDate: string;
  readonly endDate: string;
  readonly added: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
};

export type FeedRemark = {
  readonly level: 'error' | 'warning';
  readonly file: string;
  /** 0 = the file as a whole */
  readonly line: number;
  readonly text: string;
};

export type FeedTables = ReadonlyMap<FeedTableName, RawTable>;

/**
 * Builds a feed from its tables. What the specification forbids is an error, and then there is no feed; what it allows but a
 * reader should know (a byte-order mark, short times, a draft column, a minute that no timeframe holds) is a warning.
 */
export function buildFaresFeed(tables: FeedTables): { feed: FaresFeed | null; remarks: FeedRemark[] } {
  const remarks: FeedRemark[] = [];
  const say = (level: FeedRemark['level'], file: string, line: number, text: string): void => {
    remarks.push({ level, file, line, text });
  };
  for (const [file, spec] of Object.entries(FEED_TABLES))
    checkTable(tables, file as FeedTableName, spec, say);
  const rowsOf = (file: FeedTableName): RawTable['rows'] => tables.get(file)?.rows ?? [];
  const services = readServices(rowsOf('calendar.txt'), rowsOf('calendar_dates.txt'));
  const feed: FaresFeed = {
    legRules: rowsOf('fare_leg_rules.txt').map(({ line, cells }) => ({
      legGroupId: cell(cells, 'leg_group_id'),
      networkId: cell(cells, 'network_id'),
      fromAreaId: cell(cells, 'from_area_id'),
      toAreaId: cell(cells, 'to_area_id'),
      fromTimeframeGroupId: cell(cells, 'from_timeframe_group_id'),
      toTimeframeGroupId: cell(cells, 'to_timeframe_group_id'),
      fareProductId: cell(cells, 'fare_product_id'),
      priority: integer(cells, 'rule_priority', 0, 'fare_leg_rules.txt', line, say) ?? 0,
    })),
    hasPriorities: tables.get('fare_leg_rules.txt')?.header.includes('rule_priority') ?? false,
    products: rowsOf('fare_products.txt').map(({ line, cells }) => ({
      fareProductId: cell(cells, 'fare_product_id'),
      riderCategoryId: cell(cells, 'rider_category_id'),
      fareMediaId: cell(cells, 'fare_media_id'),
      amountMinor: minorAmount(cells, line, say),
      currency: cell(cells, 'currency'),
    })),
    transferRules: rowsOf('fare_transfer_rules.txt').map(({ line, cells }) => readTransfer(cells, line, say)),
    joinRules: rowsOf('fare_leg_join_rules.txt').map(({ cells }) => ({
      fromNetworkId: cell(cells, 'from_network_id'),
      toNetworkId: cell(cells, 'to_network_id'),
      fromStopId: cell(cells, 'from_stop_id'),
      toStopId: cell(cells, 'to_stop_id'),
    })),
    timeframes: rowsOf('timeframes.txt').map(({ line, cells }) => ({
      groupId: cell(cells, 'timeframe_group_id'),
      startSeconds: seconds(cells, 'start_time', 0, line, say),
      endSeconds: seconds(cells, 'end_time', 86_400, line, say),
      serviceId: cell(cells, 'service_id'),
    })),
    services,
  };
  checkReferences(feed, tables, say);
  checkTimeframes(feed, say);
  return { feed: remarks.some((r) => r.level === 'error') ? null : feed, remarks };
}

type Say = (level: FeedRemark['level'], file: string, line: number, text: string) => void;
type Cells = Readonly<Record<string, string>>;

function cell(cells: Cells, column: string): string {
  return cells[column] ?? '';
}

function checkTable(
  tables: FeedTables,
  file: FeedTableName,
  spec: { required: boolean; key: readonly string[]; columns: readonly string[] },
  say: Say,
): void {
  const table = tables.get(file);
  if (!table) {
    if (spec.required) say('error', file, 0, 'the file is missing');
    return;
  }
  if (table.hadByteOrderMark) say('warning', file, 1, 'starts with a byte-order mark, which is passed over');
  table.header.forEach((column, index) => {
    if (table.header.indexOf(column) !== index) say('error', file, 1, `column ${column} stands twice`);
    else if (!spec.columns.includes(column))
      say('warning', file, 1, `column ${column} is not in the adopted specification and is not read`);
  });
  const seen = new Map<string, number>();
  for (const { line, cells } of table.rows) {
    const key = JSON.stringify(spec.key.map((column) => cell(cells, column)));
    const before = seen.get(key);
    if (before !== undefined)
      say('error', file, line, `the same key as line ${String(before)}: ${spec.key.join(', ')}`);
    else seen.set(key, line);
  }
}

function integer(
  cells: Cells,
  column: string,
  otherwise: number | null,
  file: string,
  line: number,
  say: Say,
): number | null {
  const text = cell(cells, column);
  if (text === '') return otherwise;
  if (!/^-?\d+$/.test(text)) say('error', file, line, `${column} is not an integer`);
  return Number(text);
}

/** Minor units by ISO 4217; the currencies without decimals that feeds use. */
const NO_DECIMALS = new Set(['JPY', 'KRW', 'VND', 'CLP', 'ISK']);

function minorAmount(cells: Cells, line: number, say: Say): number {
  const text = cell(cells, 'amount');
  const currency = cell(cells, 'currency');
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!/^[A-Z]{3}$/.test(currency)) say('error', 'fare_products.txt', line, 'currency is not three letters');
  if (!match) {
    say('error', 'fare_products.txt', line, 'amount is not a decimal with a point');
    return 0;
  }
  const decimals = NO_DECIMALS.has(currency) ? 0 : 2;
  const fraction = match[3] ?? '';
  if (fraction.slice(decimals).replaceAll('0', '') !== '')
    say('error', 'fare_products.txt', line, `amount is finer than ${currency} has decimals`);
  const minor = Number(`${match[2] ?? '0'}${fraction.slice(0, decimals).padEnd(decimals, '0')}`);
  return match[1] === '-' ? -minor : minor;
}

function seconds(cells: Cells, column: string, otherwise: number, line: number, say: Say): number {
  const text = cell(cells, column);
  if (text === '') return otherwise;
  const match = /^(\d{1,2}):([0-5]\d):([0-5]\d)$/.exec(text);
  if (!match) {
    say('error', 'timeframes.txt', line, `${column} is not a time`);
    return otherwise;
  }
  if (match[1]?.length === 1) say('warning', 'timeframes.txt', line, `${column} ${text} has no leading zero`);
  const value = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
  if (value > 86_400) say('error', 'timeframes.txt', line, `${column} is after 24:00:00`);
  return value;
}

function readTransfer(cells: Cells, line: number, say: Say): TransferRule {
  const file = 'fare_transfer_rules.txt';
  const from = cell(cells, 'from_leg_group_id');
  const to = cell(cells, 'to_leg_group_id');
  const count = integer(cells, 'transfer_count', null, file, line, say);
  const limit = integer(cells, 'duration_limit', null, file, line, say);
  const limitType = integer(cells, 'duration_limit_type', null, file, line, say);
  const type = integer(cells, 'fare_transfer_type', null, file, line, say);
  if (from === to && from !== '' && count === null)
    say('error', file, line, 'transfer_count is required between equal groups');
  if (from !== to && count !== null)
    say('error', file, line, 'transfer_count is forbidden between different groups');
  if (count !== null && count !== -1 && count < 1)
    say('error', file, line, 'transfer_count is -1 or at least 1');
  if (limit !== null && limit <= 0) say('error', file, line, 'duration_limit is not positive');
  if ((limit === null) !== (limitType === null))
    say('error', file, line, 'duration_limit and duration_limit_type come together');
  if (type !== 0 && type !== 1 && type !== 2) say('error', file, line, 'fare_transfer_type is 0, 1 or 2');
  return {
    fromLegGroupId: from,
    toLegGroupId: to,
    transferCount: count,
    durationLimitSeconds: limit,
    durationLimitType: limitType === 1 || limitType === 2 || limitType === 3 ? limitType : 0,
    fareTransferType: type === 1 || type === 2 ? type : 0,
    fareProductId: cell(cells, 'fare_product_id'),
  };
}

const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;

function readServices(calendar: RawTable['rows'], dates: RawTable['rows']): Map<string, Service> {
  const services = new Map<string, Service & { added: Set<string>; removed: Set<string> }>();
  const empty = () => ({
    weekdays: [],
    startDate: '',
    endDate: '',
    added: new Set<string>(),
    removed: new Set<string>(),
  });
  for (const { cells } of calendar) {
    services.set(cell(cells, 'service_id'), {
      ...empty(),
      weekdays: DAYS.map((day) => cell(cells, day) === '1'),
      startDate: cell(cells, 'start_date'),
      endDate: cell(cells, 'end_date'),
    });
  }
  for (const { cells } of dates) {
    const id = cell(cells, 'service_id');
    const service = services.get(id) ?? empty();
    services.set(id, service);
    (cell(cells, 'exception_type') === '1' ? service.added : service.removed).add(cell(cells, 'date'));
  }
  return services;
}

function checkReferences(feed: FaresFeed, tables: FeedTables, say: Say): void {
  const products = new Set(feed.products.map((p) => p.fareProductId));
  const groups = new Set(feed.timeframes.map((t) => t.groupId));
  const legGroups = new Set(feed.legRules.map((r) => r.legGroupId));
  const areas = new Set((tables.get('areas.txt')?.rows ?? []).map((r) => cell(r.cells, 'area_id')));
  feed.legRules.forEach((rule, index) => {
    const line = tables.get('fare_leg_rules.txt')?.rows[index]?.line ?? 0;
    const file = 'fare_leg_rules.txt';
    if (!products.has(rule.fareProductId))
      say('error', file, line, `unknown fare product ${rule.fareProductId}`);
    for (const id of [rule.fromTimeframeGroupId, rule.toTimeframeGroupId])
      if (id !== '' && !groups.has(id)) say('error', file, line, `unknown timeframe group ${id}`);
    for (const id of [rule.fromAreaId, rule.toAreaId])
      if (id !== '' && !areas.has(id)) say('error', file, line, `unknown area ${id}`);
  });
  feed.transferRules.forEach((rule, index) => {
    const line = tables.get('fare_transfer_rules.txt')?.rows[index]?.line ?? 0;
    const file = 'fare_transfer_rules.txt';
    if (rule.fareProductId !== '' && !products.has(rule.fareProductId))
      say('error', file, line, `unknown fare product ${rule.fareProductId}`);
    for (const id of [rule.fromLegGroupId, rule.toLegGroupId])
      if (id !== '' && !legGroups.has(id)) say('error', file, line, `unknown leg group ${id}`);
  });
  feed.timeframes.forEach((t, index) => {
    const line = tables.get('timeframes.txt')?.rows[index]?.line ?? 0;
    if (!feed.services.has(t.serviceId))
      say('error', 'timeframes.txt', line, `unknown service ${t.serviceId}`);
    if (t.endSeconds <= t.startSeconds)
      say(
        'error',
        'timeframes.txt',
        line,
        'ends before it starts: a timeframe over midnight is written as two rows',
      );
  });
}

/** Rows of one group and service may not overlap; a hole of a minute or less between two of them is a likely slip. */
function checkTimeframes(feed: FaresFeed, say: Say): void {
  const sorted = [...feed.timeframes].sort((a, b) => a.startSeconds - b.startSeconds);
  sorted.forEach((t, i) => {
    for (const next of sorted.slice(i + 1)) {
      if (next.groupId === t.groupId && next.serviceId === t.serviceId && next.startSeconds < t.endSeconds)
        say('error', 'timeframes.txt', 0, `overlap in group ${t.groupId}, service ${t.serviceId}`);
    }
    const covered = sorted.some(
      (o) => o.serviceId === t.serviceId && o.startSeconds <= t.endSeconds && o.endSeconds > t.endSeconds,
    );
    const next = sorted.find((o) => o.serviceId === t.serviceId && o.startSeconds > t.endSeconds);
    const gap = (next?.startSeconds ?? 86_400) - t.endSeconds;
    if (!covered && gap > 0 && gap <= 60)
      say(
        'warning',
        'timeframes.txt',
        0,
        `service ${t.serviceId}: no timeframe holds the ${String(gap)} s after ${clock(t.endSeconds)} (the end is exclusive)`,
      );
  });
}

function clock(value: number): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(Math.floor(value / 3600))}:${two(Math.floor(value / 60) % 60)}:${two(value % 60)}`;
}
