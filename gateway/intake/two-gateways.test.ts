import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TapAnswer } from '@tapgate/sdk/wire/verdict';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import { settleAll } from '../jobs/settle-taps.ts';
import { openDatabase, type Database } from '../store/connection.ts';
import { findTerminal, SignedTaps, type FixtureCard } from './signed-taps.fixture.ts';
import { openTestApp, openTestWorld, type TestWorld } from './test-gateway.fixture.ts';
import type { TapResult } from './tap-intake.ts';

const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');
const SEED = Number(process.env['TEST_SEED'] ?? '20261121');

/** A small generator of our own: the order of a run follows from its seed, which is printed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as Item, mixed[last] as Item];
  }
  return mixed;
}

type Gateway = ReturnType<typeof openTestApp>;

describe(`two gateways on one database, seed ${SEED}`, () => {
  let server: TestDatabase;
  let world: TestWorld;
  let otherDatabase: Database;
  let gateways: Gateway[];
  let taps: SignedTaps;
  let bus: TerminalPlacement;
  let numbers = 0;
  const random = seeded(SEED);

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    otherDatabase = await openDatabase(server.url);
    // One of them writes in the shape for Citus, whose statements a single server takes as well.
    gateways = [world, { ...world, database: { ...otherDatabase, isCitus: true } }].map((of) =>
      openTestApp(of, { clock: () => NOW_MS }),
    );
    taps = new SignedTaps(world.keystore);
    bus = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' });
  });
  after(async () => {
    for (const gateway of gateways) await gateway.stop();
    await otherDatabase.close();
    await world.database.close();
    await server.stop();
  });

  function newCard(): FixtureCard {
    const bank = world.demo.banks[0];
    assert.ok(bank?.bins[0]);
    numbers += 1;
    return taps.makeCard({ bankId: bank.bankId, bin: bank.bins[0], number: numbers });
  }

  const send = (gateway: Gateway | undefined, bytes: Uint8Array): Promise<TapResult> => {
    assert.ok(gateway);
    return gateway.intake.accept({ bytes, sender: null, nowMs: NOW_MS, budgetMs: null, lane: 'first' });
  };
  const answerOf = (result: TapResult): TapAnswer => {
    assert.ok(result.ok, result.ok ? '' : result.refusal.code);
    return result.answer;
  };
  const noFaults = (): void => {
    for (const gateway of gateways) assert.deepEqual(gateway.faults, []);
  };

  test('the same taps at both at once: each is accepted once, and each answer is the same', async () => {
    const cards = Array.from({ length: 60 }, newCard);
    const records = cards.map((card, index) =>
      taps.makeTap({ card, placement: bus, sequence: 1_000 + index, atc: 1, atMs: NOW_MS }),
    );
    const [first, second] = gateways;
    const [atFirst, atSecond] = await Promise.all([
      Promise.all(
        shuffled(
          records.map((bytes, i) => ({ bytes, i })),
          random,
        ).map(async ({ bytes, i }) => ({ i, answer: answerOf(await send(first, bytes)) })),
      ),
      Promise.all(
        shuffled(
          records.map((bytes, i) => ({ bytes, i })),
          random,
        ).map(async ({ bytes, i }) => ({ i, answer: answerOf(await send(second, bytes)) })),
      ),
    ]);
    const byTap = (answers: typeof atFirst): TapAnswer[] =>
      answers.sort((a, b) => a.i - b.i).map(({ answer }) => answer);
    const one = byTap(atFirst);
    const two = byTap(atSecond);
    one.forEach((answer, index) => {
      const twin = two[index];
      assert.ok(twin);
      assert.deepEqual({ ...answer, duplicate: null }, { ...twin, duplicate: null });
      assert.equal(answer.outcome, 'chargeable');
      assert.equal(Number(answer.duplicate) + Number(twin.duplicate), 1, 'one of the two was first');
    });
    noFaults();
    const [rows] = await world.database.hot<{ taps: number; acts: number; repeats: number }[]>`
      select (select count(*) from tap where tap_sequence between 1000 and 1059) as taps,
        (select count(*) from card_atc where tap_sequence between 1000 and 1059) as acts,
        (select sum(repeats) from tap_identity where tap_sequence between 1000 and 1059) as repeats`;
    assert.deepEqual({ ...rows }, { taps: 60, acts: 60, repeats: 60 });
  });

  test('one act of a card under many deliveries, at both at once: charged once, the rest are losses', async () => {
    const card = newCard();
    const records = Array.from({ length: 24 }, (_, index) =>
      taps.makeTap({ card, placement: bus, sequence: 2_000 + index, atc: 9, atMs: NOW_MS }),
    );
    const answers = await Promise.all(
      records.map(async (bytes, index) => answerOf(await send(gateways[index % 2], bytes))),
    );
    assert.equal(answers.filter((answer) => answer.outcome === 'chargeable').length, 1);
    assert.equal(answers.filter((answer) => answer.cause === 'atc_reused').length, 23);
    // Sent again, each repeats what it was told.
    for (const [index, bytes] of records.entries())
      assert.deepEqual(answerOf(await send(gateways[(index + 1) % 2], bytes)), {
        ...answers[index],
        duplicate: true,
      });
    noFaults();
  });

  test('one delivery identity with many different bytes, at both at once: one is accepted, the rest refused', async () => {
    const records = Array.from({ length: 16 }, () =>
      taps.makeTap({ card: newCard(), placement: bus, sequence: 3_000, atc: 1, atMs: NOW_MS }),
    );
    const results = await Promise.all(records.map((bytes, index) => send(gateways[index % 2], bytes)));
    assert.equal(results.filter((result) => result.ok).length, 1);
    for (const result of results) if (!result.ok) assert.equal(result.refusal.code, 'tap_identity_reused');
    const acts = await world.database.hot`select 1 from card_atc where tap_sequence = 3000`;
    assert.equal(acts.length, 1, 'what was refused took no act');
    noFaults();
  });

  test('the taps of one card in any order, spread over both, settle to the same journeys', async () => {
    const entry = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'entry' });
    const exit = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'exit', stationIndex: 4 });
    let sequence = 4_000;
    const outcomes = new Set<string>();
    for (let round = 0; round < 6; round++) {
      const card = newCard();
      const acts = [entry, exit, bus, entry, exit, bus].map((placement, index) => {
        sequence += 1;
        return taps.makeTap({
          card,
          placement,
          sequence,
          atc: index + 1,
          atMs: NOW_MS - (10 - index) * 60_000,
        });
      });
      for (const bytes of shuffled(acts, random)) {
        assert.equal(answerOf(await send(gateways[random() < 0.5 ? 0 : 1], bytes)).outcome, 'chargeable');
        if (random() < 0.4) await settleAll(world);
      }
      await Promise.all([settleAll(world), settleAll({ ...world, database: otherDatabase })]);
      const token = Buffer.from(world.keys.panToken(card.pan), 'hex');
      const journeys = await world.database.hot<{ completeness: string; fare_fen: number }[]>`
        select completeness, fare_fen from journey where pan_token = ${token} order by started_at`;
      outcomes.add(journeys.map((row) => `${row.completeness} ${row.fare_fen}`).join(', '));
    }
    assert.deepEqual([...outcomes], ['complete 300, single 200, complete 300, single 200']);
    const waiting = await world.database.hot`select 1 from unsettled_tap`;
    assert.equal(waiting.length, 0);
    noFaults();
  });

  test('the books balance: what was charged is what was posted, and accounts sum to zero', async () => {
    await settleAll(world);
    const [sums] = await world.database.hot<{ fares: number; posted: number }[]>`
      select (select sum(fare_fen) from journey where outcome <> 'held') as fares,
        (select sum(amount_fen) from posting where credit_account like '2010:%') as posted`;
    assert.equal(sums?.fares, sums?.posted);
  });
});
