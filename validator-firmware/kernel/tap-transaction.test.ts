import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildCaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import { hex } from '@tapgate/sdk/emv/hex';
import { encodeTlvTree } from '@tapgate/sdk/emv/tlv-encoding';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { personaliseCard } from '../virtual-cards/personalise-card.ts';
import { makeTestIssuer, makeTestRsaIssuer } from '../virtual-cards/test-issuer.ts';
import { VirtualCard } from '../virtual-cards/virtual-card.ts';
import type { CardAuthority } from './key-chain.ts';
import type { KernelOutcome } from './kernel-outcome.ts';
import { PHASES } from './phases.ts';
import { ODA_PROFILE, ODA_STATUS_CHECK_PROFILE, OFFLINE_PURCHASE_PROFILE } from './standard-profiles.ts';
import { tapTransaction } from './tap-transaction.ts';
import type { TapParameters } from './terminal-data.ts';
import type { TerminalProfile } from './terminal-profile.ts';
import { record, replay, type TranscriptLine } from './transcript.ts';

const { issuer, caKeys } = makeTestIssuer({ seed: 'kernel test', bin: '623058' });
const rsa = makeTestRsaIssuer({ bin: '623058' });
const longRsa = makeTestRsaIssuer({ bin: '623058', cardKeyBits: 1152 });
const AUTHORITY: CardAuthority = {
  caKeys: buildCaKeyTable([...caKeys.values(), ...rsa.caKeys.values()]),
  revokedIssuerCertificates: new Set(),
};
const TAP: TapParameters = {
  amountFen: fen(200),
  localDate: isoDate('2026-11-23'),
  localTime: '081500',
  unpredictableNumber: Buffer.from('A1B2C3D4', 'hex'),
};
const ZERO: TapParameters = { ...TAP, amountFen: fen(0) };

function newCard(rsaSide?: typeof rsa): VirtualCard {
  return new VirtualCard(
    personaliseCard({
      seed: 'kernel card',
      pan: '6230580000000000042',
      psn: '01',
      expiry: isoDate('2030-06-30'),
      balanceFen: fen(10_000),
      issuer,
      ...(rsaSide === undefined ? {} : { rsa: { issuer: rsaSide.issuer, cardSigner: rsaSide.cardSigner } }),
    }),
  );
}

function tapCard(
  card: VirtualCard,
  profile: TerminalProfile = OFFLINE_PURCHASE_PROFILE,
  tap: TapParameters = TAP,
  authority = AUTHORITY,
): KernelOutcome {
  card.powerUp();
  return record(tapTransaction(profile, tap, authority), (command) => card.transmit(command)).result;
}

/** A genuine tap as a transcript: PPSE, SELECT, GPO, four records. */
function genuine(profile = OFFLINE_PURCHASE_PROFILE, tap = TAP): readonly TranscriptLine[] {
  const card = newCard();
  card.powerUp();
  return record(tapTransaction(profile, tap, AUTHORITY), (command) => card.transmit(command)).lines;
}

/** The tap up to a command, that command answered with something else, and what is said after it. */
function answered(
  at: number,
  response: string | null,
  after: readonly TranscriptLine[] = [],
  lines = genuine(),
): readonly TranscriptLine[] {
  const line = lines[at];
  assert.ok(line);
  return [...lines.slice(0, at), { ...line, response }, ...after];
}

function changed(at: number, from: string, to: string): readonly TranscriptLine[] {
  const lines = genuine();
  const response = lines[at]?.response ?? '';
  assert.ok(response.includes(from), `the answer holds ${from}`);
  return lines.map((line, index) =>
    index === at ? { ...line, response: response.replace(from, to) } : line,
  );
}

function play(
  lines: readonly TranscriptLine[],
  profile = OFFLINE_PURCHASE_PROFILE,
  tap = TAP,
): KernelOutcome {
  return replay(tapTransaction(profile, tap, AUTHORITY), lines);
}

const summary = (outcome: KernelOutcome) =>
  [outcome.kind, outcome.refusal?.code, outcome.refusal?.field]
    .filter((part) => part !== undefined)
    .join(' ');
