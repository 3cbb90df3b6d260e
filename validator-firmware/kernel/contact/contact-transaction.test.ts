import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildCaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import { deriveSessionKey, deriveUdk } from '@tapgate/sdk/emv/card-keys';
import { makeArpc, verifyCryptogram } from '@tapgate/sdk/emv/cryptogram';
import { hex } from '@tapgate/sdk/emv/hex';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import type { CardFaults } from '../../virtual-cards/card-faults.ts';
import type { ContactCard } from '../../virtual-cards/contact-card.ts';
import {
  makeFirstGenerationCard,
  makeSecondGenerationCard,
} from '../../virtual-cards/earlier-generations.ts';
import { personaliseCard } from '../../virtual-cards/personalise-card.ts';
import { makeTestIssuer, makeTestRsaIssuer } from '../../virtual-cards/test-issuer.ts';
import { VirtualCard } from '../../virtual-cards/virtual-card.ts';
import { record, replay, type TranscriptLine } from '../transcript.ts';
import { completeContactTransaction } from './complete-contact-transaction.ts';
import type { ContactOutcome, IssuerAnswer } from './contact-outcome.ts';
import { CONTACT_PHASES } from './contact-phases.ts';
import { CLINIC_COUNTER_PROFILE, type ContactProfile } from './contact-profile.ts';
import type { ContactOrder } from './contact-run.ts';
import { type ContactResult, contactTransaction } from './contact-transaction.ts';

const sm = makeTestIssuer({ seed: 'contact test', bin: '623058' });
const rsa = makeTestRsaIssuer({ bin: '623058' });
const AUTHORITY = {
  caKeys: buildCaKeyTable([...sm.caKeys.values(), ...rsa.caKeys.values()]),
  revokedIssuerCertificates: new Set<string>(),
};
const PAN = '6230580000000000059';
const TODAY = isoDate('2026-11-23');
const OFFLINE: ContactProfile = { ...CLINIC_COUNTER_PROFILE, canGoOnline: false };
const DDA_ONLY: ContactProfile = { ...CLINIC_COUNTER_PROFILE, supportsCda: false };

/** A card that has been online before, so that it is not new. */
function secondGeneration(faults: CardFaults = {}, expiry = isoDate('2030-06-30')): ContactCard {
  const card = makeSecondGenerationCard({
    seed: 'gen 2',
    pan: PAN,
    psn: '00',
    expiry,
    issuer: rsa.issuer,
    cardSigner: rsa.cardSigner,
  });
  card.faults = faults;
  return card;
}

function order(amountFen: number, change: Partial<ContactOrder> = {}): ContactOrder {
  return {
    profile: CLINIC_COUNTER_PROFILE,
    tap: {
      amountFen: fen(amountFen),
      localDate: TODAY,
      localTime: '101500',
      unpredictableNumber: Buffer.from('A1B2C3D4', 'hex'),
    },
    authority: AUTHORITY,
    randomPercent: 99,
    isOnExceptionFile: () => false,
    ...change,
  };
}

type Played = { readonly result: ContactResult; readonly lines: readonly TranscriptLine[] };

function insert(card: ContactCard, what: ContactOrder): Played {
  card.powerUp();
  return record(contactTransaction(what), (command) => card.transmit(command));
}

const PDOL_KEY_OWNER = (() => {
  const pan = Pan.of(PAN);
  assert.ok(pan);
  return { pan, panSequenceNumber: '00' };
})();

/** What the issuer of the RSA card answers: an ARPC under this transaction's key, and a response code. */
function issuerAnswer(
  outcome: ContactOutcome,
  responseCode = '00',
  change: Partial<IssuerAnswer> = {},
): IssuerAnswer {
  const { cryptogram } = outcome;
  assert.ok(cryptogram?.cryptogram);
  const udk = deriveUdk('3DES', rsa.issuer.imkAc, PDOL_KEY_OWNER);
  const key = deriveSessionKey('3DES', udk, cryptogram.atc);
  const code = Buffer.from(responseCode, 'ascii');
  return {
    responseCode: code,
    authenticationData: Buffer.concat([makeArpc('3DES', key, cryptogram.cryptogram, code), code]),
    scripts: new Uint8Array(0),
    ...change,
  };
}

