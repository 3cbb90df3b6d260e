import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ASKING_DEFAULTS, type AskingParameters } from '@tapgate/sdk/lists/asking-parameters';
import { operatorToken } from '@tapgate/gateway/keys/demo-credentials';
import { openKeystore } from '@tapgate/gateway/keys/open-keystore';
import { loadDemoData } from '@tapgate/gateway/operators/demo-reference';
import { forwardTaps } from '@tapgate/validator-firmware/forward/forward-taps';
import { liveUplink } from '@tapgate/validator-firmware/forward/tap-uplink';
import { hotlistOfKeys } from '@tapgate/validator-firmware/gate/hotlist-snapshot';
import type { TapResult } from '@tapgate/validator-firmware/validator';
import { presentVirtualCard } from '@tapgate/validator-firmware/virtual-cards/in-process-channel';
import { readOwnRecord, type CityTerminal } from '../city/city-terminal.ts';
import { City, type CityCard } from '../city/city.ts';
import { KilledGateway } from '../crash/killed-gateway.fixture.ts';
import { placesOf } from '../tap/places.ts';

// A gate whose list is older than the gateway's, and a gateway in a process of its own that can be stopped in the middle of a question.

/** Time enough for an answer on a machine that has other work. */
const PATIENT: AskingParameters = { ...ASKING_DEFAULTS, tapMs: 20_000 };
/** What a rider is kept waiting where nobody answers, kernel included. */
const SHORT: AskingParameters = { ...ASKING_DEFAULTS, tapMs: 1_500, keepMs: 50 };

describe('a gate asks before it decides', () => {
  const data = loadDemoData();
  let folder = '';
  let gateway: KilledGateway;
  let city: City;
  let gate: CityTerminal;
  let token = '';
  let asking = PATIENT;
  let cards = 0;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'asking-'));
    gateway = await KilledGateway.start(folder);
    const keystore = openKeystore({ dataDir: folder, keystorePassphrase: null })?.keystore;
    assert.ok(keystore);
    token = operatorToken(keystore);
    city = new City({
      ...{ baseUrl: gateway.baseUrl, data, keystore, nowMs: Date.now(), ruleSetVersion: 'demo' },
      journalsFolder: path.join(folder, 'journals'),
      random: (byteCount) => randomBytes(byteCount),
      asking: () => asking,
      now: (listKey) => ({
        get nowMs() {
          return Date.now();
        },
        get hotlist() {
          return hotlistOfKeys({ version: 0, publishedAtMs: Date.now(), listKey }, []);
        },
      }),
    });
    gate = await city.terminal(placesOf(data).concessionBus);
  });
  after(async () => {
    gateway.resume();
    await city.close();
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const newCard = (): CityCard => {
    const bank = data.banks[0];
    assert.ok(bank);
    return city.card({ bankId: bank.bankId, seed: `asking ${++cards}` });
  };
  const tap = ({ card }: CityCard): Promise<TapResult> => gate.validator.tap(presentVirtualCard(card));
  const decisionOf = ({ decision }: TapResult) =>
    decision.decision === 'open' ? 'open' : decision.refusal.code;
  const forward = async () => {
    const { deliveries, stoppedBy } = await forwardTaps(gate.journal, () => liveUplink(gate.client));
    assert.equal(stoppedBy, null);
    return deliveries.map((delivery) =>
      delivery.kind === 'accepted'
        ? [delivery.answer.outcome, delivery.answer.cause, delivery.answer.duplicate]
        : [],
    );
  };
  const asOperator = async (
    method: string,
    route: string,
    body?: object,
  ): Promise<Record<string, unknown>> => {
    const response = await fetch(`${gateway.baseUrl}${route}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, route);
    return (await response.json()) as Record<string, unknown>;
  };

  test('a good card: the gateway says yes in time, and the record that follows is the one tap', async () => {
    const result = await tap(newCard());
    assert.deepEqual([decisionOf(result), result.asked?.end], ['open', 'judged']);
    assert.deepEqual(await forward(), [['chargeable', null, false]]);
  });

  test('a card stopped a moment ago, which the list of the gate does not have: refused, because the gate asked', async () => {
    const card = newCard();
    const named = { pan: card.pan, psn: card.psn, reason: 'lost' };
    const { version } = await asOperator('POST', '/v1/hotlist-versions', { add: [named], remove: [] });
    const result = await tap(card);
    assert.deepEqual([decisionOf(result), result.asked?.end], ['hotlisted', 'judged']);
    assert.ok(result.record);
    const { hotlistVersion, asked } = readOwnRecord(result.record);
    assert.deepEqual([hotlistVersion, asked?.hotlistVersion], [0, version]);
    assert.deepEqual(await forward(), [['denied', 'hotlisted', false]]);
  });

  test('with the gateway stopped the gate decides alone in its time, says so, and the record arrives later, once', async () => {
    asking = SHORT;
    gateway.pause();
    const startedMs = performance.now();
    const result = await tap(newCard());
    const tookMs = performance.now() - startedMs;
    const counsel = result.steps.find(({ step }) => step === 'counsel');
    gateway.resume();
    assert.equal(decisionOf(result), 'open');
    assert.ok(result.record && result.asked && counsel);
    assert.deepEqual(readOwnRecord(result.record).asked, result.asked);
    const { end, budgetMs, waitedMs, hotlistVersion } = result.asked;
    assert.deepEqual([end, hotlistVersion], ['late', 0]);
    assert.ok(budgetMs > 0 && budgetMs < 1_450 && waitedMs >= budgetMs, `${waitedMs} of ${budgetMs} ms`);
    assert.ok(tookMs >= budgetMs && counsel.milliseconds < 2 * SHORT.tapMs, `${tookMs} ms in all`);
    await gateway.ready();
    assert.equal(gate.journal.unacknowledgedCount(), 1);
    assert.deepEqual(await forward(), [['chargeable', null, false]]);
    assert.deepEqual(await forward(), []);
    const history = await asOperator('GET', `/v1/taps/${gate.terminalId}/${result.tapSequence ?? 0}`);
    const { verdict, tap: kept } = history as Record<'verdict' | 'tap', Record<string, unknown>>;
    assert.deepEqual(kept['asked'], result.asked);
    assert.deepEqual([verdict['outcome'], verdict['repeats']], ['chargeable', 0]);
  });
});
