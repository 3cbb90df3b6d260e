import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import { TapGateError } from '@tapgate/sdk/error';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import { parseTapDraft } from '@tapgate/sdk/tap-record/tap-draft';
import { verifyTapRecordMac } from '@tapgate/sdk/tap-record/tap-record-codec';
import { terminalId } from '@tapgate/sdk/wire/identifiers';
import type { TapJudgement } from '@tapgate/sdk/wire/judgement';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { GateDecision } from '../gate/decide-gate.ts';
import { ALONE, type Consultation, type Counsel, type TapInQuestion } from './counsel.ts';
import { GatewayCounsel } from './gateway-counsel.ts';

const PARAMETERS = { tapMs: 300, keepMs: 50, leastMs: 10, failuresMax: 3, restMs: 1_000, restMaxMs: 4_000 };
const MAC_KEY = Buffer.alloc(32, 7);
const GATE = terminalId('GATE0001');
const OPEN: GateDecision = { decision: 'open' };
const PASS: TapJudgement = { judgement: 'pass', cause: null, hotlistVersion: 9 };
const LISTED: TapJudgement = { judgement: 'refuse', cause: 'hotlisted', hotlistVersion: 9 };

/** Time that passes when it is told to: timers run in their order, and what they set off runs before the next. */
class SimulatedTime {
  nowMs = 0;
  #timers: { readonly atMs: number; readonly done: () => void }[] = [];

  readonly timer = (ms: number, done: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + ms, done };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  async until(atMs: number): Promise<void> {
    for (;;) {
      await setImmediate();
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > atMs) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.nowMs = next.atMs;
      next.done();
    }
    this.nowMs = Math.max(this.nowMs, atMs);
  }
}

/** A gateway that answers after so many ms, or fails then; null: never, until the question is given up. */
type Peer = { afterMs: number | null; say: TapJudgement | Error };

function simulatedCounsel(peer: Peer, parameters: typeof PARAMETERS | null = PARAMETERS) {
  const time = new SimulatedTime();
  const drafts: Uint8Array[] = [];
  const budgets: number[] = [];
  let givenUp = 0;
  const counsel = new GatewayCounsel({
    terminalId: GATE,
    macKey: MAC_KEY,
    parameters: () => parameters,
    stopwatch: () => time.nowMs,
    timer: time.timer,
    client: {
      judgeTap: (draft, { budgetMs, signal }) => {
        drafts.push(draft);
        budgets.push(budgetMs);
        const { afterMs, say } = peer;
        return new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => {
            givenUp++;
            reject(new TapGateError({ code: 'gateway_unreachable' }));
          });
          if (afterMs === null) return;
          time.timer(afterMs, () => {
            if (say instanceof Error) reject(say);
            else resolve(say);
          });
        });
      },
    },
  });
  /** One tap, and how long it took. */
  const consult = async (
    alone: GateDecision = OPEN,
    change: Partial<TapInQuestion> = {},
  ): Promise<Consultation & { readonly tookMs: number }> => {
    const startedMs = time.nowMs;
    const ended: { tookMs: number; consultation: Consultation }[] = [];
    const consulting = counsel.consult(alone, { ...TAP, ...change }).then((consultation) => {
      ended.push({ tookMs: time.nowMs - startedMs, consultation });
    });
    for (let ms = 0; ended.length === 0 && ms <= 1_000; ms++) await time.until(startedMs + ms);
    await consulting;
    const [end] = ended;
    assert.ok(end);
    return { ...end.consultation, tookMs: end.tookMs };
  };
  return { counsel, consult, time, drafts, budgets, givenUp: () => givenUp };
}

const TAP: TapInQuestion = (() => {
  const pan = Pan.of('6230580000000000042');
  assert.ok(pan);
  const cardKey = 'AB'.repeat(16) as HotlistKey;
  return { card: { pan, panSequenceNumber: '01' }, atc: 7, cardKey, heldHotlistVersion: 3, spentMs: 100 };
})();
const BUDGET_MS = 150;
const word = ({ decision, asked }: Consultation): string =>
  `${asked?.end ?? 'no word'}: ${decision.decision === 'open' ? 'open' : decision.refusal.code}`;
const failing = (code: ConstructorParameters<typeof TapGateError>[0]['code']) => new TapGateError({ code });

// when the peer answers, and what -> what the record says, and after how long the rider is told
const PEERS: readonly (readonly [fact: string, peer: Peer, is: string, tookMs: number])[] = [
  ['a yes in time', { afterMs: 20, say: PASS }, 'judged: open', 20],
  ['a no in time', { afterMs: 20, say: LISTED }, 'judged: hotlisted', 20],
  ['a no in the last ms', { afterMs: BUDGET_MS - 1, say: LISTED }, 'judged: hotlisted', BUDGET_MS - 1],
  ['a no one ms late', { afterMs: BUDGET_MS + 1, say: LISTED }, 'late: open', BUDGET_MS],
  ['a yes one ms late', { afterMs: BUDGET_MS + 1, say: PASS }, 'late: open', BUDGET_MS],
  ['refused at the door', { afterMs: 2, say: failing('overloaded') }, 'refused: open', 2],
  ['a terminal that is not let in', { afterMs: 5, say: failing('terminal_revoked') }, 'refused: open', 5],
  ['garbage', { afterMs: 5, say: failing('answer_not_understood') }, 'not_understood: open', 5],
  ['a fault of our own', { afterMs: 5, say: new TypeError('own') }, 'not_understood: open', 5],
  ['nobody there', { afterMs: 1, say: failing('gateway_unreachable') }, 'unreachable: open', 1],
  ['silence', { afterMs: null, say: PASS }, 'late: open', BUDGET_MS],
];

