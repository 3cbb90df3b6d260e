import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findCivilDay } from '@tapgate/gateway/calendar/civil-day';
import type { DayTypeCalendar } from '@tapgate/gateway/calendar/day-types';
import { clearingTies } from '@tapgate/gateway/clearing/clearing-ties';
import { loadClearingProfiles } from '@tapgate/gateway/clearing/load-clearing-profiles';
import { startTestDatabase, type TestDatabase } from '@tapgate/gateway/database/test-database';
import { buildRuleBook, loadRuleSetFile } from '@tapgate/gateway/fares/load-rule-sets';
import type { RuleBook } from '@tapgate/gateway/fares/rule-book';
import { recomputeTrace, type TraceStep } from '@tapgate/gateway/fares/trace';
import { findTerminal, type FixtureCard } from '@tapgate/gateway/intake/signed-taps.fixture';
import { openTestApp, openTestWorld, type TestWorld } from '@tapgate/gateway/intake/test-gateway.fixture';
import { TestRides } from '@tapgate/gateway/intake/test-rides.fixture';
import { closeDay } from '@tapgate/gateway/jobs/close-day';
import { priceHeldJourneys } from '@tapgate/gateway/jobs/price-held';
import { settleAll } from '@tapgate/gateway/jobs/settle-taps';
import { readClearingBooks } from '@tapgate/gateway/store/clearing-books';
import { DataKeys } from '@tapgate/gateway/store/data-keys';
import { isoDate } from '@tapgate/sdk/wire/identifiers';

// A bus uploads a ride three weeks late. It is priced by its own time; what it changes in the month becomes entries beside the fares
// that were charged; and whatever came when, the rider owes what the order of the rides would have cost.

type Json = Record<string, unknown>;
const dayOf = (day: number): number => Date.parse(`2026-11-${String(day).padStart(2, '0')}T12:00:00+08:00`);
const NOW_MS = dayOf(24);

type AskedLine = { readonly pan: string; readonly serviceDate: string; readonly fen: number };
type ReadFile = {
  readonly charges: readonly AskedLine[];
  readonly changes: readonly (AskedLine & { readonly reason: string; readonly presentedOn: string })[];
};

/** Reads `deferred-charge` edition 2 after its page, and adds up for itself what its trailer says. */
function readChargeFile(text: string): ReadFile {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('|'));
  assert.deepEqual(lines[0]?.slice(0, 3), ['H', 'TGDC', '2']);
  const of = (letter: string): string[][] => lines.filter(([first]) => first === letter);
  const charges = of('C').map(([, , pan = '', , , serviceDate = '', fen]) => ({
    ...{ pan, serviceDate },
    fen: Number(fen),
  }));
  const changes = of('A').map((line) => {
    const [
      ,
      ,
      ,
      pan = '',
      ,
      serviceDate = '',
      ,
      ,
      ,
      before,
      after,
      difference,
      reason = '',
      presentedOn = '',
    ] = line;
    assert.equal(Number(after) - Number(before), Number(difference));
    return { pan, serviceDate, fen: Number(difference), reason, presentedOn };
  });
  const sum = (amounts: readonly number[]): number => amounts.reduce((total, one) => total + one, 0);
  const differences = changes.map(({ fen }) => fen);
  assert.deepEqual(
    lines.at(-1)?.map((field) => (field === 'Z' ? field : Number(field))),
    [
      ...['Z', charges.length, of('T').length, sum(charges.map(({ fen }) => fen)), changes.length],
      sum(differences.filter((fen) => fen > 0)),
      -sum(differences.filter((fen) => fen < 0)) || 0,
      sum(charges.map(({ fen }) => fen)) + sum(differences),
    ],
  );
  return { charges, changes };
}