const lastFinding = (outcome: KernelOutcome) => {
  const last = outcome.trace.at(-1);
  return last === undefined ? '' : `${last.phase}: ${last.finding}`;
};

const PPSE = 0;
const SELECT = 1;
const GPO = 2;
const FIRST_RECORD = 3;
const LAST_RECORD = 6;

/** Genuine taps that are let through, each in another way; every one is replayed byte for byte. */
type Accepted = readonly [what: string, play: () => KernelOutcome, expected: string];
const LIVE: TerminalProfile = { ...OFFLINE_PURCHASE_PROFILE, onlineAuthorisation: 'live' };
const WITHOUT_SM: TerminalProfile = { ...OFFLINE_PURCHASE_PROFILE, smSupported: false };
const STATUS_CHECK = { ...TAP, amountFen: fen(100) };
const [ELECTRONIC_CASH, ...OTHERS] = OFFLINE_PURCHASE_PROFILE.applications;

/** Records a tap with a genuine card and plays it again; what was recorded may be changed in between. */
function replayed(
  profile: TerminalProfile,
  tap = TAP,
  card = newCard(),
  change: (lines: readonly TranscriptLine[]) => readonly TranscriptLine[] = (lines) => lines,
): KernelOutcome {
  card.powerUp();
  const { lines } = record(tapTransaction(profile, tap, AUTHORITY), (command) => card.transmit(command));
  return replay(tapTransaction(profile, tap, AUTHORITY), change(lines));
}

/** Changes one answer of a transcript. */
const answering =
  (at: number, change: (response: string) => string | null) =>
  (lines: readonly TranscriptLine[]): readonly TranscriptLine[] =>
    lines.map((line, index) =>
      index === at && line.response !== null ? { ...line, response: change(line.response) } : line,
    );

const ACCEPTED: readonly Accepted[] = [
  ['a TC of the electronic cash', () => replayed(OFFLINE_PURCHASE_PROFILE), 'approved TC'],
  ['an ARQC at a transit gate', () => replayed(ODA_PROFILE, ZERO), 'approved ARQC'],
  ['an ARQC under status check', () => replayed(ODA_STATUS_CHECK_PROFILE, STATUS_CHECK), 'approved ARQC'],
  [
    'status check with another amount is a payment',
    () => replayed(ODA_STATUS_CHECK_PROFILE, { ...TAP, amountFen: fen(99) }),
    'approved TC',
  ],
  [
    'an ARQC where the issuer can be asked now',
    () => replayed({ ...LIVE, onlineCryptogram: 'always' }),
    'online ARQC',
  ],
  ['a TC where the issuer could be asked', () => replayed(LIVE), 'approved TC'],
  ['the RSA chain for a terminal without SM', () => replayed(WITHOUT_SM, TAP, newCard(rsa)), 'approved TC'],
  [
    'the SM chain of a card with both',
    () => replayed(OFFLINE_PURCHASE_PROFILE, TAP, newCard(rsa)),
    'approved TC',
  ],
  [
    'the last record lost where that is taken',
    () =>
      replayed(
        { ...OFFLINE_PURCHASE_PROFILE, acceptsWithoutLastRecord: true },
        TAP,
        newCard(),
        answering(LAST_RECORD, () => null),
      ),
    'approved TC',
  ],
  [
    'zeros between the objects of the reply',
    () =>
      replayed(
        OFFLINE_PURCHASE_PROFILE,
        TAP,
        newCard(),
        answering(PPSE, (response) => response.replace(/^6F30/, '6F320000')),
      ),
    'approved TC',
  ],
  [
    'a reply that gives 9F27 as well',
    () =>
      replayed(
        OFFLINE_PURCHASE_PROFILE,
        TAP,
        newCard(),
        answering(GPO, (response) =>
          response.replace(/^7781(..)/, (_, length: string) => {
            const grown = Number.parseInt(length, 16) + 4;
            return `7781${grown.toString(16).toUpperCase()}9F270140`;
          }),
        ),
      ),
    'approved TC',
  ],
  [
    'an issuer authorisation code of another text in the last record',
    () =>
      replayed(
        OFFLINE_PURCHASE_PROFILE,
        TAP,
        newCard(),
        answering(LAST_RECORD, (response) => response.replace('454330303031', '454339393939')),
      ),
    'approved TC',
  ],
  [
    'no directory, and the list of the terminal tried',
    () =>
      replayed(
        { ...OFFLINE_PURCHASE_PROFILE, withoutDirectory: 'try_applications', applications: OTHERS },
        TAP,
        newCard(),
        answering(PPSE, () => '6A82'),
      ),
    'approved TC',
  ],
  [
    'an application of a longer name, taken by its beginning',
    () =>
      replayed({
        ...OFFLINE_PURCHASE_PROFILE,
        applications: [{ ...required(ELECTRONIC_CASH), aid: 'A0000003330101' }],
      }),
    'approved TC',
  ],
  [
    'the last day of the card',
    () => replayed(OFFLINE_PURCHASE_PROFILE, { ...TAP, localDate: isoDate('2030-06-30') }),
    'approved TC',
  ],
];