function goOn(card: ContactCard, played: Played, answer: IssuerAnswer | null) {
  assert.ok(played.result.pending);
  return record(completeContactTransaction(played.result.pending, answer), (command) =>
    card.transmit(command),
  );
}

const summary = (outcome: ContactOutcome) =>
  [outcome.kind, outcome.refusal?.code, outcome.refusal?.field]
    .filter((part) => part !== undefined)
    .join(' ');
const finding = (outcome: ContactOutcome, phase: string) =>
  outcome.trace.filter((entry) => entry.phase === phase).map((entry) => entry.finding);

describe('contact: a second-generation card at a counter', () => {
  test('a new card goes online; the issuer answers; the card checks it and pays', () => {
    const card = secondGeneration();
    const first = insert(card, order(5_000));
    assert.equal(summary(first.result.outcome), 'online');
    assert.equal(hex(first.result.outcome.tvr).slice(2, 4), '08', 'new card');
    const done = goOn(card, first, issuerAnswer(first.result.outcome));
    assert.equal(summary(done.result), 'approved');
    assert.equal(done.result.cryptogramType, 'TC');
    assert.deepEqual(
      done.lines.map((line) => line.command.slice(0, 8)),
      ['00820000', '80AE5000'],
    );
    assert.equal(card.state.lastOnlineAtc, 1);
  });

  test('the cryptogram covers what was told: the issuer can check it', () => {
    const card = secondGeneration();
    const { outcome } = insert(card, order(5_000)).result;
    const { cryptogram, evidence } = outcome;
    assert.ok(cryptogram?.cryptogram && evidence);
    const cdol1 = evidence.cdolValues[0];
    assert.ok(cdol1);
    const told: readonly (readonly [string, number])[] = [
      ['9F02', 6],
      ['9F03', 6],
      ['9F1A', 2],
      ['95', 5],
      ['5F2A', 2],
      ['9A', 3],
      ['9C', 1],
      ['9F37', 4],
    ];
    const objects = new Map<string, Uint8Array>([
      ['82', outcome.cardObjects.get('82') ?? new Uint8Array(0)],
      ['9F36', cryptogram.atc],
    ]);
    let at = 0;
    for (const [tag, length] of told) {
      objects.set(tag, cdol1.subarray(at, at + length));
      at += length;
    }
    const keys = { algorithm: '3DES', masterKey: rsa.issuer.imkAc, owner: PDOL_KEY_OWNER } as const;
    assert.deepEqual(verifyCryptogram(cryptogram.cryptogram, cryptogram.iad, objects, keys), { ok: true });
    objects.set('9F02', Buffer.from('000000004999', 'hex'));
    assert.equal(verifyCryptogram(cryptogram.cryptogram, cryptogram.iad, objects, keys).ok, false);
  });

  test('after it has been online a small amount is paid offline, and one at the floor limit is not', () => {
    const card = secondGeneration();
    const first = insert(card, order(5_000));
    goOn(card, first, issuerAnswer(first.result.outcome));
    const small = insert(card, order(5_000)).result.outcome;
    assert.deepEqual([summary(small), small.cryptogramType], ['approved', 'TC']);
    assert.deepEqual(finding(small, 'data_authentication'), ['cda_holds']);
    assert.equal(summary(insert(card, order(19_999)).result.outcome), 'approved');
    assert.equal(summary(insert(card, order(20_000)).result.outcome), 'online');
  });

  test('the phases run forward in the order of the list, in both halves', () => {
    const card = secondGeneration();
    const first = insert(card, order(5_000));
    const { result } = goOn(card, first, issuerAnswer(first.result.outcome));
    const ranks = result.trace.map((entry) => CONTACT_PHASES.indexOf(entry.phase));
    assert.deepEqual(
      ranks,
      [...ranks].sort((a, b) => a - b),
    );
  });

  test('the commands of a DDA transaction, in order', () => {
    const { lines } = insert(secondGeneration(), order(5_000, { profile: DDA_ONLY }));
    assert.deepEqual(
      lines.map((line) => line.command.slice(0, 10)),
      [
        '00A404000E',
        '00B2010C00',
        '00B2020C00',
        '00A4040008',
        '80A8000002',
        '00B2010C00',
        '00B2020C00',
        '00B2011400',
        '00B2021400',
        '00B2031400',
        '0088000004',
        '80CA9F3600',
        '80CA9F1300',
        '80AE80001D',
      ],
    );
  });

  test('SDA, DDA and CDA each hold on a genuine card', () => {
    const methods = [
      { profile: CLINIC_COUNTER_PROFILE, expected: 'cda_holds' },
      { profile: DDA_ONLY, expected: 'dda_holds' },
    ];
    for (const { profile, expected } of methods) {
      const { outcome } = insert(secondGeneration(), order(5_000, { profile })).result;
      assert.deepEqual(finding(outcome, 'data_authentication'), [expected]);
    }
    const { lines } = insert(secondGeneration(), order(5_000, { profile: DDA_ONLY }));
    // The same card with an AIP of SDA only would not verify: the AIP is signed. So the finding is the certificate's.
    const sdaOnly = lines.map((line) => ({
      ...line,
      response: (line.response ?? '').replace('800A7D00', '800A5C00'),
    }));
    const cut = sdaOnly.filter((line) => !line.command.startsWith('0088'));
    const dialogue = contactTransaction(order(5_000, { profile: DDA_ONLY }));
    let step = dialogue.next();
    for (const line of cut) {
      if (step.done === true) break;
      step = dialogue.next(Buffer.from(line.response, 'hex'));
    }
    assert.ok(step.done === true);
    assert.deepEqual(finding(step.value.outcome, 'data_authentication'), [
      'signed_static_data_hash_mismatch',
    ]);
    assert.equal(hex(step.value.outcome.tvr).slice(0, 2), '40', 'SDA failed');
  });
});

