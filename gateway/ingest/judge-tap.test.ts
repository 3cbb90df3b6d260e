import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';
import { tapSequence, terminalId } from '@tapgate/sdk/wire/identifiers';
import { TAP_AGE_MAX_MS, TAP_FUTURE_MAX_MS } from '@tapgate/sdk/wire/limits';
import { refusalRank, type RefusalCode } from '@tapgate/sdk/wire/refusals';
import { judgeTap, type CardProof, type Judgement, type TapToJudge } from './judge-tap.ts';
import { NO_FACTS, type TapFacts } from './tap-facts.ts';
import type { TerminalPlacement } from './terminal-placement.ts';

const NOW_MS = Date.parse('2026-11-18T09:00:00+08:00');
const HELD_VERSION = 5;

const placement: TerminalPlacement = {
  terminalId: terminalId('GATE0001'),
  operatorId: 'op',
  lineId: 'line',
  stationId: 'station',
  tapKind: 'entry',
  rail: 'oda',
  amountFen: 0,
  sm2PublicKey: new Uint8Array(64),
  revokedAtMs: null,
  zone: 'Asia/Shanghai',
  region: 'somewhere',
  serviceDayStartMs: 0,
};

const record: TapRecord = {
  terminalId: placement.terminalId,
  tapSequence: tapSequence(1),
  tappedAtMs: NOW_MS - 1_000,
  rail: 'oda',
  tapKind: 'entry',
  lineId: 'line',
  stationId: 'station',
  ruleSetVersion: 'r@1',
  hotlistVersion: HELD_VERSION,
  gateDecision: 'open',
  gateRefusal: null,
  dfName: new Uint8Array(5),
  terminalData: new Uint8Array(),
  gpoResponse: new Uint8Array(1),
  cardRecords: [],
};

const tap: TapToJudge = { record, recordSm3: Uint8Array.of(1), placement, bankId: 'BANK' };
const PROVEN: CardProof = { refusal: null, actProven: true };

type Case = {
  readonly fact: string;
  readonly record?: Partial<TapRecord>;
  readonly bankId?: null;
  readonly facts?: Partial<TapFacts>;
  readonly proof?: CardProof;
  /** outcome[:cause], refused:code, duplicate:outcome */
  readonly is: string;
  readonly claims?: boolean;
};

const delivered = (sm3: number): TapFacts['delivered'] => ({
  recordSm3: Uint8Array.of(sm3),
  outcome: 'loss',
  cause: 'atc_reused',
});
const elsewhere: TapFacts['act'] = { terminalId: 'GATE0002', tapSequence: 9, cryptogram: new Uint8Array(8) };
const stay = (addedVersion: number, removedVersion: number | null = null, addedAtMs = 0) => ({
  hotlistStays: [{ addedVersion, removedVersion, addedAtMs }],
});