function required<Value>(value: Value | undefined): Value {
  assert.ok(value !== undefined);
  return value;
}

type EarlyEnd = readonly [what: string, lines: readonly TranscriptLine[], expected: string, finding: string];
const EARLY_ENDS: readonly EarlyEnd[] = [
  ['no directory', answered(PPSE, '6A82'), 'declined card_unsupported', 'directory: refused'],
  ['directory blocked', answered(PPSE, '6A81'), 'declined card_unsupported', 'directory: refused'],
  [
    'directory cut off',
    answered(PPSE, '6F30840E9000'),
    'declined card_protocol_error',
    'directory: unreadable',
  ],
  [
    'directory is no FCI',
    answered(PPSE, '70009000'),
    'declined card_protocol_error',
    'directory: unreadable',
  ],
  [
    'only a T-Union application',
    changed(PPSE, '4F08A000000333010101', '4F08A000000632010105').slice(0, 1),
    'declined card_unsupported',
    'directory: no_candidate',
  ],
  [
    'an application that asks its holder first',
    changed(PPSE, '870101', '870181').slice(0, 1),
    'declined card_unsupported',
    'directory: no_candidate',
  ],
  [
    'only the social-security application',
    answered(PPSE, '6F23840E325041592E5359532E4444463031A511BF0C0E610C4F0A7378312E73682EC9E7BB9000'),
    'declined card_unsupported',
    'directory: no_candidate',
  ],
  [
    'no answer but a status byte',
    answered(PPSE, '90'),
    'declined card_protocol_error',
    'directory: response_length',
  ],
  [
    'an answer of 259 bytes',
    answered(PPSE, '00'.repeat(257) + '9000'),
    'declined card_protocol_error',
    'directory: response_length',
  ],
  [
    'application blocked',
    answered(SELECT, '6283'),
    'declined card_unsupported',
    'application_selection: next_candidate',
  ],
  [
    'application gone',
    answered(SELECT, '6A82'),
    'declined card_unsupported',
    'application_selection: next_candidate',
  ],
  ['card blocked', answered(SELECT, '6A81'), 'declined card_unsupported', 'application_selection: refused'],
  [
    'selection refused',
    answered(SELECT, '6D00'),
    'declined card_protocol_error',
    'application_selection: refused',
  ],
  [
    'FCI cut off',
    answered(SELECT, '6F0A84089000'),
    'declined card_protocol_error',
    'application_selection: unreadable',
  ],
  [
    'no PDOL',
    answered(SELECT, '6F0F8408A000000333010101A5038701019000'),
    'declined card_unsupported',
    'application_selection: not_contactless',
  ],
  [
    'a PDOL without TTQ',
    answered(SELECT, '6F128408A000000333010101A5069F38039F37049000'),
    'declined card_unsupported',
    'application_selection: not_contactless',
  ],
  [
    'a PDOL that ends in a tag',
    answered(SELECT, '6F148408A000000333010101A5089F38059F66049F379000'),
    'declined card_protocol_error',
    'application_selection: pdol_unreadable',
  ],
  [
    'a PDOL for more than a command holds',
    answered(SELECT, '6F158408A000000333010101A5099F38069F66049F37F99000'),
    'declined card_protocol_error',
    'application_selection: pdol_unreadable',
  ],
  ['GPO: not now', answered(GPO, '6985'), 'declined card_unsupported', 'processing_options: next_candidate'],
  [
    'GPO: by contact',
    answered(GPO, '6984'),
    'other_interface card_unsupported',
    'processing_options: refused',
  ],
  ['GPO: wrong length', answered(GPO, '6700'), 'declined card_protocol_error', 'processing_options: refused'],
  ['GPO: wrong data', answered(GPO, '6A80'), 'declined card_protocol_error', 'processing_options: refused'],
  ['GPO: nothing', answered(GPO, '9000'), 'declined card_protocol_error', 'processing_options: refused'],
  [
    'GPO: cut off',
    answered(GPO, '7720820228009000'),
    'declined card_data_invalid E1.E4',
    'processing_options: unreadable',
  ],
  [
    'GPO: another template',
    answered(GPO, '6F009000'),
    'declined card_data_invalid E1.E4',
    'processing_options: unreadable',
  ],
  [
    'GPO: template 80, no qPBOC',
    answered(GPO, '80062800080101019000'),
    'declined card_unsupported',
    'processing_options: without_cryptogram',
  ],
  [
    'GPO: a locator of three bytes',
    answered(GPO, `771294030801019F2608${'00'.repeat(8)}82009000`),
    'declined card_data_invalid 94',
    'card_data: locator_unreadable',
  ],
  [
    'record not found',
    answered(FIRST_RECORD, '6A83'),
    'declined card_protocol_error',
    'card_data: record_refused',
  ],
  [
    'record empty',
    answered(FIRST_RECORD, '9000'),
    'declined card_protocol_error',
    'card_data: record_refused',
  ],
  ['gone before the directory', answered(PPSE, null), 'try_again card_torn', 'directory: torn'],
  ['gone before selection', answered(SELECT, null), 'try_again card_torn', 'application_selection: torn'],
  ['gone before GPO', answered(GPO, null), 'try_again card_torn', 'processing_options: torn'],
  ['gone before the first record', answered(FIRST_RECORD, null), 'try_again card_torn', 'card_data: torn'],
  ['gone before the last record', answered(LAST_RECORD, null), 'try_again card_torn', 'card_data: torn'],
];
const answeredRecord = (response: string) =>
  genuine().map((line, index) => (index === LAST_RECORD ? { ...line, response } : line));