describe('contact: what the action codes make of it', () => {
  test('a copied card: DDA fails, which asks the issuer online and declines offline', () => {
    const online = insert(secondGeneration({ forged: true }), order(5_000, { profile: DDA_ONLY })).result
      .outcome;
    assert.equal(summary(online), 'online');
    assert.equal(hex(online.tvr).slice(0, 2), '08', 'DDA failed');
    const offline = insert(
      secondGeneration({ forged: true }),
      order(5_000, { profile: { ...OFFLINE, supportsCda: false } }),
    ).result.outcome;
    assert.equal(summary(offline), 'declined dynamic_signature_invalid 9F4B');
    assert.equal(offline.cryptogramType, 'AAC');
  });

  test('a copied card under CDA is refused with its cryptogram', () => {
    const { outcome } = insert(secondGeneration({ forged: true }), order(5_000)).result;
    assert.equal(summary(outcome), 'declined dynamic_signature_invalid 9F4B');
  });

  test('an expired card is asked about online and refused offline', () => {
    const expired = () => secondGeneration({}, isoDate('2026-11-22'));
    assert.equal(summary(insert(expired(), order(5_000, { profile: DDA_ONLY })).result.outcome), 'online');
    const { outcome } = insert(
      expired(),
      order(5_000, { profile: { ...OFFLINE, supportsCda: false } }),
    ).result;
    assert.equal(summary(outcome), 'declined card_expired 5F24');
  });

  test('a card on the exception file is refused offline', () => {
    const listed = { isOnExceptionFile: () => true };
    const { outcome } = insert(secondGeneration(), order(5_000, { ...listed, profile: OFFLINE })).result;
    assert.equal(summary(outcome), 'declined hotlisted');
    assert.equal(hex(outcome.tvr).slice(0, 2), '10');
  });

  test('a terminal without a line finishes a small ARQC by the default codes', () => {
    const card = secondGeneration();
    const small = insert(card, order(5_000, { profile: OFFLINE })).result;
    assert.deepEqual([summary(small.outcome), small.pending], ['approved', null]);
    const wantsIssuer = insert(card, order(20_001, { profile: OFFLINE })).result.outcome;
    assert.equal(summary(wantsIssuer), 'declined card_declined');
  });

  test('random selection sends a share of small amounts online', () => {
    const card = secondGeneration();
    const first = insert(card, order(5_000));
    goOn(card, first, issuerAnswer(first.result.outcome));
    const [parameters] = CLINIC_COUNTER_PROFILE.applications;
    assert.ok(parameters);
    const half = {
      ...parameters,
      randomSelection: { thresholdFen: fen(0), targetPercent: 0, maxPercent: 100 },
    };
    const profile = { ...CLINIC_COUNTER_PROFILE, applications: [half] };
    // 5,000 of 20,000 is a quarter of the way from 0 to 100 percent.
    assert.equal(
      summary(insert(card, order(5_000, { profile, randomPercent: 25 })).result.outcome),
      'approved',
    );
    assert.equal(
      summary(insert(card, order(5_000, { profile, randomPercent: 24.9 })).result.outcome),
      'online',
    );
  });
});

