import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { refuse, type RefusalCode } from '@tapgate/sdk/wire/refusals';
import type { KernelOutcome } from '../kernel/kernel-outcome.ts';
import { type PassengerKind, type RiderSignal, riderSignalOf } from './rider-signal.ts';

type Row = readonly [kind: KernelOutcome['kind'], refusal: RefusalCode | null, signal: RiderSignal];

// kind of outcome, refusal of the gate, what the rider is told
const ROWS: readonly Row[] = [
  ['approved', null, 'senior'],
  ['online', null, 'senior'],
  ['try_again', 'card_torn', 'try_again'],
  ['other_interface', 'card_unsupported', 'insert_card'],
  ['approved', 'pass_back', 'already_tapped'],
  ['approved', 'journal_full', 'other_gate'],
  ['approved', 'hotlist_too_old', 'other_gate'],
  ['approved', 'list_too_old', 'other_gate'],
  ['approved', 'hotlisted', 'see_staff'],
  ['approved', 'atc_reused', 'see_staff'],
  ['declined', 'card_expired', 'see_staff'],
  ['declined', 'dynamic_signature_invalid', 'see_staff'],
  ['declined', 'card_unsupported', 'see_staff'],
];

describe('what the rider is told', () => {
  for (const [kind, code, signal] of ROWS) {
    test(`${kind}, ${code ?? 'open'}: ${signal}`, () => {
      const decision =
        code === null
          ? ({ decision: 'open' } as const)
          : ({ decision: 'deny', refusal: refuse(code) } as const);
      let asked = 0;
      const passenger = (): PassengerKind => (asked++, 'senior');
      assert.equal(riderSignalOf({ kind }, decision, passenger), signal);
      assert.equal(asked, code === null ? 1 : 0, 'a refused card is not looked up');
    });
  }
});