type Unproven = readonly [what: string, lines: () => readonly TranscriptLine[], expected: string];
const UNPROVEN: readonly Unproven[] = [
  ['another random than the card signed', () => genuine(), 'declined dynamic_signature_invalid 9F4B'],
  [
    'an ATC that is not the signed number',
    () => changed(GPO, '9F36020001', '9F36020002'),
    'declined dynamic_number_mismatch 9F36',
  ],
  [
    'CTQ that differ inside and outside 9F69',
    () => changed(GPO, '9F6C023000', '9F6C020000'),
    'declined card_data_invalid 9F6C',
  ],
  [
    'no 9F69: the signature would not cover the amount',
    () => changed(GPO, '9F6908', 'DF6908'),
    'declined fdda_version_refused 9F69',
  ],
  ['no dynamic signature', () => changed(GPO, '9F4B45', 'DF4B45'), 'declined card_data_missing 9F4B'],
  ['no ATC', () => changed(GPO, '9F36', 'DF36'), 'declined card_data_missing 9F36'],
  [
    'a PAN in the record that is not the one of track 2',
    () => changed(FIRST_RECORD, '6230580000000000042F', '6230580000000000059F'),
    'declined card_data_invalid 57',
  ],
  [
    'an expiry moved by a year',
    () => changed(FIRST_RECORD, '5F2403300630', '5F2403310630'),
    'declined card_certificate_invalid 9F46',
  ],
  [
    'a CA key index that is not loaded',
    () => changed(FIRST_RECORD + 1, '8F0157', '8F0158'),
    'declined ca_key_unknown 8F',
  ],
  [
    'an issuer certificate of another format',
    () => changed(FIRST_RECORD + 1, '90818E12', '90818E13'),
    'declined ca_key_unknown 8F',
  ],
  [
    'an issuer certificate of another bank',
    () => changed(FIRST_RECORD + 1, '12623058FF', '12623059FF'),
    'declined issuer_certificate_invalid 90',
  ],
  [
    'an issuer certificate changed inside',
    () => changed(FIRST_RECORD + 1, 'FF1240000001', 'FF1241000001'),
    'declined issuer_certificate_invalid 90',
  ],
  [
    'an issuer certificate of last year',
    () => changed(FIRST_RECORD + 1, 'FF1240000001', 'FF1225000001'),
    'declined issuer_certificate_expired 90',
  ],
  [
    'a card certificate of another card',
    () => changed(FIRST_RECORD + 2, '146230580000000000042F', '146230580000000000059F'),
    'declined card_certificate_invalid 9F46',
  ],
  [
    'a record that is no template',
    () => changed(FIRST_RECORD, '70', '73'),
    'declined card_data_invalid E1.E5',
  ],
  [
    'a second PAN in a later record',
    () => answeredRecord('700C5A0A6230580000000000059F9000'),
    'declined card_data_invalid 5A',
  ],
  [
    'a second expiry in a later record',
    () => answeredRecord('70065F24033112319000'),
    'declined card_data_invalid 5F24',
  ],
];
const randomFor = (what: string) =>
  what.startsWith('another random') ? Buffer.from('00000001', 'hex') : TAP.unpredictableNumber;

