import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fen, ZERO_FEN } from '@tapgate/sdk/wire/money';
import { decideRestart } from './restart.ts';
import { ODA_PROFILE, ODA_STATUS_CHECK_PROFILE, OFFLINE_PURCHASE_PROFILE } from './standard-profiles.ts';
import { checkTerminalProfile, type SupportedApplication, type TerminalProfile } from './terminal-profile.ts';

const [FIRST] = ODA_PROFILE.applications;
assert.ok(FIRST);
const withApplication = (change: Partial<SupportedApplication>): TerminalProfile => ({
  ...ODA_PROFILE,
  applications: [{ ...FIRST, ...change }],
});

describe('terminal profile', () => {
  test('the standard profiles hold', () => {
    for (const profile of [ODA_PROFILE, ODA_STATUS_CHECK_PROFILE, OFFLINE_PURCHASE_PROFILE])
      assert.equal(checkTerminalProfile(profile), profile);
  });

  const refused: readonly (readonly [string, TerminalProfile])[] = [
    ['the social-security application', withApplication({ aid: '7378312E73682EC9E7BBE1B1A3D5CF' })],
    ['its beginning', withApplication({ aid: '7378312E73' })],
    ['its files by their own RID', withApplication({ aid: 'D15600000501' })],
    ['an AID of four bytes', withApplication({ aid: 'A0000003' })],
    ['an AID that is no hex', withApplication({ aid: 'A00000033301010Z' })],
    ['a floor above the limit', withApplication({ offlineFloorFen: fen(100_001) })],
    ['a CVM limit above the limit', withApplication({ cvmLimitFen: fen(100_001) })],
    ['a TTQ of three bytes', { ...ODA_PROFILE, ttq: '280000' }],
    [
      'amount zero at an offline-only terminal',
      { ...OFFLINE_PURCHASE_PROFILE, amount: { kind: 'probe', amountFen: ZERO_FEN } },
    ],
  ];
  for (const [what, profile] of refused)
    test(`is refused with ${what}`, () => {
      assert.throws(() => checkTerminalProfile(profile), RangeError);
    });
});

describe('restart rules', () => {
  const rows = [
    ['try_again', 1, 'present_again'],
    ['try_again', 2, 'present_again'],
    ['try_again', 3, 'end'],
    ['other_interface', 1, 'insert_card'],
    ['approved', 1, 'end'],
    ['online', 1, 'end'],
    ['declined', 1, 'end'],
  ] as const;
  for (const [kind, attempt, next] of rows)
    test(`${kind} at presentation ${attempt} of 3: ${next}`, () => {
      assert.deepEqual(decideRestart({ kind }, attempt, 3), { next });
    });
});
