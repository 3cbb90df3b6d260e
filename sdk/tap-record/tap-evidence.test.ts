import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hex } from '../emv/hex.ts';
import type { CardExchange } from './card-exchange.ts';
import { readEvidence, type TapEvidence } from './tap-evidence.ts';

const bytes = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Objects of an invented card, by tag; a test changes one and builds the exchange again. */
const GPO: readonly (readonly [string, string])[] = [
  ['82', '02 7C00'],
  ['94', '08 08010101 10010100'],
  ['9F36', '02 001D'],
  ['9F26', '08 0102030405060708'],
  ['9F10', '13 07 01 17 03A00000 04 0A 01 0000038787 868FD1FC'],
  ['57', '10 6230580000000000034D30122200000F'],
  ['5F34', '01 01'],
  ['9F4B', '02 1500'],
];
const RECORD_1: readonly (readonly [string, string])[] = [
  ['5A', '0A 6230580000000000034F'],
  ['5F24', '03 301231'],
];
const RECORD_2: readonly (readonly [string, string])[] = [
  ['8F', '01 18'],
  ['90', '02 1200'],
  ['9F46', '02 1400'],
];
const TERMINAL =
  '5F2A020156 950500000000009A03261121 9C0100 9F0206000000000200 9F0306000000000000 9F1A020156 9F370401020304 9F660421800080';

type Change = Partial<{
  gpo: typeof GPO;
  record1: typeof RECORD_1;
  record2: typeof RECORD_2;
  terminal: string;
}>;

function template(tag: string, objects: readonly (readonly [string, string])[]): Uint8Array {
  const value = bytes(objects.map(([name, rest]) => name + rest).join(''));
  return Buffer.concat([bytes(tag), Uint8Array.of(value.length), value]);
}

function exchange(change: Change = {}): CardExchange {
  return {
    terminalData: bytes(change.terminal ?? TERMINAL),
    gpoResponse: template('77', change.gpo ?? GPO),
    cardRecords: [
      { sfi: 1, recordNumber: 1, body: template('70', change.record1 ?? RECORD_1) },
      { sfi: 2, recordNumber: 1, body: template('70', change.record2 ?? RECORD_2) },
    ],
  };
}

const without = (objects: typeof GPO, tag: string) => objects.filter(([name]) => name !== tag);
const replaced = (objects: typeof GPO, tag: string, value: string) =>
  objects.map(([name, old]) => [name, name === tag ? value : old] as const);

function evidenceOf(input: CardExchange): TapEvidence {
  const result = readEvidence(input);
  assert.ok(result.ok);
  return result.evidence;
}

function refusalOf(input: CardExchange): string {
  const result = readEvidence(input);
  assert.ok(!result.ok);
  return `${result.refusal.code} ${result.refusal.field ?? ''}`;
}

