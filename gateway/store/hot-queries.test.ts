import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { panToken } from '@tapgate/sdk/wire/identifiers';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { openDatabase, type Database } from './connection.ts';
import { migrateDatabase } from './migrate.ts';
import { ensurePartitions } from './partitions.ts';
import { readSettlementGauge } from './settlement-gauge.ts';
import {
  inSettlingTransaction,
  readReadyCards,
  readSettledActs,
  readWaitingCards,
  writeSettled,
} from './settling.ts';
import { readEnrolments } from './concession-enrolments.ts';
import { readDraftFacts } from './draft-facts.ts';
import { readTapFacts } from './tap-facts.ts';
import type { KeyProvider } from '../keys/key-provider.ts';

// The plans of the statements themselves, as the server runs them: auto_explain writes each plan as a notice to its client.
// The tables hold enough rows, analysed, that a sequential scan would be the cheapest plan wherever an index is missing.

const WIDE_TABLES = ['tap', 'tap_identity', 'card_atc', 'card', 'unsettled_tap', 'journey', 'posting'];
const ROWS = 20_000;

describe('the plans of the hot queries', () => {
  let server: TestDatabase;
  let database: Database;
  let plans: string[] = [];

  before(async () => {
    server = await startTestDatabase();
    await migrateDatabase(server.url);
    database = await openDatabase(server.url, {
      hotConnections: 1,
      onNotice: (text) => {
        plans.push(text);
      },
    });
    await ensurePartitions(database, Date.parse('2026-11-18T00:00:00Z'));
    const { hot } = database;
    await hot`
      insert into tap_identity
      select 'T' || lpad((i % 500)::text, 7, '0'), i, sha256(i::text::bytea), 'chargeable', null,
        decode(md5((i % 7000)::text), 'hex'), '2026-11-18' from generate_series(1, ${ROWS}) i`;
    await hot`
      insert into card_atc
      select decode(md5((i % 7000)::text), 'hex'), 1, i / 7000 + 1, '\\x0102030405060708', 'T' || lpad((i % 500)::text, 7, '0'), i
      from generate_series(1, ${ROWS}) i`;
    await hot`
      insert into card select decode(md5(i::text), 'hex'), 1, 'BANK', sha256(i::text::bytea) from generate_series(1, 7000) i`;
    await hot`
      insert into unsettled_tap
      select decode(md5((i % 7000)::text), 'hex'), 1, i / 7000 + 1, 'T' || lpad((i % 500)::text, 7, '0'), i, '2026-11-18', now(),
        'op', 'line', null, 'oda', 'single', 0, 'BANK', 'chargeable', null, case when i % 3 = 0 then 'ready' else 'waiting' end
      from generate_series(1, ${ROWS}) i`;
    await hot`insert into hotlist_version select i, now() from generate_series(1, 50) i`;
    await hot`
      insert into hotlist_entry select decode(md5(i::text), 'hex'), 1, i % 50 + 1, null, 'lost' from generate_series(1, 5000) i`;
    await hot`
      insert into concession_enrolment (pan_token, psn, category, evidence_kind, valid_from)
      select decode(md5(i::text), 'hex'), 1, 'senior', 'card', '2020-01-01' from generate_series(1, 5000) i`;
    await hot`analyze`;
    await hot`load 'auto_explain'`;
    await hot`set auto_explain.log_min_duration = 0`;
    await hot`set auto_explain.log_level = notice`;
    await hot`set auto_explain.log_nested_statements = on`;
    await hot`set client_min_messages = notice`;
  });
  after(async () => {
    await database.close();
    await server.stop();
  });

  const cards = [1, 2, 3].map((i) => ({ panToken: panToken(String(i).repeat(32)), psn: 1 }));

  async function plansOf(work: () => Promise<unknown>): Promise<string> {
    plans = [];
    await work();
    const written = plans.join('\n');
    assert.match(written, /Query Text/, 'auto_explain wrote the plan');
    return written;
  }

  function refuseScans(written: string): void {
    const scans = [...written.matchAll(/Seq Scan on (\w+)/g)].map((match) => match[1] ?? '');
    const wide = scans.filter((table) =>
      WIDE_TABLES.some((name) => table === name || table.startsWith(`${name}_20`)),
    );
    assert.deepEqual(wide, [], written);
  }

  test('auto_explain would show a sequential scan', async () => {
    const written = await plansOf(() => database.hot`select count(*) from tap_identity where repeats = 5`);
    assert.match(written, /Seq Scan on tap_identity/);
  });

  test('the facts of a batch: index look-ups in every arm', async () => {
    const keys = cards.map((card, index) => ({
      ...card,
      terminalId: 'T0000001',
      tapSequence: index + 1,
      atc: 1,
      tappedAtMs: Date.now(),
    }));
    const written = await plansOf(() => readTapFacts(database, keys));
    refuseScans(written);
    for (const index of ['tap_identity_pk', 'card_atc_pk', 'card_pk', 'hotlist_entry_pk'])
      assert.match(written, new RegExp(index));
  });

  test('what a gate asks before it decides: index look-ups in every arm', async () => {
    const drafts = cards.map((card) => ({ ...card, atc: 1 }));
    const written = await plansOf(() => readDraftFacts(database, drafts));
    assert.deepEqual([...written.matchAll(/Seq Scan on (\w+)/g)], [], written);
    for (const index of ['card_atc_pk', 'hotlist_entry_pk', 'hotlist_version_pkey'])
      assert.match(written, new RegExp(index));
  });

  test('settling: the oldest ready taps, the queue of their cards, the acts between', async () => {
    const written = await plansOf(() =>
      inSettlingTransaction(database, async (transaction) => {
        const [first] = await readReadyCards(transaction, 100);
        await readWaitingCards(transaction, Date.now(), 100);
        const ranges = cards.map((card) => ({ ...card, fromAtc: 1, toAtc: 9 }));
        await readSettledActs(transaction, ranges, new Set());
        await readEnrolments(transaction, NO_KEYS, cards);
        const taps = first?.taps ?? [];
        await writeSettled(
          transaction,
          {
            journeys: [],
            postings: [],
            adjustments: [],
            settledTaps: taps.slice(1),
            nowWaiting: taps.slice(0, 1),
          },
          database,
        );
      }),
    );
    refuseScans(written);
    for (const index of ['unsettled_tap_ready', 'unsettled_tap_pk', 'card_atc_pk', 'concession_enrolment_pk'])
      assert.match(written, new RegExp(index));
  });

  test('the gauge counts the queue by its index', async () => {
    refuseScans(await plansOf(() => readSettlementGauge(database)));
  });
});

/** No enrolment is there, so no birth date is opened. */
const NO_KEYS = {
  open: () => {
    throw new RangeError('nothing is sealed here');
  },
} as Pick<KeyProvider, 'open'> as KeyProvider;
