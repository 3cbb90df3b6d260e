import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import type { JudgementCause, TapJudgement } from '@tapgate/sdk/wire/judgement';
import { refuse } from '@tapgate/sdk/wire/refusals';
import {
  circuitAfter,
  circuitSays,
  circuitWhileTrying,
  CLOSED_CIRCUIT,
  type AskCircuit,
} from './ask-circuit.ts';
import { decisionAfter, endOfAsking, planAsk, type Heard } from './asking.ts';
import type { GateDecision } from './decide-gate.ts';
import { rememberTold, wasToldListed, type ToldRefusals } from './told-refusals.ts';

const OPEN: GateDecision = { decision: 'open' };
const DENIED: GateDecision = { decision: 'deny', refusal: refuse('pass_back') };
const PARAMETERS = { tapMs: 300, keepMs: 50, leastMs: 10 };
const RULES = { failuresMax: 3, restMs: 100, restMaxMs: 350 };
const pass = (hotlistVersion = 5): TapJudgement => ({ judgement: 'pass', cause: null, hotlistVersion });
const no = (cause: JudgementCause, hotlistVersion = 5): TapJudgement => ({
  judgement: 'refuse',
  cause,
  hotlistVersion,
});
const judged = (judgement: TapJudgement): Heard => ({ kind: 'judged', judgement });

describe('whether the gateway is asked', () => {
  const resting: AskCircuit = { failures: 3, restMs: 100, restsUntilMs: 1_000 };
  // own decision, spent, circuit, now -> plan
  const rows: readonly (readonly [GateDecision, number, AskCircuit, number, string])[] = [
    [OPEN, 0, CLOSED_CIRCUIT, 0, 'ask 250'],
    [OPEN, 239.5, CLOSED_CIRCUIT, 0, 'ask 10'],
    [OPEN, 240.1, CLOSED_CIRCUIT, 0, 'used_up'],
    [OPEN, 9_999, CLOSED_CIRCUIT, 0, 'used_up'],
    [DENIED, 0, CLOSED_CIRCUIT, 0, 'not_needed'],
    [DENIED, 9_999, resting, 0, 'not_needed'],
    [OPEN, 9_999, resting, 0, 'used_up'],
    [OPEN, 100, resting, 999, 'resting'],
    [OPEN, 100, resting, 1_000, 'try 150'],
  ];
  for (const [alone, spentMs, circuit, nowMs, is] of rows) {
    test(`${alone.decision} after ${spentMs} ms, at ${nowMs}: ${is}`, () => {
      const plan = planAsk(alone, spentMs, PARAMETERS, circuit, nowMs);
      assert.equal(plan.asks ? `${plan.waits ? 'ask' : 'try'} ${plan.budgetMs}` : plan.end, is);
    });
  }
});

describe('how asking ends', () => {
  test('an answer in the last millisecond is in time, one millisecond later it is late, whatever it says', () => {
    for (const judgement of [pass(), no('hotlisted')]) {
      const at = (elapsedMs: number) => endOfAsking(judged(judgement), 100, elapsedMs);
      assert.deepEqual(at(99.2), { end: 'judged', budgetMs: 100, waitedMs: 100, hotlistVersion: 5 });
      assert.deepEqual(at(100), { end: 'judged', budgetMs: 100, waitedMs: 100, hotlistVersion: 5 });
      assert.deepEqual(at(100.1), { end: 'late', budgetMs: 100, waitedMs: 101, hotlistVersion: 0 });
      assert.deepEqual(at(101), { end: 'late', budgetMs: 100, waitedMs: 101, hotlistVersion: 0 });
    }
    assert.equal(endOfAsking(null, 100, 3).end, 'late');
    assert.equal(endOfAsking({ kind: 'refused' }, 100, 3).end, 'refused');
    assert.equal(endOfAsking({ kind: 'refused' }, 100, 103).end, 'late');
    assert.equal(endOfAsking(null, 100, 99_999_999).waitedMs, 0xffff);
  });

  test('an answer refuses what the gate would let through, and never the other way round', () => {
    const codeOf = (decision: GateDecision) =>
      decision.decision === 'open' ? 'open' : decision.refusal.code;
    const rows: readonly (readonly [GateDecision, TapJudgement | null, boolean, string])[] = [
      [OPEN, pass(), false, 'open'],
      [OPEN, null, false, 'open'],
      [OPEN, no('hotlisted'), false, 'hotlisted'],
      [OPEN, no('atc_reused'), false, 'atc_reused'],
      [OPEN, no('bank_unknown'), true, 'bank_unknown'],
      [OPEN, null, true, 'hotlisted'],
      [OPEN, pass(), true, 'open'],
      [DENIED, pass(), false, 'pass_back'],
      [DENIED, no('hotlisted'), true, 'pass_back'],
    ];
    for (const [alone, judgement, isTold, is] of rows)
      assert.equal(codeOf(decisionAfter(alone, judgement, isTold)), is);
  });
});

