import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import type { FixtureCard } from '../intake/signed-taps.fixture.ts';
import { openTestApp, openTestWorld, type TestWorld } from '../intake/test-gateway.fixture.ts';
import { TestRides } from '../intake/test-rides.fixture.ts';
import { settleAll } from '../jobs/settle-taps.ts';
import { streamActiveEnrolments } from '../store/concession-enrolments.ts';

const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');
const DAY_MS = 86_400_000;

function identityNumber(first17: string): string {
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const sum = weights.reduce((total, weight, place) => total + weight * Number(first17[place]), 0);
  return first17 + ('10X98765432'[sum % 11] ?? '');
}
/** Invented: born 1950-01-31. */
const NUMBER = identityNumber('33020019500131002');

type Json = Record<string, unknown>;

describe('the register of concessions over HTTP', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let gateway: ReturnType<typeof openTestApp>;
  let rides: TestRides;
  let nowMs = NOW_MS;
  let acts = 0;

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    gateway = openTestApp(world, { clock: () => nowMs });
    rides = new TestRides(world, gateway);
  });
  after(async () => {
    await gateway.stop();
    await world.database.close();
    await server.stop();
  });

  const newCard = (): FixtureCard => rides.newCard();

  async function send(
    method: string,
    path: string,
    body?: Json,
  ): Promise<{ status: number; body: Json; text: string }> {
    const response = await gateway.app.request(path, {
      method,
      headers: {
        Authorization: `Bearer ${world.operatorToken}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: JSON.parse(text) as Json, text };
  }

  const enrolment = (card: FixtureCard, more: Json = {}): Json => ({
    card: { pan: card.pan, psn: card.psn },
    category: 'senior-70',
    evidenceKind: 'identity_document',
    identityNumber: NUMBER,
    validFrom: '2026-11-18',
    validTo: null,
    ...more,
  });

  async function enrol(card: FixtureCard, more: Json = {}): Promise<string> {
    const answer = await send('POST', '/v1/concession-enrolments', enrolment(card, more));
    assert.equal(answer.status, 201, answer.text);
    return String(answer.body['enrolmentId']);
  }

  /** One bus ride: what it cost, and what the trace says of the concession. */
  async function ride(
    card: FixtureCard,
    atMs: number,
  ): Promise<{ fareFen: unknown; words: readonly string[] }> {
    nowMs = atMs + 1_000;
    acts += 1;
    const name = await rides.tap({ card, atc: acts, atMs }, nowMs);
    await settleAll(world);
    const journey = (await rides.journeyOf(name)) as {
      fareFen: number;
      trace: { steps: { stage: string; en: string }[] };
    };
    return {
      fareFen: journey.fareFen,
      words: journey.trace.steps.filter((step) => step.stage === 'concession').map((step) => step.en),
    };
  }

  test('a desk enrols by identity number; the number and the PAN are nowhere afterwards', async () => {
    const card = newCard();
    const answer = await send('POST', '/v1/concession-enrolments', enrolment(card));
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.body['qualifies'], true);
    const shown = await send('GET', `/v1/concession-enrolments/${String(answer.body['enrolmentId'])}`);
    assert.equal(shown.status, 200);
    assert.deepEqual(shown.body['keeps'], ['birthDate']);
    assert.deepEqual(
      (shown.body['history'] as Json[]).map((event) => [event['kind'], event['by'], event['at']]),
      [['enrolled', 'test', new Date(nowMs).toISOString()]],
    );
    const everything = await world.database.hot<{ row: string }[]>`
      select to_jsonb(e)::text as row from concession_enrolment e
      union all select to_jsonb(v)::text from concession_event v`;
    const written = [answer.text, shown.text, ...everything.map(({ row }) => row)].join('\n');
    for (const secret of [NUMBER, NUMBER.slice(0, 17), '1950-01-31', '19500131', card.pan])
      assert.ok(!written.includes(secret), 'a secret lies open');
    const hexOf = (text: string): string => Buffer.from(text).toString('hex');
    assert.ok(!written.includes(hexOf('1950-01-31')) && !written.includes(hexOf(card.pan)));
  });

  test('whoever qualifies rides free while the evidence is valid, and pays when it lapsed, with the reason in the trace', async () => {
    const card = newCard();
    const day = (days: number): number => NOW_MS + days * DAY_MS;
    assert.deepEqual(await ride(card, day(0)), { fareFen: 200, words: [] });
    const id = await enrol(card, { reviewDueOn: '2026-11-20' });
    assert.equal((await ride(card, day(0) + 60_000)).fareFen, 0);
    assert.equal((await ride(card, day(2))).fareFen, 0, 'on the last day before the review');
    const lapsed = await ride(card, day(3));
    assert.equal(lapsed.fareFen, 200);
    assert.match(lapsed.words.join(), /qualifies, but holds no valid evidence \(review lapsed\)/);
    const reviewed = await send('POST', `/v1/concession-enrolments/${id}/reviews`, {
      reviewDueOn: '2027-11-20',
    });
    assert.equal(reviewed.status, 201, reviewed.text);
    assert.equal((await ride(card, day(4))).fareFen, 0);
    nowMs = day(5);
    const revoked = await send('DELETE', `/v1/concession-enrolments/${id}?reason=lent_to_another`);
    assert.equal(revoked.status, 200, revoked.text);
    assert.equal(revoked.body['revokedAt'], new Date(day(5)).toISOString());
    assert.equal((await ride(card, day(5) - 1)).fareFen, 0, 'a ride before the revocation that comes late');
    const after = await ride(card, day(5));
    assert.equal(after.fareFen, 200);
    assert.match(after.words.join(), /evidence revoked/);
    assert.deepEqual(
      ((await send('GET', `/v1/concession-enrolments/${id}`)).body['history'] as Json[]).map(
        (e) => e['kind'],
      ),
      ['enrolled', 'reviewed', 'revoked'],
    );
    assert.equal(
      (await send('POST', `/v1/concession-enrolments/${id}/reviews`, { reviewDueOn: '2027-11-20' })).status,
      409,
    );
    // Ending it again is a success that changes nothing.
    const again = await send('DELETE', `/v1/concession-enrolments/${id}`);
    assert.deepEqual([again.status, (again.body['history'] as Json[]).length], [200, 3]);
  });

  test('who holds evidence and is too young pays, and the trace says so', async () => {
    const card = newCard();
    const young = identityNumber('33020019600131002');
    const answer = await send(
      'POST',
      '/v1/concession-enrolments',
      enrolment(card, { identityNumber: young }),
    );
    assert.deepEqual([answer.status, answer.body['qualifies']], [201, false]);
    const paid = await ride(card, NOW_MS + 6 * DAY_MS);
    assert.equal(paid.fareFen, 200);
    assert.match(paid.words.join(), /holds evidence, but does not qualify/);
  });

  test('enrolling again changes the one enrolment and is written down', async () => {
    const card = newCard();
    nowMs = NOW_MS;
    const first = await enrol(card, { validTo: '2026-12-31' });
    assert.equal(await enrol(card, { validTo: '2027-12-31', evidenceKind: 'senior_card' }), first);
    const token = world.keys.panToken(card.pan);
    const listed = await send('GET', `/v1/concession-enrolments?panToken=${token}&psn=${card.psn}`);
    const [one, ...more] = listed.body['enrolments'] as Json[];
    assert.deepEqual(
      [more.length, one?.['validTo'], one?.['evidenceKind']],
      [0, '2027-12-31', 'senior_card'],
    );
    assert.deepEqual(
      (one?.['history'] as Json[]).map((e) => e['kind']),
      ['enrolled', 'enrolled_again'],
    );
  });

  test("the validators' list holds what is valid on the day, with its last day", async () => {
    const [valid, later, ended, revoked] = [newCard(), newCard(), newCard(), newCard()];
    nowMs = NOW_MS;
    await enrol(valid, { validTo: '2026-12-31', reviewDueOn: '2026-11-30' });
    await enrol(later, { validFrom: '2026-11-19' });
    await enrol(ended, { validFrom: '2026-11-01', validTo: '2026-11-17' });
    await send('DELETE', `/v1/concession-enrolments/${await enrol(revoked)}`);
    const found = new Map<string, string | null>();
    const at = { date: isoDate('2026-11-18'), atMs: NOW_MS + 1 };
    for await (const piece of streamActiveEnrolments(world.database, world.keys, at))
      for (const entry of piece) found.set(entry.pan, entry.lastDay);
    assert.deepEqual(
      [valid, later, ended, revoked].map((card) => found.get(card.pan) ?? null),
      ['2026-11-30', null, null, null],
    );
    assert.deepEqual(
      [valid, later, ended, revoked].map((card) => found.has(card.pan)),
      [true, false, false, false],
    );
  });

  describe('refused by name, with nothing written', () => {
    const spoilt =
      (more: Json): (() => Json) =>
      () =>
        enrolment(newCard(), more);
    const cases: readonly [string, () => Json, readonly [number, string, string?]][] = [
      [
        'a PAN with letters',
        spoilt({ card: { pan: '99900100000000AB', psn: 1 } }),
        [400, 'field_invalid', 'card.pan'],
      ],
      ['no category', spoilt({ category: undefined }), [400, 'field_invalid', 'category']],
      [
        'a category of another city',
        spoilt({ category: 'senior-65' }),
        [422, 'category_unknown', 'category'],
      ],
      ['a field that nobody knows', spoilt({ age: 76 }), [400, 'field_invalid', 'age']],
      [
        '15 digits',
        spoilt({ identityNumber: '330200500131002' }),
        [422, 'identity_number_first_generation', 'identityNumber'],
      ],
      [
        'a wrong check character',
        spoilt({ identityNumber: `${NUMBER.slice(0, 17)}${NUMBER.endsWith('0') ? '1' : '0'}` }),
        [422, 'identity_number_check_failed', 'identityNumber'],
      ],
      [
        'a number that is a number',
        spoilt({ identityNumber: 330200195001310000 }),
        [400, 'field_invalid', 'identityNumber'],
      ],
      [
        'a residence permit with a residence',
        spoilt({ identityNumber: identityNumber('81000019500131002'), residence: 'Ningbo' }),
        [422, 'residence_permit_without_residence', 'residence'],
      ],
      [
        'another evidence',
        spoilt({ evidenceKind: 'library_card' }),
        [422, 'evidence_kind_refused', 'evidenceKind'],
      ],
      [
        'no birth date at all',
        spoilt({ identityNumber: null }),
        [422, 'eligibility_fact_missing', 'birthDate'],
      ],
      ['a date that is none', spoilt({ validFrom: '2026-02-30' }), [400, 'field_invalid', 'validFrom']],
    ];
    for (const [fact, body, [status, code, field]] of cases)
      test(fact, async () => {
        const count = async (): Promise<number> =>
          Number(
            (await world.database.hot<{ n: number }[]>`select count(*) as n from concession_event`)[0]?.n,
          );
        const before = await count();
        const answer = await send('POST', '/v1/concession-enrolments', body());
        const error = answer.body['error'] as Json;
        assert.deepEqual([answer.status, error['code'], error['field']], [status, code, field]);
        assert.ok(!answer.text.includes('19500131') && !answer.text.includes('330200'));
        assert.equal(await count(), before);
        assert.deepEqual(gateway.faults, []);
      });

    test('an id that is none, a reason with blanks, a review in the past, a card token that is none', async () => {
      nowMs = NOW_MS;
      const id = await enrol(newCard());
      const unknown = '00000000-0000-4000-8000-000000000000';
      const tried: [string, string, Json | undefined, number][] = [
        ['GET', `/v1/concession-enrolments/${unknown}`, undefined, 404],
        ['GET', '/v1/concession-enrolments/1%27%20or%20true', undefined, 404],
        ['DELETE', `/v1/concession-enrolments/${unknown}`, undefined, 404],
        ['DELETE', '/v1/concession-enrolments/x', undefined, 404],
        ['DELETE', `/v1/concession-enrolments/${id}?reason=because%20I%20can`, undefined, 400],
        ['POST', `/v1/concession-enrolments/${unknown}/reviews`, { reviewDueOn: '2027-01-01' }, 404],
        ['POST', `/v1/concession-enrolments/${id}/reviews`, { reviewDueOn: '2026-11-17' }, 400],
        ['POST', `/v1/concession-enrolments/${id}/reviews`, { reviewDueOn: 'soon' }, 400],
        ['GET', '/v1/concession-enrolments?panToken=abc&psn=1', undefined, 400],
        ['GET', `/v1/concession-enrolments?panToken=${'A'.repeat(32)}`, undefined, 400],
        ['PUT', `/v1/concession-enrolments/${id}`, {}, 405],
      ];
      for (const [method, path, body, status] of tried)
        assert.equal((await send(method, path, body)).status, status, `${method} ${path}`);
      const history = (await send('GET', `/v1/concession-enrolments/${id}`)).body['history'] as Json[];
      assert.equal(history.length, 1);
    });

    test('without a token nothing is shown', async () => {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const response = await gateway.app.request(
          method === 'POST' ? '/v1/concession-enrolments' : '/v1/concession-enrolments/x',
          { method },
        );
        assert.equal(response.status, 401, method);
      }
    });
  });

  test('the history of the register is written once', async () => {
    await assert.rejects(world.database.hot`update concession_event set by_label = 'nobody'`, /written once/);
    await assert.rejects(world.database.hot`delete from concession_event`, /written once/);
  });
});
