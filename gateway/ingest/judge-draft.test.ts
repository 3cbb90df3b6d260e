import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { refusalRank } from '@tapgate/sdk/wire/refusals';
import { JUDGEMENT_CAUSES } from '@tapgate/sdk/wire/judgement';
import { judgeDraft, type DraftFacts } from './judge-draft.ts';

// bank, act reported, listed -> cause; all eight of them
const ROWS: readonly (readonly [
  bank: string | null,
  reported: boolean,
  listed: boolean,
  cause: string | null,
])[] = [
  ['BANK', false, false, null],
  [null, false, false, 'bank_unknown'],
  ['BANK', false, true, 'hotlisted'],
  [null, false, true, 'hotlisted'],
  ['BANK', true, false, 'atc_reused'],
  [null, true, false, 'atc_reused'],
  ['BANK', true, true, 'atc_reused'],
  [null, true, true, 'atc_reused'],
];

describe('what the gateway says to a gate that asks', () => {
  for (const [bankId, isActReported, isListed, cause] of ROWS) {
    test(`${bankId ?? 'no bank'}${isActReported ? ', act reported' : ''}${isListed ? ', listed' : ''}: ${cause ?? 'pass'}`, () => {
      const facts: DraftFacts = { isActReported, isListed, hotlistVersion: 4 };
      const judgement = cause === null ? 'pass' : 'refuse';
      assert.deepEqual(judgeDraft({ bankId }, facts), { judgement, cause, hotlistVersion: 4 });
    });
  }

  test('its causes are refusals of the one list, in their rank', () => {
    const ranks = JUDGEMENT_CAUSES.map(refusalRank);
    assert.deepEqual(
      ranks,
      [...ranks].sort((a, b) => a - b),
    );
  });
});
