import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import { hotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { KernelOutcome } from '../kernel/kernel-outcome.ts';
import { ODA_PROFILE } from '../kernel/standard-profiles.ts';
import { tapTransaction } from '../kernel/tap-transaction.ts';
import { record } from '../kernel/transcript.ts';
import { personaliseCard } from '../virtual-cards/personalise-card.ts';
import { makeTestIssuer } from '../virtual-cards/test-issuer.ts';
import { VirtualCard } from '../virtual-cards/virtual-card.ts';
import { cardKeyOf, decideGate, type GateFacts } from './decide-gate.ts';
import { hotlistOfKeys } from './hotlist-snapshot.ts';
import { type RecentTap, rememberTap } from './recent-taps.ts';

const NOW_MS = Date.parse('2026-11-23T08:15:00+08:00');
const LIST_KEY = Buffer.alloc(32, 9);
const LIST = { version: 3, publishedAtMs: NOW_MS - 1_000, listKey: LIST_KEY };
const EMPTY_LIST = hotlistOfKeys(LIST, []);
const POLICY = { hotlistAgeMaxMs: 60_000, staleHotlist: 'refuse', passBackWindowMs: 90_000 } as const;

/** A genuine approved tap, ATC 1, from the kernel itself. */
const APPROVED: KernelOutcome = (() => {
  const { issuer, caKeys } = makeTestIssuer({ seed: 'gate test', bin: '623058' });
  const card = new VirtualCard(
    personaliseCard({
      seed: 'gate card',
      pan: '6230580000000000042',
      psn: '01',
      expiry: isoDate('2030-06-30'),
      balanceFen: fen(0),
      issuer,
    }),
  );
  const tap = {
    amountFen: fen(0),
    localDate: isoDate('2026-11-23'),
    localTime: '081500',
    unpredictableNumber: Buffer.alloc(4, 1),
  };
  const authority = { caKeys, revokedIssuerCertificates: new Set<string>() };
  return record(tapTransaction(ODA_PROFILE, tap, authority), (command) => card.transmit(command)).result;
})();

const CARD_KEY = cardKeyOf(APPROVED, EMPTY_LIST);
assert.ok(CARD_KEY);
const HOTLISTED = hotlistOfKeys(LIST, [CARD_KEY]);
const STALE = { ...EMPTY_LIST, publishedAtMs: NOW_MS - POLICY.hotlistAgeMaxMs - 1 };
const seen = (atc: number, agoMs: number, opened = true): RecentTap => ({
  cardKey: CARD_KEY,
  atc,
  tappedAtMs: NOW_MS - agoMs,
  opened,
});

function decide(change: Partial<GateFacts> = {}): string {
  const decision = decideGate({
    outcome: APPROVED,
    cardKey: CARD_KEY,
    hotlist: EMPTY_LIST,
    recentTaps: [],
    nowMs: NOW_MS,
    journalHasRoom: true,
    policy: POLICY,
    ...change,
  });
  return decision.decision === 'open' ? 'open' : decision.refusal.code;
}

describe('gate decision', () => {
  test('a proven card that nothing speaks against opens the gate', () => {
    assert.equal(decide(), 'open');
  });

  // Each row adds one more reason above the one before: the first in the rank of the list is the one that is named.
  const all: Partial<GateFacts>[] = [
    { journalHasRoom: false },
    { recentTaps: [seen(0, 10)] },
    { staleList: refuse('list_too_old', 'ca_keys') },
    { hotlist: STALE },
    { outcome: { ...APPROVED, kind: 'online' } },
    { hotlist: { ...HOTLISTED, publishedAtMs: STALE.publishedAtMs } },
    { recentTaps: [seen(1, 10)] },
    { outcome: { ...APPROVED, kind: 'declined', refusal: refuse('card_expired') } },
    { outcome: { ...APPROVED, kind: 'declined', refusal: refuse('dynamic_signature_invalid') } },
  ];
  const named = [
    'journal_full',
    'pass_back',
    'list_too_old',
    'hotlist_too_old',
    'card_declined',
    'hotlisted',
    'atc_reused',
    'card_expired',
    'dynamic_signature_invalid',
  ];
  let facts: Partial<GateFacts> = {};
  for (const [index, change] of all.entries()) {
    facts = { ...facts, ...change };
    const sofar = facts;
    test(`reason ${index + 1}: ${named[index] ?? ''}`, () => {
      assert.equal(decide(sofar), named[index]);
    });
  }

  test('the age of the hotlist, on both sides of its limit, and a policy that travels on', () => {
    const aged = (ageMs: number) => ({ ...EMPTY_LIST, publishedAtMs: NOW_MS - ageMs });
    assert.equal(decide({ hotlist: aged(60_000) }), 'open');
    assert.equal(decide({ hotlist: aged(60_001) }), 'hotlist_too_old');
    const open = { ...POLICY, staleHotlist: 'open' } as const;
    assert.equal(decide({ hotlist: aged(60_001), policy: open }), 'open');
    const staleButNamed = { ...HOTLISTED, publishedAtMs: NOW_MS - 60_001 };
    assert.equal(decide({ hotlist: staleButNamed, policy: open }), 'hotlisted');
  });

  test('the same card again: a pass-back within the window, a retry after a tap that did not open, a replay ever', () => {
    assert.equal(decide({ recentTaps: [seen(0, 89_999)] }), 'pass_back');
    assert.equal(decide({ recentTaps: [seen(0, 90_000)] }), 'open');
    assert.equal(decide({ recentTaps: [seen(0, 10, false)] }), 'open');
    assert.equal(decide({ recentTaps: [seen(1, 89_999, false)] }), 'atc_reused');
    assert.equal(decide({ recentTaps: [seen(0, 10)], policy: { ...POLICY, passBackWindowMs: 0 } }), 'open');
  });

  test('a forgery is not looked up: it would tell who is on the list', () => {
    const forged = { ...APPROVED, kind: 'declined', refusal: refuse('dynamic_signature_invalid') } as const;
    let asked = 0;
    const hotlist = { ...EMPTY_LIST, has: () => (asked++, true) };
    assert.equal(decide({ outcome: forged, hotlist }), 'dynamic_signature_invalid');
    assert.equal(asked, 0);
  });

  test('a card has another name under another list key, and with another sequence number', () => {
    const pan = Pan.of('6230580000000000042');
    assert.ok(pan);
    assert.equal(hotlistKey(LIST_KEY, { pan, panSequenceNumber: '01' }), CARD_KEY);
    assert.notEqual(hotlistKey(LIST_KEY, { pan, panSequenceNumber: '02' }), CARD_KEY);
    assert.notEqual(hotlistKey(Buffer.alloc(32, 8), { pan, panSequenceNumber: '01' }), CARD_KEY);
  });

  test('a replay is known as long as it is among the last 256 taps', () => {
    let recent: readonly RecentTap[] = [];
    for (let atc = 1; atc <= 256; atc++) recent = rememberTap(recent, seen(atc, 3_600_000));
    assert.equal(decide({ recentTaps: recent }), 'atc_reused');
    recent = rememberTap(recent, seen(257, 0, false));
    assert.equal(recent.length, 256);
    assert.equal(decide({ recentTaps: recent }), 'open');
  });
});