function playUnproven([what, lines]: Unproven): KernelOutcome {
  const unpredictableNumber = randomFor(what);
  const script = lines().map((line, index) =>
    index === GPO ? { ...line, command: line.command.replace('A1B2C3D4', hex(unpredictableNumber)) } : line,
  );
  return play(script, OFFLINE_PURCHASE_PROFILE, { ...TAP, unpredictableNumber });
}

describe('taps that go through', () => {
  for (const [what, play, expected] of ACCEPTED)
    test(`${what}: ${expected}`, () => {
      const outcome = play();
      assert.equal(`${summary(outcome)} ${outcome.cryptogramType ?? ''}`, expected);
    });

  test('the commands are those of the reference, byte for byte', () => {
    const lines = genuine(ODA_PROFILE, ZERO);
    assert.deepEqual(
      lines.map((line) => line.command),
      [
        '00A404000E325041592E5359532E444446303100',
        '00A4040008A00000033301010100',
        '80A8000024832221800080' +
          '000000000000' +
          '000000000000' +
          '0156' +
          '0000000000' +
          '0156' +
          '261123' +
          '00' +
          'A1B2C3D4' +
          '01' +
          '00',
        '00B2010C00',
        '00B2011400',
        '00B2021400',
        '00B2011C00',
      ],
    );
    assert.equal(summary(play(lines, ODA_PROFILE, ZERO)), 'approved');
  });

  test('a TC pays offline, an ARQC opens a transit gate, and status check asks for CNY 1.00 exactly', () => {
    const paid = tapCard(newCard());
    assert.deepEqual([summary(paid), paid.cryptogramType], ['approved', 'TC']);
    const deferred = tapCard(newCard(), ODA_PROFILE, ZERO);
    assert.deepEqual([summary(deferred), deferred.cryptogramType], ['approved', 'ARQC']);
    const checked = tapCard(newCard(), ODA_STATUS_CHECK_PROFILE, { ...TAP, amountFen: fen(100) });
    assert.deepEqual([summary(checked), checked.cryptogramType], ['approved', 'ARQC']);
  });

  test('a terminal that can ask now sends an ARQC online', () => {
    const live: TerminalProfile = { ...ODA_PROFILE, onlineAuthorisation: 'live' };
    const outcome = tapCard(newCard(), live, ZERO);
    assert.deepEqual([summary(outcome), outcome.refusal], ['online', null]);
  });

  test('a terminal without SM algorithms proves the RSA chain, 9F4B in the reply or in a record', () => {
    const withoutSm: TerminalProfile = { ...OFFLINE_PURCHASE_PROFILE, smSupported: false };
    assert.equal(summary(tapCard(newCard(rsa), withoutSm)), 'approved');
    const authority = { ...AUTHORITY, caKeys: longRsa.caKeys };
    const long = tapCard(newCard(longRsa), withoutSm, TAP, authority);
    assert.equal(summary(long), 'approved');
    assert.equal(long.exchange?.cardRecords.length, 5);
    assert.equal(summary(tapCard(newCard(), withoutSm)), 'declined card_unsupported');
  });

  test('the phases run forward in the order of the list', () => {
    const order = PHASES.map((phase) => phase.name);
    const ranks = tapCard(newCard()).trace.map((entry) => order.indexOf(entry.phase));
    assert.deepEqual(
      ranks,
      [...ranks].sort((a, b) => a - b),
    );
    assert.deepEqual(new Set(ranks).size, PHASES.length);
  });

  test('tag 84 of the reply is the name that counts: another application than the listed one is outside the protocol', () => {
    const outcome = play(changed(SELECT, '8408A000000333010101', '8408A000000333010102').slice(0, GPO));
    assert.equal(summary(outcome), 'declined card_protocol_error');
  });
});

