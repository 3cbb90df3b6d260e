import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TapGateClient } from '@tapgate/sdk/client';
import { DEFAULT_GATE_PARAMETERS, type GateParameters } from '@tapgate/sdk/lists/gate-parameters';
import { loadCaKey, buildCaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { terminalCredentials } from '@tapgate/gateway/keys/demo-credentials';
import { DEMO_CA } from '@tapgate/gateway/keys/demo-keystore';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { forwardTaps } from '@tapgate/validator-firmware/forward/forward-taps';
import { bulkUplink } from '@tapgate/validator-firmware/forward/tap-uplink';
import { TapJournal } from '@tapgate/validator-firmware/journal/tap-journal';
import { ODA_PROFILE } from '@tapgate/validator-firmware/kernel/standard-profiles';
import { gateLists, type GateLists } from '@tapgate/validator-firmware/lists/gate-lists';
import { ListStore } from '@tapgate/validator-firmware/lists/list-store';
import { sessionCredentialsOf, type DeviceIdentity } from '@tapgate/validator-firmware/sync/device-identity';
import { syncLists } from '@tapgate/validator-firmware/sync/sync-lists';
import { createValidator, type Validator } from '@tapgate/validator-firmware/validator';
import { presentVirtualCard } from '@tapgate/validator-firmware/virtual-cards/in-process-channel';
import { startOwnGateway, type OwnGateway } from '../city/attach-gateway.ts';
import { City, type CityCard } from '../city/city.ts';
import { seededRandom } from '../seeded-random.ts';

const HOUR_MS = 60 * 60 * 1000;
const STORAGE_KEY = Buffer.alloc(32, 0x52);
const HOURS = 72;
/** Opened taps that may wait: reached after two and a half days at two taps an hour. */
const UNSENT_MAX = 120;
const HOTLIST_AGE_MAX_H = 66;
const CARDS = 24;
const SEED = 'seventy-two hours in a tunnel';

const PARAMETERS: GateParameters = {
  ...DEFAULT_GATE_PARAMETERS,
  listAges: {
    ...DEFAULT_GATE_PARAMETERS.listAges,
    hotlist: { ageMaxMs: HOTLIST_AGE_MAX_H * HOUR_MS, stale: 'refuse' },
  },
  unsent: { countMax: UNSENT_MAX, sumFenMax: 10_000_000, ageMaxMs: 14 * 24 * HOUR_MS },
};

describe('a gate that is alone for three days', () => {
  let gateway: OwnGateway;
  let folder = '';
  let city: City;
  let cards: CityCard[];
  let lists: ListStore;
  let gate: GateLists;
  let journal: TapJournal;
  let validator: Validator;
  let client: TapGateClient;
  let identity: DeviceIdentity;
  let startMs = 0;
  let nowMs = 0;

  before(async () => {
    const random = seededRandom(SEED);
    gateway = await startOwnGateway({ seed: Buffer.from(SEED) });
    // A minute on, so that what the gateway made at its start is of the past.
    startMs = Date.now() + 60_000;
    nowMs = startMs;
    folder = await mkdtemp(path.join(tmpdir(), 'offline-days-'));
    city = new City({
      ...{ baseUrl: gateway.baseUrl, data: gateway.data, keystore: gateway.keystore, nowMs },
      ...{ journalsFolder: path.join(folder, 'city'), random: (count) => random.bytes(count) },
      ruleSetVersion: '2026-01-01',
    });
    const bankId = gateway.data.banks[0]?.bankId ?? '';
    cards = Array.from({ length: CARDS }, (_, index) => city.card({ bankId, seed: `${SEED} ${index}` }));
    identity = identityOfDemo();
    lists = await ListStore.open({ directory: path.join(folder, 'lists'), storageKey: STORAGE_KEY });
    gate = gateLists(lists);
    journal = await openJournal();
    client = new TapGateClient({
      baseUrl: gateway.baseUrl,
      authentication: sessionCredentialsOf(identity),
      clock: () => nowMs,
      headers: () => ({ 'Demo-Time': new Date(nowMs).toISOString() }),
    });
    validator = newValidator((count) => random.bytes(count));
  });
  after(async () => {
    await journal.close();
    await lists.close();
    await city.close();
    await gateway.detach();
    await rm(folder, { recursive: true, force: true });
  });

  const openJournal = () =>
    TapJournal.open({
      directory: path.join(folder, 'journal'),
      storageKey: STORAGE_KEY,
      unacknowledgedMax: 100_000,
      limits: () => gate.parameters().unsent,
    });

  /** A terminal of the demonstration, as an enrolment would have made it. */
  function identityOfDemo(): DeviceIdentity {
    const isEntry = (of: { readonly tapKind: string }): boolean => of.tapKind === 'entry';
    const operator = gateway.data.operators.find((of) =>
      of.lines.some((line) => line.terminals.some(isEntry)),
    );
    const line = operator?.lines.find((of) => of.terminals.some(isEntry));
    const terminal = line?.terminals.find(isEntry);
    assert.ok(operator && line && terminal);
    const { macKey, sm2PrivateKey, sm2PublicKey } = terminalCredentials(
      gateway.keystore,
      terminal.terminalId,
    );
    return {
      ...{ terminalId: terminal.terminalId, operatorId: operator.operatorId, lineId: line.lineId },
      ...{
        stationId: terminal.stationId,
        tapKind: terminal.tapKind,
        rail: line.rail,
        amountFen: line.amountFen,
      },
      ...{
        zone: operator.timeZone,
        region: operator.jurisdiction,
        sm2PrivateKey,
        sm2PublicKey,
        macKey,
        nextTapSequence: 1,
        clockSkewMs: 0,
        isRevoked: false,
      },
      listSigningKeys: [new KeystoreProvider(gateway.keystore).listSigningKey()],
    };
  }

  function newValidator(random: (count: number) => Uint8Array): Validator {
    const { publicKeyXy } = gateway.keystore.current('root-ca');
    const loaded = loadCaKey({
      ...{ rid: bytesFromHex(DEMO_CA.rid), index: DEMO_CA.index, expiry: isoDate(DEMO_CA.expiresOn) },
      ...{ modulus: publicKeyXy ?? new Uint8Array(), exponent: new Uint8Array(), checksum: new Uint8Array() },
    });
    assert.ok(loaded.ok);
    return createValidator({
      terminal: { ...identity, ruleSetVersion: '2026-01-01', utcOffsetMinutes: 480, fareFen: null },
      profile: ODA_PROFILE,
      caKeys: buildCaKeyTable([loaded.key]),
      hotlist: gate.hotlist,
      policy: gate.policy,
      staleList: gate.staleList,
      tapRiskFen: () => fen(gate.parameters().tapRiskFen),
      ...{ journal, random },
      clock: () => nowMs,
    });
  }

  const operator = async (route: string, body: object): Promise<void> => {
    const response = await fetch(`${gateway.baseUrl}${route}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${gateway.operatorToken}`,
        'content-type': 'application/json',
        'Demo-Time': new Date(nowMs).toISOString(),
      },
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 201, await response.text());
  };
  const stop = (card: CityCard | undefined) =>
    operator('/v1/hotlist-versions', {
      add: card === undefined ? [] : [{ pan: card.pan, psn: card.psn, reason: 'lost' }],
      remove: [],
    });
  const sync = () =>
    syncLists({ client, lists, identity, stagingFolder: path.join(folder, 'staging'), clock: () => nowMs });
  const tap = async (index: number): Promise<string> => {
    const card = cards[index % CARDS];
    assert.ok(card);
    const { decision } = await validator.tap(presentVirtualCard(card.card));
    return decision.decision === 'open' ? 'open' : decision.refusal.code;
  };

  test('limits hold, the list goes stale by policy, and the drain is in order', async () => {
    await operator('/v1/gate-parameters', { parameters: PARAMETERS });
    await stop(cards[0]);
    const synced = await sync();
    assert.deepEqual(
      synced.lists.filter((list) => list.stoppedBy !== null),
      [],
    );
    assert.equal(lists.held('hotlist')?.version, 1);
    assert.equal(gate.staleList(nowMs), null);
    assert.equal(await tap(0), 'hotlisted');

    // Two taps an hour, of cards that come again twelve hours later; nobody is heard from.
    const decisions: string[] = [];
    let index = 1;
    for (let hour = 0; hour < HOURS; hour++) {
      for (const minute of [10, 40]) {
        nowMs = startMs + hour * HOUR_MS + minute * 60_000;
        if (index % CARDS === 0) index += 1;
        decisions.push(await tap(index));
        index += 1;
      }
      // The issuer stops a card after ten hours: this gate cannot know.
      if (hour === 10) await stop(cards[5]);
    }
    const opened = decisions.filter((decision) => decision === 'open').length;
    const firstStale = HOTLIST_AGE_MAX_H * 2;
    assert.equal(opened, UNSENT_MAX - 1, 'the denied tap of the beginning waits too');
    assert.ok(decisions.slice(0, opened).every((decision) => decision === 'open'));
    assert.ok(decisions.slice(opened, firstStale).every((decision) => decision === 'journal_full'));
    assert.ok(decisions.slice(firstStale).every((decision) => decision === 'hotlist_too_old'));
    assert.equal(journal.unacknowledgedCount(), UNSENT_MAX);

    // An upgrade at night: the same journal under a new process loses nothing.
    await journal.close();
    journal = await openJournal();
    assert.equal(journal.unacknowledgedCount(), UNSENT_MAX);
    assert.equal(journal.oldestUnsentAtMs(), startMs);
    assert.equal(journal.hasRoom({ amountFen: 0, atMs: nowMs }), false);

    // Back in coverage.
    nowMs = startMs + HOURS * HOUR_MS;
    const report = await forwardTaps(journal, () => bulkUplink(client));
    assert.equal(report.stoppedBy, null);
    assert.deepEqual(
      report.deliveries.map((delivery) => delivery.entry.tapSequence),
      Array.from({ length: UNSENT_MAX }, (_, place) => place + 1),
    );
    const outcomes = report.deliveries.map((delivery) =>
      delivery.kind === 'accepted'
        ? `${delivery.answer.outcome} ${delivery.answer.cause ?? ''}`
        : delivery.kind,
    );
    const of = (outcome: string) => outcomes.filter((text) => text.startsWith(outcome)).length;
    // Card 5 rode four times after it was stopped and within the age of the list: the rider owes it, the operator does not lose it.
    assert.deepEqual([of('denied hotlisted'), of('debt hotlisted')], [1, 4]);
    assert.equal(of('chargeable'), UNSENT_MAX - 5);
    assert.equal(journal.unacknowledgedCount(), 0);

    await sync();
    assert.equal(lists.held('hotlist')?.version, 2);
    validator = newValidator((count) => Buffer.alloc(count, 7));
    assert.equal(await tap(1), 'open');
    assert.equal(await tap(5), 'hotlisted');
  });
});
