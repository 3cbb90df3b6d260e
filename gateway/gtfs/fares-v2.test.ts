import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { FaresFeed } from './fares-feed.ts';
import { loadFeed } from './load-feed.ts';
import { matchLeg, type Leg } from './match-leg.ts';
import { priceItinerary } from './price-itinerary.ts';

const GTFS = path.join(import.meta.dirname, '../../../shared/gtfs');
const skip = existsSync(GTFS) || process.env['REQUIRE_ALL'] === '1' ? false : 'shared material not present';

type Expected = {
  legs: {
    name: string;
    leg: {
      network_id: string;
      from_area_ids: string[];
      to_area_ids: string[];
      start_local: string;
      end_local: string;
    };
    expected_fare_product_ids: string[];
    expected_leg_group_ids: string[];
  }[];
};

for (const name of ['ctran-fares-v2', 'gtfs-org-translink-guide', 'transcollines']) {
  test(`the legs of ${name} match as the specification was read`, { skip }, () => {
    const { feed, remarks } = loadFeed(path.join(GTFS, name));
    assert.ok(feed, JSON.stringify(remarks.filter((r) => r.level === 'error')));
    const { legs } = JSON.parse(
      readFileSync(path.join(GTFS, name, 'expected-legs.json'), 'utf8'),
    ) as Expected;
    assert.ok(legs.length > 0);
    for (const { name: leg, leg: l, ...expected } of legs) {
      const rules = matchLeg(feed, {
        networkId: l.network_id,
        fromAreaIds: l.from_area_ids,
        toAreaIds: l.to_area_ids,
        fromStopId: null,
        toStopId: null,
        startLocal: l.start_local,
        endLocal: l.end_local,
      });
      assert.deepEqual(
        [...new Set(rules.map((r) => r.fareProductId))].sort(),
        expected.expected_fare_product_ids,
        leg,
      );
      assert.deepEqual(
        [...new Set(rules.map((r) => r.legGroupId))].sort(),
        expected.expected_leg_group_ids,
        leg,
      );
    }
  });
}

/** A feed of our own: networks n1 and n2, a pass per group, and one transfer of each type. */
const FEED: Record<string, string> = {
  'fare_products.txt':
    'fare_product_id,amount,currency\np1,2.00,CAD\np2,3.00,CAD\nup,0.50,CAD\ncap,4.00,CAD\n',
  'fare_leg_rules.txt': 'leg_group_id,network_id,fare_product_id\ng1,n1,p1\ng2,n2,p2\n',
  'fare_transfer_rules.txt':
    'from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id\n' +
    'g1,g1,2,3600,1,0,\ng1,g2,,3600,1,1,up\ng2,g1,,3600,1,2,cap\n',
};