describe('before a card is there', () => {
  const limits = (amountFen: number, change: Partial<TerminalProfile['applications'][number]>) => {
    const [first] = OFFLINE_PURCHASE_PROFILE.applications;
    assert.ok(first);
    const aid = 'A000000333010101';
    const profile = { ...OFFLINE_PURCHASE_PROFILE, applications: [{ ...first, aid, ...change }] };
    return tapCard(
      newCard(),
      { ...profile, onlineAuthorisation: 'deferred' },
      { ...TAP, amountFen: fen(amountFen) },
    );
  };

  test('DF20, DF19 and DF21, on both sides of each', () => {
    const transactionLimitFen = fen(500);
    const rows: readonly (readonly [number, string, string | null])[] = [
      [499, 'approved', 'TC'],
      [500, 'other_interface card_unsupported', null],
    ];
    for (const [amount, expected, type] of rows) {
      const limited = { transactionLimitFen, cvmLimitFen: fen(500), offlineFloorFen: fen(500) };
      const outcome = limits(amount, limited);
      assert.deepEqual([summary(outcome), outcome.cryptogramType], [expected, type]);
    }
    assert.equal(limits(300, { offlineFloorFen: fen(300) }).cryptogramType, 'TC');
    assert.equal(limits(301, { offlineFloorFen: fen(300) }).cryptogramType, 'ARQC');
    const ttqOf = (outcome: KernelOutcome) => hex(outcome.evidence?.terminal.ttq ?? new Uint8Array(0));
    assert.equal(ttqOf(limits(299, { cvmLimitFen: fen(300) })), '28000080');
    assert.equal(ttqOf(limits(300, { cvmLimitFen: fen(300) })), '28400080');
  });

  test('amount zero ends at an offline-only terminal and asks online anywhere else', () => {
    assert.equal(summary(tapCard(newCard(), OFFLINE_PURCHASE_PROFILE, ZERO)), 'declined card_unsupported');
    const online: TerminalProfile = { ...OFFLINE_PURCHASE_PROFILE, ttq: '20000080' };
    assert.equal(tapCard(newCard(), online, ZERO).cryptogramType, 'ARQC');
  });

  test('the bits of one tap do not stay for the next', () => {
    const stale: TerminalProfile = { ...OFFLINE_PURCHASE_PROFILE, ttq: '28C00080' };
    assert.equal(tapCard(newCard(), stale).cryptogramType, 'TC');
  });
});