describe('the circuit', () => {
  const after = (circuit: AskCircuit, wasInTime: boolean, nowMs: number) =>
    circuitAfter(circuit, wasInTime, nowMs, RULES);

  test('three in a row in vain and it rests; after the rest one tries, and the rest doubles up to its bound', () => {
    let circuit = CLOSED_CIRCUIT;
    for (const atMs of [0, 1]) {
      circuit = after(circuit, false, atMs);
      assert.equal(circuitSays(circuit, atMs), 'ask');
    }
    circuit = after(circuit, false, 2);
    const rests: number[] = [];
    let nowMs = 2;
    for (let round = 0; round < 4; round++) {
      rests.push((circuit.restsUntilMs ?? 0) - nowMs);
      assert.equal(circuitSays(circuit, (circuit.restsUntilMs ?? 0) - 1), 'rest');
      nowMs = circuit.restsUntilMs ?? 0;
      assert.equal(circuitSays(circuit, nowMs), 'try');
      circuit = circuitWhileTrying(circuit, nowMs);
      assert.equal(circuitSays(circuit, nowMs), 'rest', 'one tries, the others rest');
      circuit = after(circuit, false, nowMs);
    }
    assert.deepEqual(rests, [100, 200, 350, 350]);
  });

  test('one judgement in time closes it, and the count begins anew', () => {
    let circuit = CLOSED_CIRCUIT;
    for (let time = 0; time < 5; time++) circuit = after(circuit, false, 0);
    assert.deepEqual(after(circuit, true, 9), CLOSED_CIRCUIT);
    circuit = after(after(after(CLOSED_CIRCUIT, false, 0), false, 0), true, 0);
    assert.equal(circuitSays(after(after(circuit, false, 0), false, 0), 0), 'ask');
  });
});

describe('what the gateway said of a card', () => {
  const keyOf = (index: number) => index.toString(16).toUpperCase().padStart(32, '0') as HotlistKey;
  const card = keyOf(1);
  const NOTHING: ToldRefusals = new Map();

  test('hotlisted holds until the list held is as new', () => {
    const told = rememberTold(NOTHING, card, no('hotlisted', 7));
    assert.equal(wasToldListed(told, card, 6), true);
    assert.equal(wasToldListed(told, card, 7), false);
    assert.equal(wasToldListed(told, keyOf(2), 6), false);
  });

  test('a later yes ends it; an earlier one that comes late, or a no for another cause, does not', () => {
    const told = rememberTold(NOTHING, card, no('hotlisted', 7));
    assert.equal(wasToldListed(rememberTold(told, card, pass(8)), card, 6), false);
    assert.equal(wasToldListed(rememberTold(told, card, pass(6)), card, 6), true);
    assert.equal(wasToldListed(rememberTold(told, card, no('atc_reused', 9)), card, 6), true);
    assert.equal(rememberTold(NOTHING, card, no('atc_reused')), NOTHING);
    assert.equal(rememberTold(NOTHING, card, pass()), NOTHING);
  });

  test('the newest 256 are kept', () => {
    let told = NOTHING;
    for (let index = 0; index < 300; index++) told = rememberTold(told, keyOf(index), no('hotlisted', 7));
    assert.equal(told.size, 256);
    assert.equal(wasToldListed(told, keyOf(43), 0), false);
    assert.equal(wasToldListed(told, keyOf(44), 0), true);
  });
});
