import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { FEED_TABLES, type FeedTableName, type RawTable } from './feed-tables.ts';
import { buildFaresFeed, type FaresFeed, type FeedRemark, type FeedTables } from './fares-feed.ts';

const BYTE_ORDER_MARK = '\uFEFF';

/** Reads the fare tables of an unpacked feed. A file that is no CSV is an error like any other. */
export function loadFeed(folder: string): { feed: FaresFeed | null; remarks: FeedRemark[] } {
  const tables = new Map<FeedTableName, RawTable>();
  const remarks: FeedRemark[] = [];
  for (const file of Object.keys(FEED_TABLES) as FeedTableName[]) {
    const full = path.join(folder, file);
    if (!existsSync(full)) continue;
    try {
      tables.set(file, readTable(readFileSync(full, 'utf8')));
    } catch (error) {
      remarks.push({
        level: 'error',
        file,
        line: 0,
        text: error instanceof Error ? error.message : 'cannot be read',
      });
    }
  }
  const built = buildFaresFeed(tables satisfies FeedTables);
  return { feed: remarks.length > 0 ? null : built.feed, remarks: [...remarks, ...built.remarks] };
}

function readTable(text: string): RawTable {
  const hadByteOrderMark = text.startsWith(BYTE_ORDER_MARK);
  const records: string[][] = parse(text, {
    bom: true,
    skip_empty_lines: true,
    trim: true,
    relax_column_count: false,
  });
  const header = records[0] ?? [];
  const rows = records.slice(1).map((cells, index) => ({
    line: index + 2,
    cells: Object.fromEntries(header.map((column, i) => [column, cells[i] ?? ''])),
  }));
  return { header, rows, hadByteOrderMark };
}