describe('taps that end early', () => {
  for (const [what, lines, expected, finding] of EARLY_ENDS)
    test(`${what}: ${expected}`, () => {
      const outcome = play(lines);
      assert.equal(summary(outcome), expected);
      assert.equal(lastFinding(outcome), finding);
      assert.equal(outcome.evidence, null);
    });

  test('a card without a directory is asked for the applications of the list, where the profile says so', () => {
    const profile: TerminalProfile = { ...OFFLINE_PURCHASE_PROFILE, withoutDirectory: 'try_applications' };
    const [, select, ...rest] = genuine();
    assert.ok(select);
    const lines = [
      { command: '00A404000E325041592E5359532E444446303100', response: '6A82' },
      { command: '00A4040008A00000033301010600', response: '6A82', why: 'pure electronic cash comes first' },
      select,
      ...rest,
    ];
    assert.equal(summary(play(lines, profile)), 'approved');
  });

  test('6985 at one application goes on to the next, in the terminal order and not the card order', () => {
    const entry = (aid: string, priority: number) => ({
      tag: '61',
      children: [
        { tag: '4F', value: Buffer.from(aid, 'hex') },
        { tag: '87', value: Uint8Array.of(priority) },
      ],
    });
    const entries = [entry('A000000333010101', 1), entry('A000000333010106', 4)];
    const directory = encodeTlvTree([
      { tag: '6F', children: [{ tag: 'A5', children: [{ tag: 'BF0C', children: entries }] }] },
    ]);
    const [, select, gpo, ...rest] = genuine();
    assert.ok(select && gpo);
    const lines: readonly TranscriptLine[] = [
      { command: '00A404000E325041592E5359532E444446303100', response: `${hex(directory)}9000` },
      {
        command: '00A4040008A00000033301010600',
        response: '6F128408A000000333010106A5069F38039F66049000',
        why: 'the terminal prefers pure electronic cash, though the card ranks it fourth',
      },
      { command: '80A800000683042800008000', response: '6985', why: 'its PDOL asks for the TTQ alone' },
      select,
      gpo,
      ...rest,
    ];
    assert.equal(summary(play(lines)), 'approved');
  });

  test('the last record may be lost where the profile accepts that, and only the last', () => {
    const profile: TerminalProfile = { ...OFFLINE_PURCHASE_PROFILE, acceptsWithoutLastRecord: true };
    assert.equal(summary(play(answered(LAST_RECORD, null), profile)), 'approved');
    assert.equal(summary(play(answered(LAST_RECORD - 1, null), profile)), 'try_again card_torn');
  });

  test('a card that lists records without end is left after the budget of commands', () => {
    const lines = genuine();
    const gpoAnswer = lines[GPO]?.response ?? '';
    const endless = gpoAnswer.replace('940C080101011001020018010100', '940C0801FF001001FF001801FF00');
    assert.notEqual(endless, gpoAnswer);
    let commands = 0;
    const { result } = record(tapTransaction(OFFLINE_PURCHASE_PROFILE, TAP, AUTHORITY), () => {
      const line = lines[commands++];
      if (commands === GPO + 1) return Buffer.from(endless, 'hex');
      return Buffer.from(commands <= GPO ? (line?.response ?? '') : '70009000', 'hex');
    });
    assert.equal(summary(result), 'declined card_protocol_error');
    assert.equal(lastFinding(result), 'card_data: too_many_commands');
    assert.equal(commands, 40);
  });

  test('a card that sends more than a tap record holds is left', () => {
    const lines = genuine();
    const endless = (lines[GPO]?.response ?? '').replace('1001020018010100', '1001200018010100');
    let commands = 0;
    const { result } = record(tapTransaction(OFFLINE_PURCHASE_PROFILE, TAP, AUTHORITY), () => {
      const line = lines[commands++];
      if (commands === GPO + 1) return Buffer.from(endless, 'hex');
      const filler = `7081FBDF7181F7${'00'.repeat(247)}9000`;
      return Buffer.from(commands <= GPO ? (line?.response ?? '') : filler, 'hex');
    });
    assert.equal(lastFinding(result), 'card_data: too_much_data');
  });
});

