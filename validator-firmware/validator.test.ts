import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { verifyCryptogram } from '@tapgate/sdk/emv/cryptogram';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import { hotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import { firstOf } from '@tapgate/sdk/tap-record/object-table';
import { readEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import { parseTapRecord, verifyTapRecordMac } from '@tapgate/sdk/tap-record/tap-record-codec';
import { isoDate, tapSequence, terminalId } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { hotlistOfKeys, type HotlistSnapshot } from './gate/hotlist-snapshot.ts';
import { TapJournal } from './journal/tap-journal.ts';
import { ODA_PROFILE, OFFLINE_PURCHASE_PROFILE } from './kernel/standard-profiles.ts';
import { createValidator, type TapResult, type Validator, type ValidatorSettings } from './validator.ts';
import { presentVirtualCard } from './virtual-cards/in-process-channel.ts';
import { personaliseCard } from './virtual-cards/personalise-card.ts';
import { makeTestIssuer } from './virtual-cards/test-issuer.ts';
import { cloneCard, VirtualCard } from './virtual-cards/virtual-card.ts';

const NOW_MS = Date.parse('2026-11-23T08:15:00+08:00');
const MAC_KEY = Buffer.alloc(32, 7);
const LIST_KEY = Buffer.alloc(32, 9);
const { issuer, caKeys } = makeTestIssuer({ seed: 'validator test', bin: '623058' });
const POLICY = { hotlistAgeMaxMs: 86_400_000, staleHotlist: 'refuse', passBackWindowMs: 90_000 } as const;

let journal: TapJournal;
let directory = '';
let nowMs = NOW_MS;
let hotlist: HotlistSnapshot;
let drawn = 0;

function newCard(seed: string, balanceFen = 5_000): VirtualCard {
  return new VirtualCard(
    personaliseCard({
      seed,
      pan: `623058${seed.padStart(13, '0')}`,
      psn: '01',
      expiry: isoDate('2030-12-31'),
      balanceFen: fen(balanceFen),
      issuer,
    }),
  );
}

function newValidator(rail: 'oda' | 'offline_purchase', change: Partial<ValidatorSettings> = {}): Validator {
  return createValidator({
    terminal: {
      terminalId: terminalId('GATE0001'),
      lineId: 'bus-a',
      stationId: null,
      tapKind: 'single',
      rail,
      macKey: MAC_KEY,
      ruleSetVersion: 'rules-2026',
      utcOffsetMinutes: 480,
      fareFen: rail === 'oda' ? null : fen(200),
    },
    profile: rail === 'oda' ? ODA_PROFILE : OFFLINE_PURCHASE_PROFILE,
    caKeys,
    hotlist: () => hotlist,
    policy: POLICY,
    journal,
    clock: () => nowMs,
    random: (count) => Buffer.alloc(count, ++drawn),
    ...change,
  });
}

const decisionOf = (result: TapResult) =>
  result.decision.decision === 'open' ? 'open' : result.decision.refusal.code;

function recordOf(result: TapResult) {
  assert.ok(result.record);
  const parsed = parseTapRecord(result.record);
  assert.ok(parsed.ok);
  assert.ok(verifyTapRecordMac(parsed, (input) => hmacSm3(MAC_KEY, input)));
  return parsed.record;
}

describe('validator', () => {
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'validator-'));
    journal = await TapJournal.open({ directory, storageKey: Buffer.alloc(32, 1), unacknowledgedMax: 1_000 });
    hotlist = hotlistOfKeys({ version: 3, publishedAtMs: NOW_MS - 3_600_000, listKey: LIST_KEY }, []);
  });
  after(async () => {
    await journal.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('an ARQC with a good dynamic signature opens a transit gate, and the record proves it again', async () => {
    const card = newCard('1');
    const result = await newValidator('oda').tap(presentVirtualCard(card));
    assert.equal(decisionOf(result), 'open');
    assert.deepEqual(
      result.outcome.trace.map((entry) => `${entry.phase}: ${entry.finding}`),
      [
        'pre_processing: ready',
        'directory: candidates',
        'application_selection: selected',
        'processing_options: options',
        'card_data: read',
        'card_decision: ARQC',
        'data_authentication: proven',
        'restrictions: none',
        'outcome: approved',
      ],
    );
    const record = recordOf(result);
    assert.deepEqual(
      [record.terminalId, record.tapSequence, record.tappedAtMs, record.hotlistVersion, record.gateDecision],
      ['GATE0001', result.tapSequence, NOW_MS, 3, 'open'],
    );
    const read = readEvidence(record);
    assert.ok(read.ok);
    const { evidence } = read;
    const objects = firstOf(evidence.cardObjects, evidence.terminal.objects);
    const check = verifyCryptogram(evidence.cryptogram, evidence.iad, objects, {
      algorithm: 'SM4',
      masterKey: issuer.imkAc,
      owner: evidence.identity,
    });
    assert.deepEqual(check, { ok: true });
    assert.deepEqual(
      result.steps.map((step) => step.step),
      ['kernel', 'gate', 'journal'],
    );
    assert.equal(card.state.balanceFen, 5_000);
  });

  test('electronic cash pays the fare, and the balance is down once the last record was read', async () => {
    const card = newCard('2');
    const result = await newValidator('offline_purchase').tap(presentVirtualCard(card));
    assert.equal(decisionOf(result), 'open');
    assert.equal(result.outcome.cryptogramType, 'TC');
    assert.deepEqual(card.state, { atc: 1, balanceFen: 4_800, lastOnlineAtc: 0 });
  });

  test('a card whose cash does not cover the fare declines', async () => {
    const card = newCard('3', 199);
    const result = await newValidator('offline_purchase').tap(presentVirtualCard(card));
    assert.equal(decisionOf(result), 'card_declined');
    assert.equal(recordOf(result).gateRefusal, 'card_declined');
    assert.deepEqual(card.state, { atc: 1, balanceFen: 199, lastOnlineAtc: 0 });
  });

  test('a copied card cannot sign: the gate stays shut and the record says why', async () => {
    const card = newCard('4');
    card.faults = { forged: true };
    const result = await newValidator('oda').tap(presentVirtualCard(card));
    assert.equal(decisionOf(result), 'dynamic_signature_invalid');
    assert.equal(recordOf(result).gateRefusal, 'dynamic_signature_invalid');
  });

  test('a hotlisted card is denied by the list under its own key', async () => {
    const card = newCard('5');
    const list = hotlistOfKeys({ ...hotlist, listKey: LIST_KEY }, [
      hotlistKey(LIST_KEY, card.personalisation.payment.owner),
    ]);
    const result = await newValidator('oda', { hotlist: () => list }).tap(presentVirtualCard(card));
    assert.equal(decisionOf(result), 'hotlisted');
  });

  test('a card of an authority that the terminal does not know is denied', async () => {
    const stranger = makeTestIssuer({ seed: 'another authority', bin: '623058' });
    const result = await newValidator('oda', { caKeys: stranger.caKeys }).tap(
      presentVirtualCard(newCard('6')),
    );
    assert.equal(decisionOf(result), 'issuer_certificate_invalid');
    const nobody = await newValidator('oda', { caKeys: new Map() }).tap(presentVirtualCard(newCard('6')));
    assert.equal(decisionOf(nobody), 'ca_key_unknown');
  });

  test('an expired card is denied the day after, and not before', async () => {
    const validator = newValidator('oda', { hotlist: () => ({ ...hotlist, publishedAtMs: nowMs }) });
    nowMs = Date.parse('2030-12-31T23:59:59+08:00');
    assert.equal(decisionOf(await validator.tap(presentVirtualCard(newCard('7')))), 'open');
    nowMs = Date.parse('2031-01-01T00:00:00+08:00');
    assert.equal(
      decisionOf(await validator.tap(presentVirtualCard(newCard('7')))),
      'card_certificate_expired',
    );
    nowMs = NOW_MS;
  });

  test('a second tap of the same card within the window is a pass-back, after it a new ride', async () => {
    const validator = newValidator('oda');
    const card = newCard('8');
    assert.equal(decisionOf(await validator.tap(presentVirtualCard(card))), 'open');
    nowMs = NOW_MS + 89_999;
    assert.equal(decisionOf(await validator.tap(presentVirtualCard(card))), 'pass_back');
    nowMs = NOW_MS + 90_000;
    assert.equal(decisionOf(await validator.tap(presentVirtualCard(card))), 'open');
    nowMs = NOW_MS;
  });

  test('a gate that lost power looks back on what it knew before: a pass-back and a replay stay what they are', async () => {
    const card = newCard('81');
    const replay = cloneCard(card);
    const settings = {
      directory: path.join(directory, 'restarted'),
      storageKey: Buffer.alloc(32, 1),
      unacknowledgedMax: 10,
    };
    let own = await TapJournal.open(settings);
    assert.equal(
      decisionOf(await newValidator('oda', { journal: own }).tap(presentVirtualCard(card))),
      'open',
    );
    await own.acknowledge([tapSequence(1)]);
    await own.close();
    own = await TapJournal.open(settings);
    const restarted = newValidator('oda', { journal: own });
    nowMs = NOW_MS + 30_000;
    assert.equal(decisionOf(await restarted.tap(presentVirtualCard(card))), 'pass_back');
    assert.equal(decisionOf(await restarted.tap(presentVirtualCard(replay))), 'atc_reused');
    nowMs = NOW_MS;
    await own.close();
  });

  test('torn at every command: nothing is debited, the gate stays shut, and the same card may come again', async () => {
    const commandsOfTap = 7;
    for (let command = 1; command <= commandsOfTap; command++) {
      const validator = newValidator('offline_purchase');
      const card = newCard('9');
      card.faults = { tornAtCommand: command };
      const torn = await validator.tap(presentVirtualCard(card));
      assert.equal(decisionOf(torn), 'card_torn', `command ${command}`);
      assert.equal(torn.outcome.kind, 'try_again');
      assert.equal(torn.record === null, command <= 2, 'a record names an application, once there is one');
      card.faults = {};
      const again = await validator.tap(presentVirtualCard(card));
      assert.equal(decisionOf(again), 'open');
      assert.equal(card.state.balanceFen, 4_800);
    }
    const card = newCard('9');
    card.faults = { tornAtCommand: commandsOfTap + 1 };
    assert.equal(decisionOf(await newValidator('offline_purchase').tap(presentVirtualCard(card))), 'open');
  });

  test('a rider whose card slips away is served again, three times at most, and each act has its own record', async () => {
    const card = newCard('14');
    const validator = newValidator('offline_purchase');
    let presentation = 0;
    const slipping = (times: number) => () => {
      presentation++;
      card.faults = presentation <= times ? { tornAtCommand: 5 } : {};
      return Promise.resolve(presentVirtualCard(card));
    };
    const served = await validator.serve(slipping(2));
    assert.deepEqual(served.map(decisionOf), ['card_torn', 'card_torn', 'open']);
    assert.deepEqual(
      served.map((result) => result.outcome.evidence?.atc),
      [undefined, undefined, 3],
    );
    assert.equal(card.state.balanceFen, 4_800);
    presentation = 0;
    assert.equal((await validator.serve(slipping(9))).length, 3);
    assert.deepEqual(await validator.serve(() => Promise.resolve(null)), []);
  });

  test('a refusal is never asked for a second time', async () => {
    const card = newCard('15', 0);
    const served = await newValidator('offline_purchase').serve(() =>
      Promise.resolve(presentVirtualCard(card)),
    );
    assert.deepEqual(served.map(decisionOf), ['card_declined']);
  });

  test('an old hotlist proves no card good; a policy may bear the risk', async () => {
    const old = { ...hotlist, publishedAtMs: NOW_MS - POLICY.hotlistAgeMaxMs - 1 };
    const strict = await newValidator('oda', { hotlist: () => old }).tap(presentVirtualCard(newCard('10')));
    assert.equal(decisionOf(strict), 'hotlist_too_old');
    const policy = { ...POLICY, staleHotlist: 'open' } as const;
    const open = await newValidator('oda', { hotlist: () => old, policy }).tap(
      presentVirtualCard(newCard('10')),
    );
    assert.equal(decisionOf(open), 'open');
  });

  test('a full journal keeps the gate shut, and no record is invented', async () => {
    const full = {
      hasRoom: () => false,
      recentTaps: () => [],
      append: () => Promise.reject(new Error('asked to append')),
    };
    const result = await newValidator('oda', { journal: full }).tap(presentVirtualCard(newCard('11')));
    assert.deepEqual([decisionOf(result), result.record], ['journal_full', null]);
  });

  test('the same seed, clock and randoms give the same record but for the signatures', async () => {
    const taps = await Promise.all(
      [0, 1].map(async () => {
        const result = await newValidator('oda', { random: (count) => Buffer.alloc(count, 0x5a) }).tap(
          presentVirtualCard(newCard('12')),
        );
        const { evidence } = result.outcome;
        assert.ok(evidence);
        return [evidence.cryptogram, evidence.cardAuthenticationData, evidence.staticData, evidence.iad.cvr];
      }),
    );
    assert.deepEqual(taps[0], taps[1]);
  });

  test('a profile of another rail, or a fare that nobody names, is refused before any card comes', async () => {
    assert.throws(() => newValidator('oda', { profile: OFFLINE_PURCHASE_PROFILE }), RangeError);
    const clinic = newValidator('offline_purchase', {
      terminal: {
        terminalId: terminalId('CLINIC01'),
        lineId: 'clinic',
        stationId: null,
        tapKind: 'single',
        rail: 'offline_purchase',
        macKey: MAC_KEY,
        ruleSetVersion: 'rules-2026',
        utcOffsetMinutes: 480,
        fareFen: null,
      },
    });
    const card = newCard('13');
    await assert.rejects(clinic.tap(presentVirtualCard(card)), RangeError);
    assert.equal(decisionOf(await clinic.tap(presentVirtualCard(card), fen(1_234))), 'open');
    assert.equal(card.state.balanceFen, 3_766);
  });
});