describe('whoever is asked, a gate keeps its time and its own no', () => {
  const all: readonly (readonly [string, () => { counsel: Counsel; time: SimulatedTime }])[] = [
    ['alone', () => ({ counsel: ALONE, time: new SimulatedTime() })],
    ...PEERS.map(([fact, peer]) => [fact, () => simulatedCounsel(peer)] as const),
  ];
  for (const [fact, make] of all) {
    test(fact, async () => {
      const { counsel, time } = make();
      const denied: GateDecision = { decision: 'deny', refusal: refuse('hotlisted') };
      for (const tap of [TAP, null]) assert.equal((await counsel.consult(denied, tap)).decision, denied);
      for (const spentMs of [0, 100, 239, 240, 241, 249, 250, 10_000]) {
        const startedMs = time.nowMs;
        const ended: number[] = [];
        const consulting = counsel.consult(OPEN, { ...TAP, spentMs }).then(() => ended.push(time.nowMs));
        await time.until(startedMs + 20_000);
        await consulting;
        const latest = Math.max(0, PARAMETERS.tapMs - PARAMETERS.keepMs - spentMs);
        assert.ok((ended[0] ?? Infinity) - startedMs <= latest, `${spentMs} ms spent`);
      }
    });
  }
});

describe('asking the gateway', () => {
  for (const [fact, peer, is, tookMs] of PEERS) {
    test(`${fact}: ${is} after ${tookMs} ms`, async () => {
      const { consult, drafts, budgets } = simulatedCounsel(peer);
      const consultation = await consult();
      assert.deepEqual([word(consultation), consultation.tookMs], [is, tookMs]);
      assert.deepEqual([budgets, drafts.length], [[BUDGET_MS], 1]);
      const { asked } = consultation;
      assert.deepEqual([asked?.budgetMs, asked?.waitedMs], [BUDGET_MS, tookMs]);
      assert.equal(asked?.hotlistVersion, asked?.end === 'judged' ? 9 : 0);
    });
  }

  test("the question names the act and is the terminal's own", async () => {
    const { consult, drafts } = simulatedCounsel({ afterMs: 1, say: PASS });
    await consult();
    const parsed = parseTapDraft(drafts[0] ?? new Uint8Array());
    assert.ok(parsed.ok);
    assert.ok(verifyTapRecordMac(parsed, (input) => hmacSm3(MAC_KEY, input)));
    const { pan, ...rest } = parsed.draft;
    assert.ok(pan.equals(TAP.card.pan));
    assert.deepEqual(rest, { terminalId: GATE, panSequenceNumber: '01', atc: 7 });
  });

  test('nobody is asked where the card took the time, or the gate refuses, or parameters say nothing of asking', async () => {
    const { consult, drafts } = simulatedCounsel({ afterMs: 1, say: LISTED });
    assert.equal(word(await consult(OPEN, { spentMs: 241 })), 'used_up: open');
    assert.equal(
      word(await consult({ decision: 'deny', refusal: refuse('pass_back') })),
      'not_needed: pass_back',
    );
    assert.equal(drafts.length, 0);
    const mute = simulatedCounsel({ afterMs: 1, say: LISTED }, null);
    assert.equal(word(await mute.consult()), 'no word: open');
    assert.equal(mute.drafts.length, 0);
  });

  test('a late no takes nothing back, is counted, and refuses the next tap of the card until the list has it', async () => {
    const peer: Peer = { afterMs: 400, say: LISTED };
    const { counsel, consult, time } = simulatedCounsel(peer);
    assert.equal(word(await consult()), 'late: open');
    await time.until(400);
    assert.deepEqual(counsel.counts(), { ends: { late: 1 }, refusedLate: 1 });
    peer.afterMs = null;
    assert.equal(word(await consult()), 'late: hotlisted');
    assert.equal(word(await consult(OPEN, { spentMs: 10_000 })), 'used_up: hotlisted');
    assert.equal(word(await consult(OPEN, { cardKey: 'CD'.repeat(16) as HotlistKey })), 'late: open');
    assert.equal(word(await consult(OPEN, { heldHotlistVersion: 9 })), 'resting: open');
  });

  test('a dead network costs three riders the budget; then nobody waits, and one in a while tries for all', async () => {
    const peer: Peer = { afterMs: null, say: PASS };
    const { consult, time, drafts } = simulatedCounsel(peer);
    const seen: string[] = [];
    for (let tap = 0; tap < 6; tap++) {
      const { asked, tookMs } = await consult();
      seen.push(`${asked?.end ?? ''} ${tookMs}`);
    }
    assert.deepEqual(seen, ['late 150', 'late 150', 'late 150', 'resting 0', 'resting 0', 'resting 0']);
    assert.equal(drafts.length, 3);
    await time.until(time.nowMs + PARAMETERS.restMs);
    const tries = [await consult(), await consult()];
    assert.deepEqual(
      tries.map(({ tookMs }) => tookMs),
      [0, 0],
    );
    assert.equal(drafts.length, 4, 'one of them asked, and did not wait');
    // The network is back: the next that tries is judged in time, and riders are asked about again.
    peer.afterMs = 30;
    await time.until(time.nowMs + 10_000);
    assert.equal(word(await consult()), 'resting: open');
    await time.until(time.nowMs + 30);
    const { asked, tookMs } = await consult();
    assert.deepEqual([asked?.end, tookMs], ['judged', 30]);
  });

  test('what nobody waits for any more is given up after a while', async () => {
    const { consult, time, givenUp } = simulatedCounsel({ afterMs: null, say: PASS });
    await consult();
    await time.until(BUDGET_MS + 1_999);
    assert.equal(givenUp(), 0);
    await time.until(BUDGET_MS + 2_000);
    assert.equal(givenUp(), 1);
  });
});