describe('cards that do not prove themselves', () => {
  test('AAC is the card refusing, and is not asked for a proof', () => {
    const outcome = tapCard(newCard(), OFFLINE_PURCHASE_PROFILE, { ...TAP, amountFen: fen(10_001) });
    assert.equal(summary(outcome), 'declined card_declined');
    assert.equal(lastFinding(outcome), 'card_decision: AAC');
  });

  test('an ARQC is worth nothing to a terminal that never asks', () => {
    const profile: TerminalProfile = { ...OFFLINE_PURCHASE_PROFILE, onlineCryptogram: 'always' };
    assert.equal(summary(tapCard(newCard(), profile)), 'declined cryptogram_type_refused 9F26');
  });

  for (const unproven of UNPROVEN)
    test(`${unproven[0]}: ${unproven[2]}`, () => {
      assert.equal(summary(playUnproven(unproven)), unproven[2]);
    });

  test('a revoked issuer is refused before its signature is looked at', () => {
    const revoked = { ...AUTHORITY, revokedIssuerCertificates: new Set(['A000000333/57/000001']) };
    const outcome = tapCard(newCard(), OFFLINE_PURCHASE_PROFILE, TAP, revoked);
    assert.equal(summary(outcome), 'declined issuer_certificate_invalid 90');
    assert.equal(outcome.trace.at(-1)?.finding, 'issuer_certificate_revoked');
  });

  test('a copied card, a replayed tap, a spoiled answer', () => {
    const copied = newCard();
    copied.faults = { forged: true };
    assert.equal(summary(tapCard(copied)), 'declined dynamic_signature_invalid 9F4B');
    const replaying = newCard();
    assert.equal(summary(tapCard(replaying)), 'approved');
    replaying.faults = { replaying: true };
    const next = { ...TAP, unpredictableNumber: Buffer.from('01020304', 'hex') };
    assert.equal(
      summary(tapCard(replaying, OFFLINE_PURCHASE_PROFILE, next)),
      'declined dynamic_signature_invalid 9F4B',
    );
    const copiedRsa = newCard(rsa);
    copiedRsa.faults = { forged: true };
    const withoutSm: TerminalProfile = { ...OFFLINE_PURCHASE_PROFILE, smSupported: false };
    assert.equal(summary(tapCard(copiedRsa, withoutSm)), 'declined dynamic_signature_invalid 9F4B');
  });

  test('a failed proof may go online or to contact where the card says so and the terminal can', () => {
    const copied = () => {
      const card = newCard();
      card.faults = { forged: true };
      return card;
    };
    const live: TerminalProfile = {
      ...OFFLINE_PURCHASE_PROFILE,
      onlineAuthorisation: 'live',
      ttq: '20000080',
    };
    assert.equal(summary(tapCard(copied(), live)), 'online');
    const contact: TerminalProfile = { ...OFFLINE_PURCHASE_PROFILE, ttq: '38000080' };
    assert.equal(summary(tapCard(copied(), contact)), 'other_interface dynamic_signature_invalid 9F4B');
  });

  test('wrong length or noise at any command ends in a named outcome', () => {
    for (let command = 1; command <= 7; command++) {
      for (const faults of [{ wrongLengthAtCommand: command }, { garbageAtCommand: command }]) {
        const card = newCard();
        card.faults = faults;
        const outcome = tapCard(card);
        assert.equal(outcome.kind, 'declined', `${JSON.stringify(faults)} ${summary(outcome)}`);
        assert.match(outcome.refusal?.code ?? '', /^card_(protocol_error|data_invalid|unsupported)$/);
      }
    }
  });

  test('nothing of a card is in a trace', () => {
    const card = newCard();
    const outcomes = [tapCard(card), tapCard(card, ODA_PROFILE, ZERO)];
    for (const outcome of outcomes) assert.doesNotMatch(JSON.stringify(outcome.trace), /6230580|0000042/);
  });
});

test('there are as many refusing transcripts as accepting ones, and their ends differ', () => {
  const early = EARLY_ENDS.map(([, lines]) => play(lines));
  const unproven = UNPROVEN.map(playUnproven);
  const refusing = [...early, ...unproven];
  for (const outcome of refusing) assert.notEqual(outcome.refusal, null);
  // Kind, refusal and the last finding of the trace: what an operator is told.
  const ends = new Set(refusing.map((outcome) => `${summary(outcome)}, ${lastFinding(outcome)}`));
  assert.ok(refusing.length >= ACCEPTED.length);
  assert.ok(ends.size >= ACCEPTED.length, `${ends.size} ends of refusing, ${ACCEPTED.length} accepting`);
});