describe('contact: the issuer', () => {
  const start = () => {
    const card = secondGeneration();
    return { card, first: insert(card, order(5_000)) };
  };

  test('a refusal of the issuer, an answer that is not the issuer, no answer', () => {
    const refused = start();
    const no = issuerAnswer(refused.first.result.outcome, '05');
    assert.equal(summary(goOn(refused.card, refused.first, no).result), 'declined card_declined');

    const forged = start();
    const good = issuerAnswer(forged.first.result.outcome);
    const bad = { ...good, authenticationData: Buffer.alloc(10, 0x30) };
    const { result } = goOn(forged.card, forged.first, bad);
    assert.equal(summary(result), 'declined card_declined');
    assert.deepEqual(finding(result, 'issuer_authentication'), ['failed']);
    assert.equal(hex(result.tvr).slice(8), '40');

    const silent = start();
    const alone = goOn(silent.card, silent.first, null).result;
    assert.equal(summary(alone), 'declined card_declined', 'the card itself wanted its issuer');
    assert.deepEqual(finding(alone, 'online_processing'), ['unable']);
  });

  test('scripts are passed on as they came, before and after the final cryptogram', () => {
    const { card, first } = start();
    const templates = '71169F180400000007860D8424000008AABBCCDDEEFF0011' + '720B8609841E000004AABBCCDD';
    const scripts = Buffer.from(templates, 'hex');
    const answer = issuerAnswer(first.result.outcome, '00', { scripts });
    const { result, lines } = goOn(card, first, answer);
    assert.deepEqual(
      lines.map((line) => line.command.slice(0, 4)),
      ['0082', '8424', '80AE', '841E'],
    );
    assert.equal(lines[1]?.command, '8424000008AABBCCDDEEFF0011');
    assert.equal(summary(result), 'approved');
    assert.equal(hex(result.tvr).slice(8), '30', 'the card refuses both, and says so');
    assert.equal(hex(result.evidence?.scripts ?? new Uint8Array(0)), templates, 'kept as they came');
    assert.deepEqual(
      result.evidence?.scriptResults.map(({ stage, identifier, commandNumber, statusWord }) => [
        stage,
        identifier && hex(identifier),
        commandNumber,
        statusWord,
      ]),
      [
        ['before_final_cryptogram', '00000007', 1, '6D00'],
        ['after_final_cryptogram', null, 1, '6985'],
      ],
    );
  });

  test('a script that is none, or holds what is no command, is noted and the card pays all the same', () => {
    const rows: readonly (readonly [string, string, string])[] = [
      ['70028600', 'online_processing', 'scripts_unreadable'],
      ['710886068424000008AA', 'script_processing', 'command_length'],
    ];
    for (const [scripts, phase, expected] of rows) {
      const { card, first } = start();
      const answer = issuerAnswer(first.result.outcome, '00', { scripts: Buffer.from(scripts, 'hex') });
      const { result } = goOn(card, first, answer);
      assert.ok(finding(result, phase).includes(expected), scripts);
      assert.equal(hex(result.tvr).slice(8), '20');
      assert.equal(summary(result), 'approved');
    }
  });

  test('issuer data of no possible length never reaches the card', () => {
    const { card, first } = start();
    const answer = issuerAnswer(first.result.outcome, '00', { authenticationData: Buffer.alloc(300) });
    const { result, lines } = goOn(card, first, answer);
    assert.ok(!lines.some((line) => line.command.startsWith('0082')));
    assert.deepEqual(finding(result, 'issuer_authentication'), ['data_length']);
    assert.equal(summary(result), 'declined card_declined');
  });
});

