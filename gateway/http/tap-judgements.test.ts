import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import { encodeTapDraft } from '@tapgate/sdk/tap-record/tap-draft';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { TapJudging } from '../intake/tap-judging.ts';
import { TapAuthority } from '../ingest/tap-authority.ts';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import { findTerminal, SignedTaps, type FixtureCard } from '../intake/signed-taps.fixture.ts';
import { openTestApp, openTestWorld, type TestWorld } from '../intake/test-gateway.fixture.ts';
import { openSession, sendTap } from '../intake/test-requests.fixture.ts';
import { terminalCredentials } from '../keys/demo-credentials.ts';

const NOW_MS = Date.parse('2026-11-18T03:00:00Z');

describe('POST /v1/tap-judgements over a real database', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let gateway: ReturnType<typeof openTestApp>;
  let taps: SignedTaps;
  let placement: TerminalPlacement;
  let token = '';
  let cards = 0;

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    gateway = openTestApp(world, { clock: () => NOW_MS });
    taps = new SignedTaps(world.keystore);
    placement = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' });
    token = await openSession(gateway, world.keystore, placement.terminalId, NOW_MS);
  });
  after(async () => {
    await gateway.stop();
    await world.database.close();
    await server.stop();
  });

  function newCard(bin?: string): FixtureCard {
    const bank = world.demo.banks[0];
    assert.ok(bank?.bins[0]);
    cards += 1;
    return taps.makeCard({ bankId: bank.bankId, bin: bin ?? bank.bins[0], number: 5_000 + cards });
  }

  function draftOf(card: FixtureCard, atc: number, id: TerminalId = placement.terminalId): Uint8Array {
    const pan = Pan.of(card.pan);
    assert.ok(pan);
    const panSequenceNumber = String(card.psn).padStart(2, '0');
    const { macKey } = terminalCredentials(world.keystore, id);
    return encodeTapDraft({ terminalId: id, pan, panSequenceNumber, atc }, (input) => hmacSm3(macKey, input));
  }

  async function ask(
    draft: Uint8Array | string,
    headers: Record<string, string> = {},
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    const text = typeof draft === 'string' ? draft : Buffer.from(draft).toString('base64');
    const response = await gateway.app.request('/v1/tap-judgements', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}`, ...headers },
      body: JSON.stringify({ draft: text }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const codeOf = async (answer: ReturnType<typeof ask>): Promise<string> => {
    const { body } = await answer;
    return String((body['error'] as Record<string, unknown>)['code']);
  };
  const judged = async (card: FixtureCard, atc: number): Promise<unknown[]> => {
    const { status, body } = await ask(draftOf(card, atc), { 'Tap-Budget-Ms': '5000' });
    assert.equal(status, 200, JSON.stringify(body));
    return [body['judgement'], body['cause'], body['hotlistVersion']];
  };
  async function publish(change: {
    add?: readonly FixtureCard[];
    remove?: readonly FixtureCard[];
  }): Promise<number> {
    const named = (card: FixtureCard) => ({ pan: card.pan, psn: card.psn });
    const response = await gateway.app.request('/v1/hotlist-versions', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${world.operatorToken}` },
      body: JSON.stringify({
        add: (change.add ?? []).map((card) => ({ ...named(card), reason: 'lost' })),
        remove: (change.remove ?? []).map(named),
      }),
    });
    const { version } = (await response.json()) as { readonly version: number };
    return version;
  }

  test('a card passes until the list names it, from the next question on, and again when it has left the list', async () => {
    const card = newCard();
    assert.deepEqual((await judged(card, 1)).slice(0, 2), ['pass', null]);
    const listed = await publish({ add: [card] });
    assert.deepEqual(await judged(card, 2), ['refuse', 'hotlisted', listed]);
    assert.deepEqual(await judged(newCard(), 1), ['pass', null, listed], 'another card is not meant');
    const left = await publish({ remove: [card] });
    assert.deepEqual(await judged(card, 3), ['pass', null, left]);
  });

  test('an act that was reported is a copy; the act after it is not', async () => {
    const card = newCard();
    assert.equal((await judged(card, 7))[0], 'pass');
    const record = taps.makeTap({ card, placement, sequence: 900, atc: 7, atMs: NOW_MS });
    assert.equal((await sendTap(gateway, token, record)).body['outcome'], 'chargeable');
    assert.deepEqual((await judged(card, 7)).slice(0, 2), ['refuse', 'atc_reused']);
    assert.equal((await judged(card, 8))[0], 'pass');
  });

  test('a card of no bank does not pass', async () => {
    assert.deepEqual((await judged(newCard('999888'), 1)).slice(0, 2), ['refuse', 'bank_unknown']);
  });

  test('asking leaves nothing: the record that follows is the first of its act and delivery, and counts once', async () => {
    const card = newCard();
    const counts = async () => {
      const [row] = await world.database.hot<{ taps: number; acts: number; cards: number; queue: number }[]>`
        select (select count(*)::int from tap) as taps, (select count(*)::int from card_atc) as acts,
          (select count(*)::int from card) as cards, (select count(*)::int from unsettled_tap) as queue`;
      assert.ok(row);
      return { ...row };
    };
    const before = await counts();
    for (let time = 0; time < 3; time++) assert.equal((await judged(card, 4))[0], 'pass');
    assert.deepEqual(await counts(), before);
    const record = taps.makeTap({
      ...{ card, placement, sequence: 901, atc: 4, atMs: NOW_MS },
      change: (made) => ({
        ...made,
        asked: { end: 'judged', budgetMs: 100, waitedMs: 9, hotlistVersion: made.hotlistVersion },
      }),
    });
    const first = await sendTap(gateway, token, record);
    assert.deepEqual([first.body['outcome'], first.body['duplicate']], ['chargeable', false]);
    const second = await sendTap(gateway, token, record);
    assert.deepEqual([second.body['outcome'], second.body['duplicate']], ['chargeable', true]);
    const after = await counts();
    assert.deepEqual([after.taps, after.acts], [before.taps + 1, before.acts + 1]);
  });

  test('a gate that opened against what it was told bears the loss; one that was not told leaves a debt', async () => {
    const opened = async (sequence: number, isTold: boolean): Promise<unknown[]> => {
      const card = newCard();
      const version = await publish({ add: [card] });
      const record = taps.makeTap({
        ...{ card, placement, sequence, atc: 1, atMs: NOW_MS, hotlistVersion: version - 1 },
        change: (made) =>
          isTold
            ? { ...made, asked: { end: 'judged', budgetMs: 9, waitedMs: 9, hotlistVersion: version } }
            : made,
      });
      const { body } = await sendTap(gateway, token, record);
      return [body['outcome'], body['cause']];
    };
    assert.deepEqual(await opened(902, false), ['debt', 'hotlisted']);
    assert.deepEqual(await opened(903, true), ['loss', 'hotlisted']);
  });

  test('who is no terminal of ours, or speaks for another, is told nothing of a card', async () => {
    const card = newCard();
    await publish({ add: [card] });
    const draft = draftOf(card, 1);
    assert.equal(await codeOf(ask(draft, { Authorization: 'Bearer x' })), 'token_invalid');
    const changed = Uint8Array.from(draft);
    changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
    assert.equal(await codeOf(ask(changed)), 'terminal_mac_invalid');
    const other = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'entry' });
    assert.equal(await codeOf(ask(draftOf(card, 1, other.terminalId))), 'terminal_mismatch');
    const record = taps.makeTap({ card, placement, sequence: 904, atc: 1, atMs: NOW_MS });
    assert.equal(await codeOf(ask(record.subarray(0, 70))), 'record_malformed');
    for (const text of ['', 'AAAA', '!'.repeat(96), `${'A'.repeat(95)}=`])
      assert.equal(await codeOf(ask(text)), 'field_invalid');
    for (const budget of ['0', 'soon'])
      assert.equal(await codeOf(ask(draft, { 'Tap-Budget-Ms': budget })), 'field_invalid');
    assert.deepEqual(gateway.faults, []);
  });

  test('a question whose budget has gone by while it waited is not looked up; one that cannot be met is not taken in', async () => {
    const faults: unknown[] = [];
    let nowMs = 0;
    let isFull = false;
    const judging = new TapJudging({
      database: world.database,
      authority: new TapAuthority(world.reference, world.keys),
      intake: { isOverloadedFor: () => isFull },
      monotonicMs: () => nowMs,
      onFault: (fault) => faults.push(fault),
    });
    const order = { bytes: draftOf(newCard(), 1), sender: placement.terminalId, nowMs: NOW_MS };
    const codeAfter = async (budgetMs: number | null, waitedMs: number): Promise<string> => {
      const asked = judging.judge({ ...order, budgetMs });
      nowMs += waitedMs;
      const result = await asked;
      return result.ok ? result.judgement.judgement : result.refusal.code;
    };
    assert.equal(await codeAfter(100, 100), 'pass');
    assert.equal(await codeAfter(100, 101), 'overloaded');
    assert.equal(await codeAfter(null, 10_000), 'pass');
    isFull = true;
    assert.equal(await codeAfter(100, 0), 'overloaded');
    assert.deepEqual(faults, []);
  });

  test('a hundred questions at once are each answered with their own', async () => {
    const listed = newCard();
    await publish({ add: [listed] });
    const all = Array.from({ length: 100 }, (_, index) => (index % 7 === 0 ? listed : newCard()));
    const answers = await Promise.all(all.map((card, index) => judged(card, index + 10)));
    answers.forEach((answer, index) => {
      assert.equal(answer[0], index % 7 === 0 ? 'refuse' : 'pass');
    });
  });
});
