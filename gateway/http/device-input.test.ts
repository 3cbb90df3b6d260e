import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { findTerminal } from '../intake/signed-taps.fixture.ts';
import { openTestApp, openTestWorld, type TestWorld } from '../intake/test-gateway.fixture.ts';
import { openSession } from '../intake/test-requests.fixture.ts';

const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');
const NUL = '\u0000';
/** Past what a column of the store can hold, and past what a Date can be. */
const [BEYOND_INTEGER, BEYOND_DATE] = [2 ** 31, 8_640_000_000_000_001];

type Body = Readonly<Record<string, unknown>>;
type Case = readonly [
  fact: string,
  who: 'terminal' | 'operator',
  method: string,
  path: string,
  body: Body | null,
  is: readonly [number, string, string?],
];

const report = (more: Body): Body => ({
  ...{ sentAtMs: NOW_MS, software: '1.0', lists: {}, staleLists: [] },
  ...{ queueDepth: 0, refusedRecords: 0, oldestUnsentAtMs: null, faults: [] },
  ...more,
});
const fault = (more: Body): Body =>
  report({ faults: [{ faultNo: 1, code: 'reader_gone', atMs: NOW_MS, detail: null, ...more }] });
const invalid = (field: string): readonly [number, string, string] => [400, 'field_invalid', field];

const CASES: readonly Case[] = [
  ...(
    [
      ['a clock past all dates', report({ sentAtMs: BEYOND_DATE }), 'sentAtMs'],
      ['software with a NUL in its name', report({ software: `1${NUL}` }), 'software'],
      ['a list version that is none', report({ lists: { hotlist: BEYOND_INTEGER } }), 'lists.hotlist'],
      ['a queue that no terminal has', report({ queueDepth: BEYOND_INTEGER }), 'queueDepth'],
      ['more refused records than there are', report({ refusedRecords: BEYOND_INTEGER }), 'refusedRecords'],
      ['an unsent tap past all dates', report({ oldestUnsentAtMs: BEYOND_DATE }), 'oldestUnsentAtMs'],
      ['a fault past all dates', fault({ atMs: BEYOND_DATE }), 'faults[0].atMs'],
    ] as const
  ).map(([fact, body, field]): Case => [
    fact,
    'terminal',
    'POST',
    '/v1/terminal-reports',
    body,
    invalid(field),
  ]),
  [
    'a version no list has',
    'terminal',
    'GET',
    `/v1/lists/hotlist/${BEYOND_INTEGER}/whole`,
    null,
    [404, 'not_found'],
  ],
  ['faults of a code that is none', 'operator', 'GET', '/v1/faults?code=%00', null, invalid('code')],
  [
    'faults since before all time',
    'operator',
    'GET',
    '/v1/faults?since=-271821-04-20T00:00:00Z',
    null,
    invalid('since'),
  ],
  ['faults before a word', 'operator', 'GET', '/v1/faults?before=1', null, invalid('before')],
  ['refusals of the year 0', 'operator', 'GET', '/v1/refusals?date=0000-01-01', null, invalid('date')],
  [
    'a line with a NUL in its name',
    ...(['operator', 'POST', '/v1/terminals'] as const),
    { terminalId: 'NEWGATE1', place: { lineId: `B${NUL}`, stationId: null, tapKind: 'single' } },
    invalid('place.lineId'),
  ],
  [
    'a roll-out of a version that is none',
    ...(['operator', 'POST', '/v1/list-roll-outs'] as const),
    { kind: 'hotlist', version: BEYOND_INTEGER, sharePermille: 1000 },
    invalid('version'),
  ],
  [
    'a roll-out to an operator with a NUL in its name',
    ...(['operator', 'POST', '/v1/list-roll-outs'] as const),
    { kind: 'ca_keys', version: 1, sharePermille: 1000, scope: { kind: 'operator', operatorId: NUL } },
    invalid('scope.operatorId'),
  ],
  [
    'the content of a version that is none',
    ...(['operator', 'POST', '/v1/list-restorations'] as const),
    { kind: 'hotlist', earlier: BEYOND_INTEGER },
    invalid('earlier'),
  ],
  [
    'an enrolment from the year 0',
    ...(['operator', 'POST', '/v1/concession-enrolments'] as const),
    {
      card: { pan: '9990010000000867', psn: 1 },
      ...{ category: 'senior-70', evidenceKind: 'identity_document', birthDate: '1950-01-31' },
      ...{ validFrom: '0000-01-01', validTo: null },
    },
    invalid('validFrom'),
  ],
];

describe('what the store cannot hold is refused at the door, and is no fault of the gateway', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let gateway: ReturnType<typeof openTestApp>;
  let tokens: Readonly<Record<'terminal' | 'operator', string>>;
  let terminal: TerminalId;

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    gateway = openTestApp(world, { clock: () => NOW_MS });
    terminal = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' }).terminalId;
    tokens = {
      terminal: await openSession(gateway, world.keystore, terminal, NOW_MS),
      operator: world.operatorToken,
    };
  });
  after(async () => {
    await gateway.stop();
    await world.database.close();
    await server.stop();
  });

  const send = (who: Case[1], method: string, path: string, body: Body | null): Promise<Response> =>
    Promise.resolve(
      gateway.app.request(path, {
        method,
        headers: { Authorization: `Bearer ${tokens[who]}`, 'Content-Type': 'application/json' },
        ...(body === null ? {} : { body: JSON.stringify(body) }),
      }),
    );

  for (const [fact, who, method, path, body, [status, code, field]] of CASES)
    test(fact, async () => {
      const response = await send(who, method, path, body);
      const { error } = (await response.json()) as { readonly error: Record<string, string> };
      assert.deepEqual([response.status, error['code'], error['field']], [status, code, field]);
      assert.deepEqual(gateway.faults, []);
    });

  test('a report at the bounds is taken', async () => {
    const body = fault({ faultNo: Number.MAX_SAFE_INTEGER, atMs: 0 });
    const lists = { hotlist: BEYOND_INTEGER - 1 };
    const response = await send('terminal', 'POST', '/v1/terminal-reports', { ...body, lists });
    assert.equal(response.status, 201, await response.text());
  });
});