describe('contact: cards that end it', () => {
  test('the first generation has nothing that pays', () => {
    const card = makeFirstGenerationCard('gen 1');
    const { outcome } = insert(card, order(5_000)).result;
    assert.equal(summary(outcome), 'declined card_unsupported');
  });

  test('the contact side of a third-generation card proves itself with SM2', () => {
    const card = new VirtualCard(
      personaliseCard({
        seed: 'gen 3',
        pan: PAN,
        psn: '01',
        expiry: isoDate('2030-06-30'),
        balanceFen: fen(0),
        issuer: sm.issuer,
      }),
    ).inContactSlot();
    const { outcome } = insert(card, order(5_000)).result;
    assert.deepEqual([summary(outcome), ...finding(outcome, 'data_authentication')], ['online', 'dda_holds']);
  });

  test('pulled out at every command: the same card may be put in again', () => {
    const commands = insert(secondGeneration(), order(5_000, { profile: DDA_ONLY })).lines.length;
    for (let command = 1; command <= commands; command++) {
      const card = secondGeneration({ tornAtCommand: command });
      const { outcome } = insert(card, order(5_000, { profile: DDA_ONLY })).result;
      assert.equal(summary(outcome), 'try_again card_torn', `command ${command}`);
    }
  });

  test('noise and wrong lengths at every command end in a named outcome', () => {
    for (let command = 1; command <= 14; command++) {
      for (const faults of [{ garbageAtCommand: command }, { wrongLengthAtCommand: command }]) {
        const { outcome } = insert(secondGeneration(faults), order(5_000, { profile: DDA_ONLY })).result;
        const accepted = outcome.kind === 'online' || outcome.kind === 'approved';
        assert.equal(outcome.refusal === null, accepted, JSON.stringify(faults));
      }
    }
  });

  test('T=0: 61xx is asked for, 6Cxx is asked again, and neither without end', () => {
    const { lines } = insert(secondGeneration(), order(5_000, { profile: DDA_ONLY }));
    const [directory, ...rest] = lines;
    assert.ok(directory?.response);
    const body = directory.response.slice(0, -4);
    const wrapped: readonly TranscriptLine[] = [
      {
        command: directory.command,
        response: `6C${(body.length / 2).toString(16).toUpperCase().padStart(2, '0')}`,
      },
      {
        command: `${directory.command.slice(0, -2)}${(body.length / 2).toString(16).toUpperCase().padStart(2, '0')}`,
        response: `${body.slice(0, 20)}6110`,
      },
      { command: '00C0000010', response: `${body.slice(20)}9000` },
      ...rest,
    ];
    const { outcome } = replay(contactTransaction(order(5_000, { profile: DDA_ONLY })), wrapped);
    assert.equal(summary(outcome), 'online');
    const endless = record(contactTransaction(order(5_000)), () => Buffer.from('6101', 'hex'));
    assert.equal(summary(endless.result.outcome), 'declined card_protocol_error');
    assert.equal(endless.lines.length, 40);
  });

  const [template80, nothing] = ['80' + '1E', '800102'];
  const answers: readonly (readonly [string, string, string])[] = [
    ['a cryptogram of no known type', `${template80}C0`, 'declined card_data_invalid 9F27'],
    ['a TC where an ARQC was asked for', `${template80}40`, 'declined card_data_invalid 9F27'],
    ['two bytes', nothing, 'declined card_data_invalid 9F27'],
  ];
  for (const [what, response, expected] of answers)
    test(`GENERATE AC answered with ${what}: ${expected}`, () => {
      const { lines } = insert(secondGeneration(), order(5_000, { profile: DDA_ONLY }));
      const changed = lines.map((line, index) => {
        if (index !== lines.length - 1 || line.response === null) return line;
        const spoiled =
          response === nothing ? `${nothing}9000` : line.response.replace(`${template80}80`, response);
        return { ...line, response: spoiled };
      });
      const { outcome } = replay(contactTransaction(order(5_000, { profile: DDA_ONLY })), changed);
      assert.equal(summary(outcome), expected);
    });
});