describe('rides that come late or wait for their fare', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let tiers: RuleBook;
  let gateway: ReturnType<typeof openTestApp>;
  let rides: TestRides;
  let nowMs = NOW_MS;

  const outDir = mkdtempSync(path.join(tmpdir(), 'tapgate-late-'));

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    tiers = buildRuleBook(
      [loadRuleSetFile(path.join(import.meta.dirname, 'monthly-tiers.rules.yaml'))],
      world.calendar,
    );
    gateway = openTestApp(world, { clock: () => nowMs });
    rides = new TestRides(world, gateway);
  });
  after(async () => {
    await gateway.stop();
    await world.database.close();
    await server.stop();
    rmSync(outDir, { recursive: true, force: true });
  });

  const newCard = (): FixtureCard => rides.newCard();
  const tap = (card: FixtureCard, atMs: number, atc: number): Promise<string> =>
    rides.tap({ card, atc, atMs }, nowMs);
  const get = (url: string, headers?: Record<string, string>): Promise<Json> => rides.get(url, headers);
  const journeyOf = (name: string): Promise<Json> => rides.journeyOf(name);
  const explain = async (name: string, headers?: Record<string, string>): Promise<Json> =>
    get(`/v1/journeys/${String((await journeyOf(name))['journeyId'])}/explanation`, headers);

  /** Debit less credit of accounts of a code, over the whole ledger, by SQL alone. */
  async function balance(code: string): Promise<number> {
    const [row] = await world.database.hot<{ fen: string }[]>`
      select coalesce(sum(case when debit_account like ${`${code}%`} then amount_fen else 0 end)
        - sum(case when credit_account like ${`${code}%`} then amount_fen else 0 end), 0)::text as fen from posting
      where state in ('posted', 'resolved_posted')`;
    return Number(row?.fen);
  }

  /** Rides of 2.00 on seven days: 2 2 2 1.60 1.60 1 2 when they come in order. */
  const IN_ORDER = [200, 200, 200, 160, 160, 100, 200];

  async function rideInOrder(arrival: readonly number[]): Promise<string[]> {
    const card = newCard();
    const names: string[] = [];
    for (const day of arrival) {
      names[day - 1] = await tap(card, dayOf(day), day);
      await settleAll({ ...world, ruleBook: tiers });
    }
    return names;
  }

  const owed = (names: readonly string[]): Promise<unknown[]> =>
    Promise.all(names.map(async (name) => (await explain(name))['owedFen']));

  test('a ride that comes late moves later rides into other tiers; fares stay, adjustments tie to the fen', async () => {
    const names = await rideInOrder([1, 2, 4, 5, 6, 7, 3]);
    const fares = await Promise.all(names.map(async (name) => (await journeyOf(name))['fareFen']));
    assert.deepEqual(
      fares,
      [200, 200, 200, 200, 160, 160, 100],
      'as they were charged, the late one by its own time',
    );
    assert.deepEqual(await owed(names), IN_ORDER);

    const [, , late, fourth, , sixth, seventh] = await Promise.all(names.map((name) => explain(name)));
    const adjustments = [fourth, sixth, seventh].map((one) => (one?.['adjustments'] as Json[])[0] ?? {});
    assert.deepEqual(
      adjustments.map((a) => [a['chargedFen'], a['fareFen'], a['differenceFen']]),
      [
        [200, 160, -40],
        [160, 100, -60],
        [100, 200, 100],
      ],
    );
    for (const adjustment of adjustments) {
      assert.equal(adjustment['causedBy'], late?.['journeyId']);
      assert.deepEqual(adjustment['recomputed'], { listFareFen: 200, fareFen: adjustment['fareFen'] });
    }

    // The books: what operators earned is what the order would have cost; refunds and debts stand under their own names.
    const total = IN_ORDER.reduce((sum, fare) => sum + fare, 0);
    assert.deepEqual(await Promise.all(['2010', '2020', '1120', '1115', '2030'].map(balance)), [
      -total,
      -100,
      100,
      total,
      0,
    ]);
  });

  test('whatever order seven rides come in, what is owed for each is the same', async () => {
    for (const arrival of [
      [1, 2, 3, 4, 5, 6, 7],
      [7, 6, 5, 4, 3, 2, 1],
      [4, 1, 7, 2, 6, 3, 5],
    ])
      assert.deepEqual(await owed(await rideInOrder(arrival)), IN_ORDER, arrival.join(' '));
    // In one batch, nothing needs adjusting.
    const card = newCard();
    const names: string[] = [];
    for (const day of [5, 3, 1, 7, 2, 4, 6]) names[day - 1] = await tap(card, dayOf(day), day);
    await settleAll({ ...world, ruleBook: tiers });
    assert.deepEqual(
      await Promise.all(names.map(async (name) => (await journeyOf(name))['fareFen'])),
      IN_ORDER,
    );
  });

  test('an adjustment is written once and cannot be edited', async () => {
    await assert.rejects(world.database.hot`update fare_adjustment set fare_fen = 0`, /written once/);
    await assert.rejects(world.database.hot`delete from fare_adjustment`, /written once/);
  });

  test('a ride without a rule set is held, shown, and priced when the rule set is there; the month follows', async () => {
    const card = newCard();
    const none = buildRuleBook([], world.calendar);
    const first = await tap(card, dayOf(1), 1);
    await settleAll({ ...world, ruleBook: none });
    const held = await journeyOf(first);
    assert.deepEqual([held['outcome'], held['cause'], held['fareFen']], ['held', 'no_rule_set', null]);
    const rest: string[] = [];
    for (const day of [2, 3, 4, 5, 6, 7]) {
      rest.push(await tap(card, dayOf(day), day));
      await settleAll({ ...world, ruleBook: tiers });
    }
    const shown = (await get('/v1/held-journeys'))['held'] as Json[];
    assert.deepEqual(
      shown.map((one) => [one['journeyId'], one['reason'], one['waits']]),
      [[held['journeyId'], 'no_rule_set', true]],
    );
    assert.deepEqual(await priceHeldJourneys({ ...world, ruleBook: none }), {
      looked: 1,
      priced: 0,
      adjusted: 0,
    });
    const before = await balance('2010');
    assert.deepEqual(await priceHeldJourneys({ ...world, ruleBook: tiers }), {
      looked: 1,
      priced: 1,
      adjusted: 3,
    });
    assert.deepEqual(await owed([first, ...rest]), IN_ORDER);
    assert.deepEqual((await get('/v1/held-journeys'))['held'], []);
    const waiting = await get(`/v1/journeys/${String(held['journeyId'])}/explanation`);
    assert.equal(waiting['pricedAs'], (await journeyOf(first))['journeyId']);
    const booked = await balance('2010');
    assert.equal(booked - before, -200, 'the ride itself; the adjustments sum to nothing');
    // Run again, it finds nothing and changes nothing.
    assert.deepEqual(await priceHeldJourneys({ ...world, ruleBook: tiers }), {
      looked: 0,
      priced: 0,
      adjusted: 0,
    });
    assert.equal(await balance('2010'), booked);
  });

  /** Closes a date, and reads what its files say as their party would: by the published descriptions, from the bytes alone. */
  async function closeDate(date: string): Promise<ReadFile[]> {
    const dataKeys = new DataKeys(world.database, world.keys);
    const closed = await closeDay(
      {
        ...{ database: world.database, keys: world.keys, calendar: world.calendar, outDir },
        dataKeyOf: (serviceDate) => dataKeys.forReading(serviceDate),
        profiles: loadClearingProfiles(),
      },
      { clearingDate: isoDate(date), cutAtMs: nowMs },
    );
    assert.ok('batches' in closed, JSON.stringify(closed));
    return closed.batches.flatMap(({ file }) =>
      file?.endsWith('.txt') === true
        ? [readChargeFile(readFileSync(path.join(outDir, file), 'latin1'))]
        : [],
    );
  }

  /** What a card is asked for by files, all of its charges and differences. */
  const askedOf = (files: readonly ReadFile[], { pan }: FixtureCard): number[] =>
    files.flatMap(({ charges, changes }) =>
      [...charges, ...changes].filter((line) => line.pan === pan).map((line) => line.fen),
    );
  const sumOf = (amounts: readonly number[]): number => amounts.reduce((sum, one) => sum + one, 0);

  test('what rides that came late change reaches the bank once, in the next file, and the books tie', async () => {
    // What the stories before this one left is in the first files, its adjustments beside the rides that they change.
    const first = await closeDate('2026-11-24');
    assert.ok(first.some(({ changes }) => changes.some(({ reason }) => reason === 'late_price')));

    const card = newCard();
    const names: string[] = [];
    for (const day of [1, 2, 4, 5, 6, 7]) names[day - 1] = await tap(card, dayOf(day), day);
    await settleAll({ ...world, ruleBook: tiers });
    const second = await closeDate('2026-11-25');
    assert.deepEqual(askedOf(second, card), [200, 200, 200, 160, 160, 100]);

    names[2] = await tap(card, dayOf(3), 3);
    await settleAll({ ...world, ruleBook: tiers });
    const third = await closeDate('2026-11-26');
    const lines = third.flatMap(({ changes }) => changes.filter(({ pan }) => pan === card.pan));
    assert.deepEqual(
      lines.map((line) => [line.serviceDate, line.fen, line.reason, line.presentedOn]),
      [
        ['2026-11-04', -40, 'late_ride', '2026-11-25'],
        ['2026-11-06', -60, 'late_ride', '2026-11-25'],
        ['2026-11-07', 100, 'late_ride', '2026-11-25'],
      ],
    );
    assert.deepEqual(
      sumOf(askedOf([...second, ...third], card)),
      sumOf((await owed(names)).map(Number)),
      'the files of a card come to what its rider owes',
    );
    const none = await closeDate('2026-11-27');
    assert.deepEqual(
      none.flatMap(({ changes }) => changes),
      [],
      'nothing is taken twice',
    );

    const all = [...first, ...second, ...third, ...none];
    const asked = sumOf(
      all.flatMap(({ charges, changes }) => [...charges, ...changes].map((line) => line.fen)),
    );
    assert.deepEqual(
      await Promise.all(['1110', '1115', '2020', '1120'].map(balance)),
      [asked, 0, 0, 0],
      'banks owe what the files ask for; nothing waits to be charged or given back',
    );
    const torn = clearingTies(await readClearingBooks(world.database)).filter(({ equal }) => !equal);
    assert.deepEqual(torn, []);
  });

  test('a ride beyond the calendar is held where the day matters, and priced when the year arrives', async () => {
    const card = newCard();
    nowMs = Date.parse('2027-01-05T08:30:00+08:00');
    const enrolment = {
      card: { pan: card.pan, psn: card.psn },
      category: 'senior-70',
      evidenceKind: 'senior_card',
      birthDate: '1950-01-31',
      validFrom: '2026-01-01',
      validTo: null,
    };
    const enrolled = await gateway.app.request('/v1/concession-enrolments', {
      method: 'POST',
      headers: { Authorization: `Bearer ${world.operatorToken}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(enrolment),
    });
    assert.equal(enrolled.status, 201);
    let name = '';
    for (const [kind, at, atc] of [
      ['entry', '08:00', 1],
      ['exit', '08:20', 2],
    ] as const) {
      const placement = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: kind });
      const atMs = Date.parse(`2027-01-05T${at}:00+08:00`);
      name = await rides.tap({ card, atc, atMs }, nowMs, placement);
    }
    await settleAll(world);
    const held = await journeyOf(name);
    assert.deepEqual([held['outcome'], held['cause']], ['held', 'calendar_uncovered']);
    const lastDay = findCivilDay('2027-12-31');
    assert.ok(lastDay !== null);
    const calendar: DayTypeCalendar = { ...world.calendar, version: world.calendar.version + 1, lastDay };
    assert.deepEqual(await priceHeldJourneys({ ...world, calendar }), { looked: 1, priced: 1, adjusted: 0 });
    const priced = await journeyOf(name);
    assert.deepEqual(
      [priced['outcome'], priced['concessionRuleId'], Number(priced['fareFen']) * 2],
      ['chargeable', 'senior-peak-half', priced['listFareFen']],
      'a Tuesday, a working day: half in the peak',
    );

    const both = await explain(name);
    assert.ok(
      (both['steps'] as Json[]).every(
        (step) => typeof step['zh'] === 'string' && typeof step['en'] === 'string',
      ),
    );
    const words = JSON.stringify(both);
    assert.match(words, /"age_from_70":true/);
    for (const secret of ['1950', card.pan, card.pan.slice(6, 15)]) assert.ok(!words.includes(secret));
    const again = recomputeTrace(both['steps'] as readonly TraceStep[]);
    assert.ok(again.ok);
    assert.deepEqual([again.listFareFen, again.fareFen], [priced['listFareFen'], priced['fareFen']]);
    const chinese = (await explain(name, { 'Accept-Language': 'zh-CN,zh;q=0.9,en;q=0.5' }))[
      'steps'
    ] as Json[];
    assert.ok(chinese.every((step) => 'zh' in step && !('en' in step)));
    const english = (await explain(name, { 'Accept-Language': 'en-GB' }))['steps'] as Json[];
    assert.ok(english.every((step) => 'en' in step && !('zh' in step)));
  });

  test('an explanation of nothing, and an id that is none', async () => {
    const status = async (id: string): Promise<number> =>
      (
        await gateway.app.request(`/v1/journeys/${id}/explanation`, {
          headers: { Authorization: `Bearer ${world.operatorToken}` },
        })
      ).status;
    assert.deepEqual(await Promise.all(['0'.repeat(32), 'x', '0'.repeat(31)].map(status)), [404, 400, 400]);
  });
});
