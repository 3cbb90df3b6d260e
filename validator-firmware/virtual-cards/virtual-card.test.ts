import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readRecordCommand } from '@tapgate/sdk/emv/afl';
import { findTlv, parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { hex } from '@tapgate/sdk/emv/hex';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { parseCardState, serialiseCardState } from './card-state.ts';
import { makeFirstGenerationCard, makeSecondGenerationCard } from './earlier-generations.ts';
import { personaliseCard } from './personalise-card.ts';
import { makeTestIssuer, makeTestRsaIssuer } from './test-issuer.ts';
import { type AnsweringCard, cloneCard, VirtualCard } from './virtual-card.ts';

const { issuer } = makeTestIssuer({ seed: 'card test', bin: '623058' });
const rsa = makeTestRsaIssuer({ bin: '623058' });
const PPSE = '00A404000E325041592E5359532E444446303100';
const SELECT = '00A4040008A00000033301010100';
const SSSE = '00A404000F7378312E73682EC9E7BBE1B1A3D5CF';

function newCard(balanceFen = 1_000, withRsa = false): VirtualCard {
  return new VirtualCard(
    personaliseCard({
      seed: 'one card',
      pan: '6230580000000000042',
      psn: '01',
      expiry: isoDate('2030-06-30'),
      balanceFen: fen(balanceFen),
      issuer,
      ...(withRsa ? { rsa: { issuer: rsa.issuer, cardSigner: rsa.cardSigner } } : {}),
    }),
  );
}

function say(card: AnsweringCard, command: string): string {
  const answer = card.transmit(Buffer.from(command, 'hex'));
  return answer === null ? 'gone' : hex(answer);
}

const sw = (answer: string) => answer.slice(-4);

/** GPO with the personalised PDOL: TTQ, amount, and the rest of a Chinese gate. */
function gpo(change: { ttq?: string; amount?: string; sm?: string; currency?: string } = {}): string {
  const { ttq = '28000080', amount = '000000000200', sm = '01', currency = '0156' } = change;
  return `80A80000248322${ttq}${amount}0000000000000156${'00'.repeat(5)}${currency}26112100A1B2C3D4${sm}00`;
}

function tapped(card: VirtualCard, options = gpo()): string {
  card.powerUp();
  say(card, PPSE);
  say(card, SELECT);
  return say(card, options);
}

function cvrStatus(answer: string): string {
  const parsed = parseTlv(Buffer.from(answer.slice(0, -4), 'hex'));
  assert.ok(parsed.ok);
  return hex(findTlv(parsed.nodes, '77', '9F10')?.value.subarray(4, 5) ?? new Uint8Array(0));
}

const ALL_RECORDS = [
  readRecordCommand(1, 1),
  readRecordCommand(2, 1),
  readRecordCommand(2, 2),
  readRecordCommand(3, 1),
];

describe('third-generation card, contactless', () => {
  test('the directory lists the debit application, and its FCI asks for TTQ and SM indicator', () => {
    const card = newCard();
    card.powerUp();
    assert.equal(
      say(card, PPSE),
      '6F30840E325041592E5359532E4444463031A51EBF0C1B61194F08A000000333010101500A50424F4320444542495487010190' +
        '00',
    );
    const fci = say(card, SELECT);
    assert.match(fci, /9F381B9F66049F02069F03069F1A0295055F2A029A039C019F3704DF6901/);
  });

  test('a name may be given by its beginning, but five bytes at least', () => {
    const card = newCard();
    assert.equal(sw(say(card, '00A4040007A000000333010100')), '9000');
    assert.equal(sw(say(card, '00A4040004A000000300')), '6A82');
    assert.equal(sw(say(card, '00A4040009A0000003330101010100')), '6A82');
  });

  test('TC when the cash covers it, ARQC when the terminal asks, AAC otherwise', () => {
    const rows: readonly (readonly [string, string])[] = [
      [gpo({ amount: '000000001000' }), '90'],
      [gpo({ amount: '000000001001' }), '80'],
      [gpo({ ttq: '21800080', amount: '000000000000' }), 'A0'],
      [gpo({ ttq: '21800080', amount: '000000009999' }), 'A0'],
      [gpo({ currency: '0344' }), '80'],
    ];
    for (const [options, status] of rows) assert.equal(cvrStatus(tapped(newCard(), options)), status);
  });

  test('the ATC rises with each GPO, whatever comes after, and survives as text', () => {
    const card = newCard();
    for (let tap = 1; tap <= 3; tap++) {
      tapped(card);
      assert.equal(card.state.atc, tap);
    }
    const restored = new VirtualCard(card.personalisation, parseCardState(serialiseCardState(card.state)));
    tapped(restored);
    assert.equal(restored.state.atc, 4);
    assert.throws(() => parseCardState('{"atc":-1,"balanceFen":0,"lastOnlineAtc":0}'), RangeError);
  });

  test('a counter at FFFF makes no further transaction', () => {
    const card = new VirtualCard(newCard().personalisation, {
      atc: 0xfffe,
      balanceFen: fen(500),
      lastOnlineAtc: 0,
    });
    assert.equal(sw(tapped(card)), '9000');
    assert.equal(sw(tapped(card)), '6985');
    assert.equal(card.state.atc, 0xffff);
  });

  test('the debit counts with the last record, in whatever order they are read, and not before', () => {
    const card = newCard();
    tapped(card);
    for (const command of ALL_RECORDS.slice(1)) {
      card.transmit(command);
      assert.equal(card.state.balanceFen, 1_000);
    }
    card.transmit(ALL_RECORDS[0] ?? new Uint8Array(0));
    assert.equal(card.state.balanceFen, 800);
  });

  test('a tap pulled early is rolled back at the next power-up; reading on afterwards debits nothing', () => {
    const card = newCard();
    tapped(card);
    for (const command of ALL_RECORDS.slice(0, 3)) card.transmit(command);
    card.powerUp();
    say(card, SELECT);
    for (const command of ALL_RECORDS) card.transmit(command);
    assert.equal(card.state.balanceFen, 1_000);
  });

  test('commands outside the protocol are answered by their status word', () => {
    const card = newCard();
    card.powerUp();
    assert.equal(sw(say(card, gpo())), '6985');
    say(card, SELECT);
    assert.equal(sw(say(card, '80A8000002830000')), '6700');
    assert.equal(sw(say(card, '80A80000')), '6A80');
    assert.equal(sw(say(card, '80A80100028300')), '6A86');
    assert.equal(sw(say(card, gpo({ amount: '00000000000A' }))), '6A80');
    assert.equal(sw(say(card, gpo({ sm: '00' }))), '6985');
    assert.equal(sw(say(card, gpo())), '9000');
    assert.equal(sw(say(card, gpo())), '6985');
    assert.equal(sw(say(card, '00B2630C00')), '6A83');
    assert.equal(sw(say(card, '00B2010D00')), '6A86');
    assert.equal(sw(say(card, '00840000')), '6D00');
    assert.equal(sw(say(card, 'FF000000')), '6E00');
    assert.equal(sw(say(card, '00A4')), '6700');
    assert.equal(sw(say(card, '00A4040009A0')), '6700');
  });

  test('a terminal without SM algorithms gets the RSA chain of a card that has one', () => {
    const card = newCard(1_000, true);
    const answer = tapped(card, gpo({ sm: '00' }));
    assert.equal(sw(answer), '9000');
    const parsed = parseTlv(Buffer.from(answer.slice(0, -4), 'hex'));
    assert.ok(parsed.ok);
    assert.equal(findTlv(parsed.nodes, '77', '9F4B')?.value.length, 128);
    assert.equal(
      hex(findTlv(parsed.nodes, '77', '94')?.value ?? new Uint8Array(0)),
      '080101012001020028010100',
    );
  });

  test('the holder file of the social-security application asks for an authentication', () => {
    const card = newCard();
    assert.equal(sw(say(card, SSSE)), '9000');
    assert.equal(sw(say(card, '00A4020002EF05')), '9000');
    assert.match(say(card, '00B2072C00'), /^(3[0-9]){9}9000$/);
    assert.equal(sw(say(card, '00A4020002EF06')), '9000');
    assert.equal(sw(say(card, '00B2013400')), '6982');
    assert.equal(sw(say(card, '00A4020002EF07')), '6A82');
  });

  test('one seed is one card: everything but the certificate signature is the same again', () => {
    const [one, two] = [newCard(), newCard()].map((card) => tapped(card));
    assert.ok(one !== undefined && two !== undefined);
    const before9f4b = (answer: string) => answer.slice(0, answer.indexOf('9F4B'));
    assert.equal(before9f4b(one), before9f4b(two));
  });

  test('a clone begins where its original stands', () => {
    const card = newCard();
    tapped(card);
    const clone = cloneCard(card);
    tapped(card);
    tapped(clone);
    assert.equal(card.state.atc, clone.state.atc);
  });
});

describe('faults of a virtual card', () => {
  test('torn: gone from the n-th command on, back after power-up', () => {
    const card = newCard();
    card.faults = { tornAtCommand: 2 };
    card.powerUp();
    assert.equal(sw(say(card, PPSE)), '9000');
    assert.equal(say(card, SELECT), 'gone');
    assert.equal(say(card, SELECT), 'gone');
    card.powerUp();
    assert.equal(sw(say(card, PPSE)), '9000');
  });

  test('wrong length: one data byte is missing while the template still promises it', () => {
    const card = newCard();
    const whole = tapped(card);
    card.faults = { wrongLengthAtCommand: 3 };
    const cut = tapped(card);
    assert.equal(cut.length, whole.length - 2);
    assert.equal(sw(cut), '9000');
    assert.equal(parseTlv(Buffer.from(cut.slice(0, -4), 'hex')).ok, false);
  });

  test('garbage: noise instead of one answer, the same for the same seed', () => {
    const card = newCard();
    card.faults = { garbageAtCommand: 3 };
    const once = tapped(card);
    assert.notEqual(sw(once), '9000');
    assert.equal(tapped(card), once);
  });

  test('replaying: the first genuine answer comes again, whatever is asked', () => {
    const card = newCard();
    const first = tapped(card);
    card.faults = { replaying: true };
    assert.equal(tapped(card, gpo({ amount: '000000000500' })), first);
    assert.equal(card.state.atc, 1);
  });

  test('wrong cryptogram: everything else is as it should be', () => {
    const good = tapped(newCard());
    const card = newCard();
    card.faults = { wrongCryptogram: true };
    const bad = tapped(card);
    const at = good.indexOf('9F2608') + 6;
    assert.equal(bad.slice(0, at), good.slice(0, at));
    assert.notEqual(bad.slice(at, at + 16), good.slice(at, at + 16));
  });
});

describe('earlier generations, in a contact slot', () => {
  test('the first has a social-security application and nothing that pays', () => {
    const card = makeFirstGenerationCard('gen 1');
    card.powerUp();
    assert.equal(sw(say(card, SSSE)), '9000');
    assert.equal(sw(say(card, SELECT)), '6A82');
    assert.equal(sw(say(card, '00A404000E315041592E5359532E444446303100')), '6A82');
    assert.equal(sw(say(card, PPSE)), '6A82');
  });

  test('the second has a contact directory, and decides in GENERATE AC and not in GPO', () => {
    const card = makeSecondGenerationCard({
      seed: 'gen 2',
      pan: '6230580000000000059',
      psn: '00',
      expiry: isoDate('2030-06-30'),
      issuer: rsa.issuer,
      cardSigner: rsa.cardSigner,
    });
    card.powerUp();
    assert.equal(sw(say(card, PPSE)), '6A82');
    assert.match(say(card, '00A404000E315041592E5359532E444446303100'), /8801015F2D027A689000$/);
    assert.match(say(card, '00B2010C00'), /^701B61194F08A000000333010101/);
    assert.equal(sw(say(card, SELECT)), '9000');
    assert.equal(say(card, '80A8000002830000'), '800A7D0008010201100103009000');
    assert.equal(card.state.atc, 1);
    assert.equal(say(card, '80CA9F3600'), '9F360200019000');
    assert.equal(say(card, '80CA9F1300'), '9F130200009000');
    const cdol1 =
      '000000000500' + '000000000000' + '0156' + '0000000000' + '0156' + '261121' + '00' + '5A5A5A5A';
    assert.match(
      say(card, `80AE40001D${cdol1}00`),
      /^801E400001[0-9A-F]{16}07010103900000010A01[0-9A-F]{18}9000$/,
    );
  });
});
