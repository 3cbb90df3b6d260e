import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { missing, SHARED_FOLDER } from '../../../test-requirements.ts';
import type { Inspection } from '../inspect/inspection.ts';
import { UnionpayComReader } from './unionpay-com-reader.ts';

// Typed by hand from the layout: each field with the one blank behind it.
const LINE = [
  '00000000   ', // 1 acquirer
  '00000000   ', // 13 forwarder
  '000011', // 25 trace number
  '1120081011', // 32 transmission time
  '6299990000000000012', // 43 PAN
  '000000000200', // 63 amount
  '000000000000', // 76 accepted amount
  'C00000000000', // 89 cardholder's fee
  '0200', // 102 message type
  '000000', // 107 processing code
  '4131', // 114 MCC
  'BUS00001', // 119 terminal
  '898330241310001', // 128 merchant
  '000000000011', // 144 retrieval reference
  '00', // 157 condition
  '      ', // 160 authorisation
  '01020000   ', // 167 receiver
  '000000', // 179 original trace number
  '00', // 186 response code
  '072', // 189 entry mode
  'D00000000001', // 193 fee receivable
  '000000000000', // 206 fee payable
  '000000000000', // 219 switch fee
  '1', // 232 single or dual
  '001', // 234 card sequence number
  '6', // 238 read capability
  '0', // 240 condition
  '0000000000', // 242 original time
  '01020000   ', // 253 issuer
  '0', // 265 area
  '00', // 267 terminal type
  ' '.repeat(27), // 270 reserved
].join(' ');

function read(text: string | Buffer): Inspection {
  const reader = new UnionpayComReader(null);
  reader.push(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  return reader.end();
}

test('a line typed by hand from the layout reads', () => {
  assert.equal(LINE.length, 296);
  const second = LINE.replace(' 000011 ', ' 000012 ');
  assert.deepEqual(read(`${LINE}\n${second}\n`), {
    format: 'unionpay-com',
    schemaValid: true,
    businessValid: true,
    records: 2,
    totals: [{ currency: 'CNY', minor: 400 }],
    errors: [],
  });
});

test('the fields stand where the published layout has them', { skip: missing('shared') }, () => {
  const file = path.join(SHARED_FOLDER, 'clearing-data/layouts/unionpay-com-detail.json');
  const layout = JSON.parse(readFileSync(file, 'utf8')) as { fields: { start: number; length: number }[] };
  for (const { start, length } of layout.fields) {
    const end = start + length - 1;
    if (end < LINE.length) assert.equal(LINE[end], ' ', `a blank follows byte ${end}`);
  }
});

test('a longer line of a later edition reads, as does one that ends with CR LF', () => {
  assert.deepEqual(read(`${LINE}${'9'.repeat(80)}\r\n`).errors, []);
});

const CHANGES: readonly (readonly [what: string, change: (line: string) => string, code: string])[] = [
  [
    'no blank between two fields',
    (line) => `${line.slice(0, 24)}X${line.slice(25)}`.replace(' X', 'XX'),
    'line_malformed',
  ],
  ['letters in an amount', (line) => line.replace('000000000200', '0000000002OO'), 'field_not_digits'],
  ['a time that does not exist', (line) => line.replace('1120081011', '1320081011'), 'date_invalid'],
  ['a line cut off before its known end', (line) => line.slice(0, 200), 'truncated'],
  ['bytes that are not GBK', (line) => `${line.slice(0, 280)}\xff\xff${line.slice(282)}`, 'encoding_invalid'],
];

for (const [what, change, code] of CHANGES) {
  test(`refused: ${what}`, () => {
    const inspection = read(`${change(LINE)}\n`);
    assert.ok(
      inspection.errors.some((error) => error.code === code),
      JSON.stringify(inspection.errors),
    );
  });
}

test('the same acquirer, forwarder, trace number and time twice is one transaction told twice', () => {
  assert.deepEqual(
    read(`${LINE}\n${LINE}\n`).errors.map((error) => error.code),
    ['id_repeated'],
  );
});

test('a last line without its end counts as cut off', () => {
  assert.deepEqual(
    read(`${LINE}\n${LINE.replace(' 000011 ', ' 000012 ')}`).errors.map((error) => error.code),
    ['truncated'],
  );
});