describe('evidence of a tap', () => {
  test('every object is found, wherever the card put it', () => {
    const evidence = evidenceOf(exchange());
    assert.equal(evidence.identity.pan.reveal(), '6230580000000000034');
    assert.equal(evidence.identity.panSequenceNumber, '01');
    assert.equal(evidence.identity.expiry, '2030-12-31');
    assert.equal(evidence.atc, 0x1d);
    assert.equal(evidence.cryptogramType, 'ARQC');
    assert.equal(evidence.caKeyIndex, 0x18);
    assert.equal(evidence.cardAuthenticationData, null);
    assert.equal(evidence.terminal.amountAuthorisedFen, 200);
    assert.equal(evidence.terminal.transactionDate, '2026-11-21');
    assert.equal(hex(evidence.terminal.ttq), '21800080');
  });

  test('static data is the content of the authenticated records, and the AIP where 9F4A asks for it', () => {
    const content = '5A0A6230580000000000034F5F2403301231';
    assert.equal(hex(evidenceOf(exchange()).staticData), content);
    const withTagList = exchange({ record2: [...RECORD_2, ['9F4A', '01 82']] });
    assert.equal(hex(evidenceOf(withTagList).staticData), `${content}7C00`);
    const nothing = exchange({ gpo: replaced(GPO, '94', '08 08010100 10010100') });
    assert.equal(hex(evidenceOf(nothing).staticData), '');
  });

  test('the cryptogram type follows the CVR, and 9F27 may repeat it but not contradict it', () => {
    const typed = (status: string) =>
      evidenceOf(
        exchange({ gpo: replaced(GPO, '9F10', `13 07011703${status}0000 040A010000038787868FD1FC`) }),
      ).cryptogramType;
    assert.deepEqual([typed('80'), typed('90'), typed('A0')], ['AAC', 'TC', 'ARQC']);
    assert.equal(evidenceOf(exchange({ gpo: [...GPO, ['9F27', '01 80']] })).cryptogramType, 'ARQC');
    assert.equal(refusalOf(exchange({ gpo: [...GPO, ['9F27', '01 40']] })), 'card_data_invalid 9F27');
  });

  test('an object that is repeated with its value is no contradiction', () => {
    assert.ok(readEvidence(exchange({ record2: [...RECORD_2, ['5F24', '03 301231']] })).ok);
  });

  const cases: readonly (readonly [string, Change, string])[] = [
    [
      '5A that differs from 57',
      { record1: replaced(RECORD_1, '5A', '0A 6230580000000000042F') },
      'card_data_invalid 57',
    ],
    ['a second 5A', { record2: [...RECORD_2, ['5A', '0A 6230580000000000042F']] }, 'card_data_invalid 5A'],
    ['a second 5F24', { record2: [...RECORD_2, ['5F24', '03 311231']] }, 'card_data_invalid 5F24'],
    [
      'a second 57',
      { record2: [...RECORD_2, ['57', '10 6230580000000000034D31122200000F']] },
      'card_data_invalid 57',
    ],
    ['no PAN at all', { gpo: without(GPO, '57'), record1: without(RECORD_1, '5A') }, 'card_data_missing 5A'],
    [
      'no expiry at all',
      { gpo: without(GPO, '57'), record1: without(RECORD_1, '5F24') },
      'card_data_missing 5F24',
    ],
    [
      'an expiry of 31 February',
      { record1: replaced(RECORD_1, '5F24', '03 300231') },
      'card_data_invalid 5F24',
    ],
    ['no AIP', { gpo: without(GPO, '82') }, 'card_data_missing 82'],
    ['no AFL', { gpo: without(GPO, '94') }, 'card_data_missing 94'],
    ['no ATC', { gpo: without(GPO, '9F36') }, 'card_data_missing 9F36'],
    ['no cryptogram', { gpo: without(GPO, '9F26') }, 'card_data_missing 9F26'],
    ['no issuer application data', { gpo: without(GPO, '9F10') }, 'card_data_missing 9F10'],
    ['no CA key index', { record2: without(RECORD_2, '8F') }, 'card_data_missing 8F'],
    ['no issuer certificate', { record2: without(RECORD_2, '90') }, 'card_data_missing 90'],
    ['no card certificate', { record2: without(RECORD_2, '9F46') }, 'card_data_missing 9F46'],
    ['no dynamic signature', { gpo: without(GPO, '9F4B') }, 'card_data_missing 9F4B'],
    ['an ATC of one byte', { gpo: replaced(GPO, '9F36', '01 1D') }, 'card_data_invalid 9F36'],
    [
      'a cryptogram of seven bytes',
      { gpo: replaced(GPO, '9F26', '07 01020304050607') },
      'card_data_invalid 9F26',
    ],
    ['issuer data without a CVR', { gpo: replaced(GPO, '9F10', '03 070117') }, 'card_data_invalid 9F10'],
    ['a cryptogram type 11', { gpo: replaced(GPO, '9F10', '07 07011703B00000') }, 'card_data_invalid 9F10'],
    ['an AFL of five bytes', { gpo: replaced(GPO, '94', '05 0801010110') }, 'card_data_invalid 94'],
    [
      'an authenticated record unread',
      { gpo: replaced(GPO, '94', '08 08010101 18010101') },
      'card_data_missing E1.E5',
    ],
    ['9F4A that asks for more', { record2: [...RECORD_2, ['9F4A', '02 8294']] }, 'card_data_invalid 9F4A'],
    [
      'no amount told',
      { terminal: TERMINAL.replace('9F0206000000000200', '') },
      'card_data_missing E1.E3.9F02',
    ],
    ['no random told', { terminal: TERMINAL.replace('9F370401020304', '') }, 'card_data_missing E1.E3.9F37'],
    [
      'an amount that is no BCD',
      { terminal: TERMINAL.replace('000200', '00020A') },
      'card_data_invalid E1.E3.9F02',
    ],
    [
      'a date that is none',
      { terminal: TERMINAL.replace('9A03261121', '9A03261131') },
      'card_data_invalid E1.E3.9A',
    ],
    ['terminal data cut off', { terminal: TERMINAL.slice(0, -2) }, 'card_data_invalid E1.E3'],
  ];
  for (const [what, change, expected] of cases)
    test(`${what}: ${expected}`, () => {
      assert.equal(refusalOf(exchange(change)), expected);
    });

  test('templates that cannot be read are named by their field', () => {
    const whole = exchange();
    assert.equal(refusalOf({ ...whole, gpoResponse: null, cardRecords: [] }), 'card_data_missing E1.E4');
    assert.equal(refusalOf({ ...whole, gpoResponse: bytes('7703820200') }), 'card_data_invalid E1.E4');
    assert.equal(refusalOf({ ...whole, gpoResponse: bytes('6F00') }), 'card_data_invalid E1.E4');
    const record = (body: string) => ({
      ...whole,
      cardRecords: [{ sfi: 1, recordNumber: 1, body: bytes(body) }],
    });
    assert.equal(refusalOf(record('7005')), 'card_data_invalid E1.E5');
    assert.equal(refusalOf(record('70007000')), 'card_data_invalid E1.E5');
    assert.equal(refusalOf(record('77009000')), 'card_data_invalid E1.E5');
  });

  test('template 80 gives AIP and AFL, and no cryptogram', () => {
    const format1 = { ...exchange(), gpoResponse: bytes('800A7C00 08010101 10010100') };
    assert.equal(refusalOf(format1), 'card_data_missing 9F36');
  });

  test('evidence printed by accident shows no PAN in clear fields of the identity', () => {
    assert.doesNotMatch(JSON.stringify(evidenceOf(exchange()).identity), /62305800/);
  });
});
