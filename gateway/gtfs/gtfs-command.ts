// npm run gtfs -- import DIR              reads a GTFS Fares v2 feed and reports what is in it and what is wrong with it
// npm run gtfs -- price DIR --legs FILE   prices legs (and itineraries); compares where the file says what it expects
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { FaresFeed } from './fares-feed.ts';
import { loadFeed } from './load-feed.ts';
import { matchLeg, type Leg } from './match-leg.ts';
import { priceItinerary } from './price-itinerary.ts';

const USAGE = 'usage: gtfs import DIR  |  gtfs price DIR --legs FILE';
const local = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
const legSchema = z
  .strictObject({
    network_id: z.string().nullish(),
    from_area_ids: z.array(z.string()),
    to_area_ids: z.array(z.string()),
    from_stop_id: z.string().optional(),
    to_stop_id: z.string().optional(),
    start_local: local,
    end_local: local,
  })
  .transform((l): Leg => ({
    networkId: l.network_id ?? null,
    fromAreaIds: l.from_area_ids,
    toAreaIds: l.to_area_ids,
    fromStopId: l.from_stop_id ?? null,
    toStopId: l.to_stop_id ?? null,
    startLocal: l.start_local,
    endLocal: l.end_local,
  }));
const legsFileSchema = z.object({
  legs: z
    .array(
      z.strictObject({
        name: z.string(),
        why: z.string().optional(),
        leg: legSchema,
        expected_fare_product_ids: z.array(z.string()).optional(),
        expected_leg_group_ids: z.array(z.string()).optional(),
      }),
    )
    .default([]),
  itineraries: z
    .array(
      z.strictObject({
        name: z.string(),
        legs: z.array(legSchema).min(1),
        rider_category_id: z.string().optional(),
        fare_media_id: z.string().optional(),
      }),
    )
    .default([]),
});

function main(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { legs: { type: 'string' } },
  });
  const [command, folder] = positionals;
  if (command === 'import' && folder !== undefined && positionals.length === 2)
    return importFeed(folder) ? 0 : 1;
  if (command === 'price' && folder !== undefined && positionals.length === 2 && values.legs !== undefined) {
    const feed = importFeed(folder);
    return feed ? priceLegs(feed, values.legs) : 1;
  }
  console.error(USAGE);
  return 2;
}

function importFeed(folder: string): FaresFeed | null {
  const { feed, remarks } = loadFeed(folder);
  for (const r of remarks)
    console.log(`${r.level} ${r.file}${r.line > 0 ? `:${String(r.line)}` : ''}: ${r.text}`);
  if (!feed) {
    console.log('not imported');
    return null;
  }
  console.log(
    `${String(feed.legRules.length)} leg rules (rule_priority ${feed.hasPriorities ? 'present: empty fields are ignored' : 'absent: empty fields mean every value not listed'}), ` +
      `${String(feed.products.length)} products, ${String(feed.transferRules.length)} transfer rules, ${String(feed.joinRules.length)} join rules, ` +
      `${String(feed.timeframes.length)} timeframes`,
  );
  return feed;
}

function priceLegs(feed: FaresFeed, file: string): number {
  const parsed = legsFileSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) {
    console.error(z.prettifyError(parsed.error));
    return 2;
  }
  const sorted = (ids: Iterable<string>): string => [...new Set(ids)].sort().join(', ');
  let differ = 0;
  for (const { name, leg, why, ...expected } of parsed.data.legs) {
    const rules = matchLeg(feed, leg);
    const products = sorted(rules.map((r) => r.fareProductId));
    const groups = sorted(rules.map((r) => r.legGroupId));
    const same =
      (!expected.expected_fare_product_ids || sorted(expected.expected_fare_product_ids) === products) &&
      (!expected.expected_leg_group_ids || sorted(expected.expected_leg_group_ids) === groups);
    if (!same) differ += 1;
    const amounts = feed.products
      .filter((p) => rules.some((r) => r.fareProductId === p.fareProductId))
      .map((p) => `${String(p.amountMinor)} ${p.currency}`);
    console.log(
      `${same ? 'same' : 'DIFFERS'}  ${name}: ${rules.length === 0 ? 'fare unknown' : `${products} [${groups}] ${sorted(amounts)}`}`,
    );
    if (!same)
      console.log(
        `  expected ${sorted(expected.expected_fare_product_ids ?? [])} [${sorted(expected.expected_leg_group_ids ?? [])}] ${why ?? ''}`,
      );
  }
  for (const i of parsed.data.itineraries) {
    const fare = priceItinerary(feed, i.legs, {
      riderCategoryId: i.rider_category_id ?? null,
      fareMediaId: i.fare_media_id ?? null,
    });
    console.log(
      `${i.name}: ${fare.outcome === 'priced' ? `${String(fare.amountMinor)} ${fare.currency} (${fare.fareProductIds.join(' + ')})` : `unknown: ${fare.reason}`}`,
    );
  }
  console.log(`${String(parsed.data.legs.length)} legs, ${String(differ)} differ`);
  return differ === 0 ? 0 : 1;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
