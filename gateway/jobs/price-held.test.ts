import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { buildRuleBook } from '../fares/load-rule-sets.ts';
import type { RuleBook } from '../fares/rule-book.ts';
import type { FixtureCard } from '../intake/signed-taps.fixture.ts';
import { openTestApp, openTestWorld, type TestWorld } from '../intake/test-gateway.fixture.ts';
import { TestRides } from '../intake/test-rides.fixture.ts';
import { KeyFault } from '../keys/key-provider.ts';
import { openDatabase } from '../store/connection.ts';
import { priceHeldJourneys, startPricingHeld } from './price-held.ts';
import { settleAll, startSettling, type SettlingDependencies } from './settle-taps.ts';

const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');
const PATIENCE_MS = 20_000;

describe('held rides of a running gateway', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let gateway: ReturnType<typeof openTestApp>;
  let rides: TestRides;
  let noRules: RuleBook;
  let atc = 0;

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    gateway = openTestApp(world, { clock: () => NOW_MS });
    rides = new TestRides(world, gateway);
    noRules = buildRuleBook([], world.calendar);
  });
  after(async () => {
    await gateway.stop();
    await world.database.close();
    await server.stop();
  });
  beforeEach(async () => {
    await priceHeldJourneys(world);
  });

  /** A bus ride that waits for its fare, because there is no rule set. */
  async function holdRide(card: FixtureCard = rides.newCard()): Promise<string> {
    atc += 1;
    const name = await rides.tap({ card, atc, atMs: NOW_MS - 60_000 }, NOW_MS);
    await settleAll({ ...world, ruleBook: noRules });
    return name;
  }

  /** Null while it is held; undefined before it is settled. */
  const fareOf = async (name: string): Promise<unknown> =>
    ((await rides.get(`/v1/taps/${name}`))['journey'] as { fareFen: unknown } | null)?.fareFen;

  async function until(isSo: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!(await isSo())) {
      assert.ok(performance.now() < deadlineMs, 'it does not happen');
      await setTimeout(10);
    }
  }

  test('a rule set that arrives prices what waits and what comes, and nobody restarts anything', async () => {
    const waiting = await holdRide();
    let ruleBook = noRules;
    let isNew = false;
    const faults: unknown[] = [];
    const onFault = (fault: unknown): void => void faults.push(fault);
    const dependencies = (): SettlingDependencies => ({ ...world, ruleBook });
    const inside = (): number => gateway.intake.insideLately;
    const looks = { count: 0 };
    const look = (): Promise<boolean> => {
      looks.count += 1;
      const found = isNew;
      isNew = false;
      return Promise.resolve(found);
    };
    const settling = startSettling(dependencies, inside, onFault);
    const pricing = startPricingHeld({ dependencies, look, waiting: inside, onFault, lookEveryMs: 5 });
    try {
      await until(() => Promise.resolve(looks.count > 3));
      assert.equal(await fareOf(waiting), null, 'looked at, and still without a rule');
      [ruleBook, isNew] = [world.ruleBook, true];
      await until(async () => (await fareOf(waiting)) === 200);
      atc += 1;
      const fresh = await rides.tap({ card: rides.newCard(), atc, atMs: NOW_MS }, NOW_MS);
      await until(async () => (await fareOf(fresh)) === 200);
    } finally {
      await pricing.stop();
      await settling.stop();
    }
    assert.deepEqual(faults, []);
  });

  test('one that cannot be priced holds up no other, and is reported', async () => {
    const [before, broken, behind] = [await holdRide(), rides.newCard(), rides.newCard()];
    const enrolled = await gateway.app.request('/v1/concession-enrolments', {
      method: 'POST',
      headers: { Authorization: `Bearer ${world.operatorToken}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({
        card: { pan: broken.pan, psn: broken.psn },
        ...{ category: 'senior-70', evidenceKind: 'senior_card', birthDate: '1950-01-31' },
        ...{ validFrom: '2026-01-01', validTo: null },
      }),
    });
    assert.equal(enrolled.status, 201, await enrolled.text());
    const [brokenRide, after] = [await holdRide(broken), await holdRide(behind)];
    // As a disk may leave it, or a key that is gone.
    const [sealed] = await world.database.hot<{ person_sealed: Buffer }[]>`
      update concession_enrolment set person_sealed = set_byte(person_sealed, 20, 255 - get_byte(person_sealed, 20))
      returning person_sealed`;
    assert.ok(sealed);
    await assert.rejects(priceHeldJourneys(world), KeyFault, 'without somebody to tell it ends the job');
    const faults: unknown[] = [];
    const result = await priceHeldJourneys(world, { onFault: (fault) => void faults.push(fault) });
    assert.deepEqual([result.looked, result.priced], [2, 2]);
    assert.ok(faults.length === 1 && faults[0] instanceof KeyFault);
    assert.deepEqual(await Promise.all([before, brokenRide, after].map(fareOf)), [200, null, 200]);
    await world.database.hot`
      update concession_enrolment set person_sealed = set_byte(person_sealed, 20, 255 - get_byte(person_sealed, 20))`;
    assert.equal((await priceHeldJourneys(world)).priced, 1);
    assert.equal(await fareOf(brokenRide), 0, 'a senior, free on the bus');
  });

  test('more than a page are priced in several transactions, and one that is told to stop stops between two', async () => {
    for (let ride = 0; ride < 52; ride += 1) {
      atc += 1;
      await rides.tap({ card: rides.newCard(), atc, atMs: NOW_MS }, NOW_MS);
    }
    await settleAll({ ...world, ruleBook: noRules });
    let asked = 0;
    const first = await priceHeldJourneys(world, { isStopped: () => (asked += 1) > 1 });
    assert.deepEqual([first.looked, first.priced], [50, 50]);
    const rest = await priceHeldJourneys(world);
    assert.deepEqual([rest.looked, rest.priced], [2, 2]);
  });

  test('two gateways at once price each ride once', async () => {
    const names = [await holdRide(), await holdRide(), await holdRide()];
    const other = await openDatabase(server.url);
    try {
      const both = [world, { ...world, database: other }].map((one) => priceHeldJourneys(one));
      assert.equal(
        (await Promise.all(both)).reduce((sum, { priced }) => sum + priced, 0),
        3,
      );
    } finally {
      await other.close();
    }
    assert.deepEqual(await Promise.all(names.map(fareOf)), [200, 200, 200]);
    const [twice] = await world.database.hot<{ n: number }[]>`
      select count(*)::int as n from (select 1 from journey where resolves_journey_id is not null
        group by resolves_journey_id having count(*) > 1) as priced_twice`;
    assert.equal(twice?.n, 0);
  });
});