// In the order of the checks in judge-tap.ts; where two would apply, the earlier is named.
const CASES: readonly Case[] = [
  {
    fact: 'the same bytes again repeat the first answer, even from a place that the terminal no longer serves',
    record: { lineId: 'other', tappedAtMs: 0 },
    facts: { delivered: delivered(1), act: elsewhere },
    is: 'duplicate:loss:atc_reused',
  },
  { fact: 'another line', record: { lineId: 'other', tappedAtMs: 0 }, is: 'refused:tap_placement_unknown' },
  { fact: 'another station', record: { stationId: 'other' }, is: 'refused:tap_placement_unknown' },
  {
    fact: 'no station where the terminal has one',
    record: { stationId: null },
    is: 'refused:tap_placement_unknown',
  },
  { fact: 'another kind of tap', record: { tapKind: 'exit' }, is: 'refused:tap_placement_unknown' },
  { fact: 'another rail', record: { rail: 'offline_purchase' }, is: 'refused:tap_placement_unknown' },
  {
    fact: 'a millisecond too far in the future',
    record: { tappedAtMs: NOW_MS + TAP_FUTURE_MAX_MS + 1 },
    facts: { delivered: delivered(2) },
    is: 'refused:tap_time_implausible',
  },
  {
    fact: 'as far in the future as clocks may differ',
    record: { tappedAtMs: NOW_MS + TAP_FUTURE_MAX_MS },
    is: 'chargeable',
  },
  {
    fact: 'a millisecond too old',
    record: { tappedAtMs: NOW_MS - TAP_AGE_MAX_MS - 1 },
    is: 'refused:tap_time_implausible',
  },
  { fact: 'as old as may be', record: { tappedAtMs: NOW_MS - TAP_AGE_MAX_MS }, is: 'chargeable' },
  {
    fact: 'other bytes under an identity that is taken',
    record: { gateDecision: 'deny', gateRefusal: 'card_torn' },
    facts: { delivered: delivered(2) },
    is: 'refused:tap_identity_reused',
  },
  {
    fact: 'a gate that stayed shut is no money, whatever the card proves',
    record: { gateDecision: 'deny', gateRefusal: 'card_torn' },
    facts: { act: elsewhere },
    proof: { refusal: 'dynamic_signature_invalid', actProven: false },
    is: 'denied:card_torn',
    claims: false,
  },
  {
    fact: 'a proof that fails comes before an act that was reported elsewhere, and takes no act',
    facts: { act: elsewhere },
    proof: { refusal: 'dynamic_signature_invalid', actProven: false },
    is: 'loss:dynamic_signature_invalid',
    claims: false,
  },
  {
    fact: 'a proven act of a wrong amount is the card own: it is taken',
    proof: { refusal: 'amount_mismatch', actProven: true },
    is: 'loss:amount_mismatch',
    claims: true,
  },
  {
    fact: 'a proven act of a wrong amount that was reported elsewhere is not taken twice',
    facts: { act: elsewhere },
    proof: { refusal: 'amount_mismatch', actProven: true },
    is: 'loss:amount_mismatch',
    claims: false,
  },
  {
    fact: 'an act that was reported elsewhere, before the hotlist',
    facts: { act: elsewhere, ...stay(1) },
    is: 'loss:atc_reused',
    claims: false,
  },
  {
    fact: 'on the list that the gate held, before the bank',
    bankId: null,
    facts: stay(HELD_VERSION),
    is: 'loss:hotlisted',
    claims: true,
  },
  {
    fact: 'of no cooperating bank',
    bankId: null,
    facts: stay(HELD_VERSION + 1),
    is: 'loss:bank_unknown',
    claims: true,
  },
  {
    fact: 'on a later list by the time of the tap',
    facts: stay(HELD_VERSION + 1, null, record.tappedAtMs),
    is: 'debt:hotlisted',
    claims: true,
  },
  {
    fact: 'on a later list only after the tap',
    facts: stay(HELD_VERSION + 1, null, record.tappedAtMs + 1),
    is: 'chargeable',
    claims: true,
  },
  {
    fact: 'off the list in the version that the gate held',
    facts: stay(1, HELD_VERSION),
    is: 'chargeable',
    claims: true,
  },
  {
    fact: 'still on it in the version before it left',
    facts: stay(1, HELD_VERSION + 1),
    is: 'loss:hotlisted',
    claims: true,
  },
  { fact: 'a good tap', is: 'chargeable', claims: true },
];

describe('what becomes of a tap', () => {
  for (const { fact, is, claims, ...given } of CASES) {
    test(fact, () => {
      const judged = judgeTap(
        { ...tap, record: { ...record, ...given.record }, bankId: given.bankId === null ? null : tap.bankId },
        { ...NO_FACTS, ...given.facts },
        given.proof ?? PROVEN,
        NOW_MS,
      );
      assert.equal(asText(judged), is);
      if (claims !== undefined) assert.equal(judged.kind === 'accepted' && judged.claimsAct, claims);
    });
  }

  test('the checks stand in the order of the one ranked list, but for a debt, which is no loss', () => {
    const codes = CASES.flatMap(({ is }) => /^(?:refused|loss):(.+)$/.exec(is)?.[1] ?? []);
    const ranks = codes.map((code) => refusalRank(code as RefusalCode));
    // A proof comes in more than one case; within the proof, prove-card orders.
    const firsts = [...new Set(ranks)].filter(
      (rank) => rank !== refusalRank('amount_mismatch') && rank !== refusalRank('dynamic_signature_invalid'),
    );
    assert.deepEqual(
      firsts,
      [...firsts].sort((a, b) => a - b),
    );
  });
});

function asText(judged: Judgement): string {
  switch (judged.kind) {
    case 'duplicate':
      return ['duplicate', judged.outcome, ...(judged.cause === null ? [] : [judged.cause])].join(':');
    case 'refused':
      return `refused:${judged.refusal.code}`;
    case 'accepted': {
      const { verdict } = judged;
      return verdict.outcome === 'chargeable' ? 'chargeable' : `${verdict.outcome}:${verdict.cause}`;
    }
  }
}