function withFeed<T>(files: Record<string, string>, use: (loaded: ReturnType<typeof loadFeed>) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'feed-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
    return use(loadFeed(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const NOBODY = { riderCategoryId: null, fareMediaId: null };

function leg(networkId: string, start: string, end: string): Leg {
  return {
    networkId,
    fromAreaIds: [],
    toAreaIds: [],
    fromStopId: null,
    toStopId: null,
    startLocal: `2026-03-17T${start}:00`,
    endLocal: `2026-03-17T${end}:00`,
  };
}

const price = (feed: FaresFeed, legs: readonly Leg[]): number | string => {
  const fare = priceItinerary(feed, legs, NOBODY);
  return fare.outcome === 'priced' ? fare.amountMinor : fare.reason;
};

test('the three kinds of transfer, their counts and their time', () => {
  withFeed(FEED, ({ feed }) => {
    assert.ok(feed);
    const rows: [string, Leg[], number | string][] = [
      ['one leg', [leg('n1', '08:00', '08:20')], 200],
      ['A + AB, free', [leg('n1', '08:00', '08:20'), leg('n1', '08:30', '08:50')], 200],
      [
        'two transfers',
        [leg('n1', '08:00', '08:20'), leg('n1', '08:30', '08:50'), leg('n1', '09:00', '09:10')],
        200,
      ],
      [
        'a third one is paid',
        [
          leg('n1', '08:00', '08:10'),
          leg('n1', '08:20', '08:30'),
          leg('n1', '08:40', '08:50'),
          leg('n1', '09:00', '09:10'),
        ],
        400,
      ],
      ['exactly the limit', [leg('n1', '08:00', '08:20'), leg('n1', '09:00', '09:20')], 200],
      ['over the limit', [leg('n1', '08:00', '08:20'), leg('n1', '09:01', '09:20')], 400],
      ['A + AB + B', [leg('n1', '08:00', '08:20'), leg('n2', '08:30', '08:50')], 550],
      ['AB alone', [leg('n2', '08:00', '08:20'), leg('n1', '08:30', '08:50')], 400],
      ['no arrangement: apart', [leg('n2', '08:00', '08:20'), leg('n2', '08:30', '08:50')], 600],
      [
        'no rule: unknown, not free',
        [leg('n1', '08:00', '08:20'), leg('n3', '08:30', '08:50')],
        'no_leg_rule',
      ],
    ];
    for (const [name, legs, expected] of rows) assert.equal(price(feed, legs), expected, name);
  });
});

test('joined legs are one: start of the first, end of the last', () => {
  const joined = {
    ...FEED,
    'fare_leg_join_rules.txt': 'from_network_id,to_network_id,from_stop_id,to_stop_id\nn2,n2,,\n',
  };
  withFeed(joined, ({ feed }) => {
    assert.ok(feed);
    assert.equal(
      price(feed, [leg('n2', '08:00', '08:20'), leg('n2', '08:30', '08:50'), leg('n2', '09:00', '09:10')]),
      300,
    );
  });
});

test('an empty field means what is not listed, or nothing at all where the feed has priorities', () => {
  const rules = 'leg_group_id,network_id,fare_product_id';
  const complement = { ...FEED, 'fare_leg_rules.txt': `${rules}\ng1,n1,p1\ng2,,p2\n` };
  withFeed(complement, ({ feed }) => {
    assert.ok(feed);
    assert.deepEqual(
      matchLeg(feed, leg('n1', '08:00', '08:20')).map((r) => r.fareProductId),
      ['p1'],
    );
    assert.deepEqual(
      matchLeg(feed, leg('n9', '08:00', '08:20')).map((r) => r.fareProductId),
      ['p2'],
    );
  });
  const ignored = { ...FEED, 'fare_leg_rules.txt': `${rules},rule_priority\ng1,n1,p1,\ng2,,p2,\n` };
  withFeed(ignored, ({ feed }) => {
    assert.ok(feed);
    assert.deepEqual(
      matchLeg(feed, leg('n1', '08:00', '08:20')).map((r) => r.fareProductId),
      ['p1', 'p2'],
    );
  });
});

test('a bad feed is refused with file and line', () => {
  const without = Object.fromEntries(Object.entries(FEED).filter(([name]) => name !== 'fare_products.txt'));
  const rows: [string, Record<string, string>, RegExp][] = [
    ['missing file', without, /error fare_products\.txt:0: the file is missing/],
    [
      'duplicate key',
      { ...FEED, 'fare_products.txt': 'fare_product_id,amount,currency\np1,2.00,CAD\np1,3.00,CAD\n' },
      /error fare_products\.txt:3: the same key as line 2/,
    ],
    [
      'decimal comma',
      { ...FEED, 'fare_products.txt': 'fare_product_id,amount,currency\np1,"1,45",CAD\n' },
      /error fare_products\.txt:2: amount is not a decimal/,
    ],
    [
      'unknown product',
      { ...FEED, 'fare_leg_rules.txt': 'leg_group_id,network_id,fare_product_id\ng1,n1,px\n' },
      /error fare_leg_rules\.txt:2: unknown fare product px/,
    ],
    [
      'overnight in one row',
      {
        ...FEED,
        'timeframes.txt': 'timeframe_group_id,start_time,end_time,service_id\nt,22:00:00,04:00:00,s\n',
        'calendar_dates.txt': 'service_id,date,exception_type\ns,20260317,1\n',
      },
      /error timeframes\.txt:2: ends before it starts/,
    ],
    ['a short row', { ...FEED, 'areas.txt': 'area_id,area_name\na\n' }, /error areas\.txt:0: /],
    [
      'a header twice',
      { ...FEED, 'areas.txt': 'area_id,area_id\na,b\n' },
      /error areas\.txt:1: column area_id stands twice/,
    ],
    [
      'count where it is forbidden',
      {
        ...FEED,
        'fare_transfer_rules.txt':
          'from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type\ng1,g2,1,0\n',
      },
      /error fare_transfer_rules\.txt:2: transfer_count is forbidden/,
    ],
  ];
  for (const [name, files, expected] of rows) {
    withFeed(files, ({ feed, remarks }) => {
      assert.equal(feed, null, name);
      assert.match(
        remarks.map((r) => `${r.level} ${r.file}:${String(r.line)}: ${r.text}`).join('\n'),
        expected,
        name,
      );
    });
  }
});

test('a draft column and a byte-order mark are reported and passed over', () => {
  const files = {
    ...FEED,
    'fare_products.txt': `\uFEFF${FEED['fare_products.txt'] ?? ''}`
      .replace('currency', 'currency,bundle_amount')
      .replaceAll('CAD', 'CAD,'),
  };
  withFeed(files, ({ feed, remarks }) => {
    assert.ok(feed);
    const text = remarks.map((r) => r.text).join('\n');
    assert.match(text, /byte-order mark/);
    assert.match(text, /column bundle_amount is not in the adopted specification/);
  });
});
