import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { missing, SHARED_FOLDER } from '../../../test-requirements.ts';
import {
  NO_ADJUSTMENTS,
  type Adjustment,
  type BatchIdentity,
  type PresentedTap,
  type Presentment,
} from '../clearing-batch.ts';
import type { ClearingProfile } from '../clearing-profile.ts';
import { encodeCut } from '../fixed-width.ts';
import type { Inspection } from '../inspect/inspection.ts';
import { loadClearingProfiles } from '../load-clearing-profiles.ts';
import { cupTc526, TC526_FIELDS } from './cup-tc-526.ts';
import { Tc526Reader, type Tc526Record } from './cup-tc-526-reader.ts';

// Typed by hand from the layout, field by field with its place: nothing here comes from the writer. The name is bytes of GBK.
const NAME_GBK = 'CABEC0FDB9ABBDBBB6FEC2B7'; // 示例公交二路
const HAND_TYPED = Buffer.concat([
  Buffer.from('HEADER OF A PARTNER THAT NOBODY ELSE CAN READ.'), // 46 bytes
  Buffer.from(
    '300' + // 1 transaction code
      'A000' + // 4 segment bitmap
      '6299990000000000012' + // 8 PAN
      '000000000200' + // 27 amount
      '156' + // 39 currency
      '1120081011' + // 42 month to second
      '000011' + // 52 trace number
      '      ' + // 58 authorisation
      '    ' + // 64 authorisation date
      '000000000011' + // 68 retrieval reference
      '00000000   ' + // 80 acquirer
      '00000000   ' + // 91 forwarder
      '4131' + // 102 MCC
      'BUS00001' + // 106 terminal
      '898330241310001', // 114 merchant
  ),
  Buffer.concat([Buffer.from(NAME_GBK, 'hex'), Buffer.from(' '.repeat(28))]), // 129 merchant name
  Buffer.from(
    ' '.repeat(23) + // 169 original transaction
      '    ' + // 192 reason
      ' ' + // 196 single or dual
      '         ' + // 197 switch serial
      '01020000   ' + // 206 receiver
      '01020000   ' + // 217 issuer
      ' ' + // 228 notify
      '03' + // 229 channel
      ' ' + // 231 feature
      '        ' + // 232 switch reserved
      '00' + // 240 point of service condition
      '            ' + // 242 own fee
      ' ' + // 254 cross border
      ' '.repeat(15) + // 255 reserved
      'A1B2C3D4E5F60718' + // 270 cryptogram
      '072' + // 286 entry mode
      '001' + // 289 card sequence number
      '6' + // 292 read capability
      '0' + // 293 condition
      'E0F0C8' + // 294 terminal capabilities
      '0000000000' + // 300 TVR
      '89ABCDEF' + // 310 unpredictable number
      'BUS00001' + // 318 device serial
      '07010103A0000004'.padEnd(64) + // 326 issuer application data
      '0067' + // 390 ATC
      '7C00' + // 394 AIP
      '261120' + // 398 date
      '156' + // 404 country
      'Y1' + // 407 response code
      '00' + // 409 type
      '000000000200' + // 411 amount authorised
      '156' + // 423 currency
      ' ' + // 426 check result
      '3012' + // 427 expiry
      '40' + // 431 CID
      '000000000000' + // 433 other amount
      '1F0002' + // 445 CVM results
      '26' + // 451 terminal type
      'A000000333010101'.padEnd(32) + // 453 DF name
      '0030' + // 485 application version
      '00000011' + // 489 transaction counter
      ' '.repeat(30), // 497 reserved
  ),
  Buffer.from('TRAILER OF A PARTNER THAT NOBODY ELSE CAN READ...'), // 49 bytes
]);

function read(
  bytes: Uint8Array,
  pieceBytes = bytes.length,
): { inspection: Inspection; records: Tc526Record[] } {
  const records: Tc526Record[] = [];
  const reader = new Tc526Reader(null, (record) => records.push(record));
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
  return { inspection: reader.end(), records };
}

test('a file typed by hand from the layout reads', () => {
  assert.equal(HAND_TYPED.length, 46 + 526 + 49);
  const { inspection, records } = read(HAND_TYPED);
  assert.deepEqual(inspection, {
    format: 'cup-tc-526',
    schemaValid: true,
    businessValid: true,
    records: 1,
    totals: [{ currency: 'CNY', minor: 200 }],
    errors: [],
  });
  const [record] = records;
  assert.ok(record);
  assert.deepEqual(
    [record.pan, record.psn, record.atc, record.merchantName],
    ['6299990000000000012', '001', '0067', '示例公交二路'],
  );
});

test('the pieces in which a file comes do not matter', () => {
  const whole = read(HAND_TYPED).inspection;
  for (const pieceBytes of [1, 7, 46, 526, 600])
    assert.deepEqual(read(HAND_TYPED, pieceBytes).inspection, whole);
});

const BATCH: BatchIdentity = {
  party: 'BANK1',
  kind: 'offline_purchase',
  clearingDate: isoDate('2026-11-20'),
  sequence: 1,
};
const PROFILE = { ...loadClearingProfiles().of('BANK1'), institutionId: '01020000' };
const OBJECTS: Record<string, string> = {
  '9F26': 'A1B2C3D4E5F60718',
  '9F27': '40',
  '9F10': '07010103A0000004',
  '9F36': '0067',
  '82': '7C00',
  '9F37': '89ABCDEF',
  '9F02': '000000000200',
  '9F03': '000000000000',
  '95': '0000000000',
  '9A': '261120',
  '9C': '00',
  '9F1A': '0156',
  '5F2A': '0156',
  '9F33': 'E0F0C8',
  '9F1E': '4255533030303031',
  '9F34': '1F0002',
  '9F35': '26',
  '9F09': '0030',
  '9F41': '00000011',
};

const TAP: PresentedTap = {
  terminalId: 'BUS00001',
  tapSequence: 11,
  tappedAtMs: Date.parse('2026-11-20T00:10:11Z'),
  tapKind: 'single',
  lineId: 'BUS',
  stationId: null,
  pan: '6299990000000000012',
  expiry: '301231',
  dfName: 'A000000333010101',
  objects: new Map(Object.entries(OBJECTS)),
};

const presentment = (more: Partial<Presentment> = {}, objects: Record<string, string> = {}): Presentment => ({
  serviceDate: isoDate('2026-11-20'),
  psn: 1,
  amountFen: fen(200),
  merchant: { merchantId: '898330241310001', nameZh: '示例公交二路', mcc: '4131' },
  tap: { ...TAP, objects: new Map(Object.entries({ ...OBJECTS, ...objects })) },
  ...more,
});

const CUT_AT = Date.parse('2026-11-20T15:00:00Z');

function write(items: readonly Presentment[]): Buffer {
  const format = cupTc526(BATCH, PROFILE, CUT_AT);
  const bytes = items.map((item, index) => {
    const written = format.item(item, index + 1);
    assert.ok(!('withheld' in written));
    return written;
  });
  const totalFen = fen(items.reduce((sum, item) => sum + item.amountFen, 0));
  return Buffer.concat([
    format.head,
    ...bytes,
    format.tail({ records: items.length, totalFen }, NO_ADJUSTMENTS),
  ]);
}

test('what the writer writes is, byte for byte, what was typed by hand', () => {
  assert.deepEqual(write([presentment()]).subarray(46, 46 + 526), HAND_TYPED.subarray(46, 46 + 526));
});

test('the table of the writer is the published layout', { skip: missing('shared') }, () => {
  const file = path.join(SHARED_FOLDER, 'clearing-data/layouts/unionpay-tc-detail-526.json');
  assert.ok(existsSync(file));
  const layout = JSON.parse(readFileSync(file, 'utf8')) as { fields: { start: number; length: number }[] };
  assert.deepEqual(
    TC526_FIELDS.map(({ start, bytes }) => [start, bytes]),
    layout.fields.map(({ start, length }) => [start, length]),
  );
});

const WITHHELD: readonly (readonly [what: string, item: Presentment, cause: string])[] = [
  ['the charge is not what the card signed', presentment({ amountFen: fen(100) }), 'amount_differs'],
  ['9F02 is no number', presentment({}, { '9F02': '00000000020F' }), 'amount_differs'],
  ['an ARQC is no certificate', presentment({}, { '9F27': '80' }), 'not_a_transaction_certificate'],
];

for (const [what, item, cause] of WITHHELD) {
  test(`withheld, not sent: ${what}`, () => {
    assert.deepEqual(cupTc526(BATCH, PROFILE, CUT_AT).item(item, 1), { withheld: cause });
  });
}

test('withheld, not sent: an object without which no issuer can recompute the certificate', () => {
  for (const tag of ['9F26', '9F10', '9F36', '82', '9F37', '95', '9A', '9C', '9F1A', '5F2A']) {
    const objects = new Map(Object.entries(OBJECTS));
    objects.delete(tag);
    const item = presentment({ tap: { ...TAP, objects } });
    assert.deepEqual(cupTc526(BATCH, PROFILE, CUT_AT).item(item, 1), { withheld: 'evidence_missing' }, tag);
  }
});

test('a merchant name is cut between characters, and a character of four bytes is one of them', () => {
  assert.equal(encodeCut('公'.repeat(21), 40, 'gb18030').length, 40);
  assert.equal(encodeCut(`A${'公'.repeat(21)}`, 40, 'gb18030').length, 39);
  // U+20000 takes four bytes in GB18030 and is two units of UTF-16.
  assert.equal(encodeCut(`${'公'.repeat(19)}𠀀`, 40, 'gb18030').length, 38);
  assert.equal(encodeCut(`${'公'.repeat(18)}𠀀`, 40, 'gb18030').length, 40);
});

test('any name comes back as a beginning of itself', () => {
  const characters = fc.stringMatching(/^[ -~一-龥𠀀-𠀿]{0,60}$/u);
  fc.assert(
    fc.property(characters, (name) => {
      const item = presentment({ merchant: { merchantId: '1', nameZh: name, mcc: '4131' } });
      const { records, inspection } = read(write([item]));
      assert.deepEqual(inspection.errors, []);
      assert.ok(name.startsWith(records[0]?.merchantName ?? ' '));
    }),
  );
});

test('what was written is read again: PAN, counters, amounts, count and sum', () => {
  const acts = fc.uniqueArray(
    fc.record({
      pan: fc.stringMatching(/^62\d{10,17}$/),
      atc: fc.integer({ min: 1, max: 65_535 }),
      psn: fc.integer({ min: 0, max: 99 }),
      amountFen: fc.integer({ min: 1, max: 99_999_999 }),
    }),
    { maxLength: 20, minLength: 1, selector: (act) => `${act.pan} ${act.psn} ${act.atc}` },
  );
  fc.assert(
    fc.property(acts, (list) => {
      const items = list.map(({ pan, atc, psn, amountFen }) => {
        const objects = {
          '9F36': atc.toString(16).toUpperCase().padStart(4, '0'),
          '9F02': String(amountFen).padStart(12, '0'),
        };
        const item = presentment({ psn, amountFen: fen(amountFen) }, objects);
        return { ...item, tap: { ...item.tap, pan } };
      });
      const { inspection, records } = read(write(items));
      assert.deepEqual(inspection.errors, []);
      assert.deepEqual(
        records.map((record) => [
          record.pan,
          Number.parseInt(record.atc, 16),
          Number(record.psn),
          record.amountFen,
        ]),
        list.map((act) => [act.pan, act.atc, act.psn, act.amountFen]),
      );
    }),
    { numRuns: 50 },
  );
});

test('a file cut off at any byte is refused by name', () => {
  const file = write([presentment(), presentment({}, { '9F36': '0068' })]);
  for (let bytes = 1; bytes < file.length; bytes += 1) {
    const { inspection } = read(file.subarray(0, bytes));
    assert.notEqual(inspection.schemaValid && inspection.businessValid, true, `at ${bytes}`);
    assert.ok(inspection.errors.length > 0);
  }
});

test('a bit that flips inside a field with a form of its own is refused by name', () => {
  const file = write([presentment()]);
  const silent: number[] = [];
  for (let at = 46; at < 46 + 526; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const flipped = Buffer.from(file);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
      const { inspection } = read(flipped);
      if (inspection.errors.length === 0) silent.push(at - 45);
    }
  }
  // Free text and identifiers of partners have no form to break; the manifest's hashes see those.
  const formless = (byte: number): boolean => !(byte >= 27 && byte < 42) && !(byte >= 411 && byte < 426);
  assert.ok(silent.every(formless), 'no amount or currency changes unseen');
});

const REFUSED: readonly (readonly [what: string, change: (file: Buffer) => Buffer, code: string])[] = [
  [
    'a count in the trailer that is wrong',
    (file) => replaced(file, 46 + 1052 + 10, '0000000003'),
    'count_wrong',
  ],
  [
    'a sum in the trailer that is wrong',
    (file) => replaced(file, 46 + 1052 + 20, '0000000000000401'),
    'sum_wrong',
  ],
  [
    'an amount of zero',
    (file) => replaced(replaced(file, 46 + 26, '000000000000'), 46 + 410, '000000000000'),
    'amount_zero',
  ],
  ['two amounts in one record', (file) => replaced(file, 46 + 26, '000000000201'), 'amounts_differ'],
  [
    'an act of a card that comes twice',
    (file) => replaced(file, 46 + 526 + 389, '0067'),
    'presentment_repeated',
  ],
  ['a 31st of June', (file) => replaced(file, 46 + 397, '260631'), 'date_invalid'],
  ['a name that ends in half a character', (file) => replaced(file, 46 + 167, '\xb9'), 'encoding_invalid'],
  [
    "no record at all behind a partner's header",
    () => Buffer.concat([HAND_TYPED.subarray(0, 46), HAND_TYPED.subarray(-49)]),
    'no_records',
  ],
  ['a byte too many', (file) => Buffer.concat([file, Buffer.from('x')]), 'truncated'],
];

for (const [what, change, code] of REFUSED) {
  test(`refused: ${what}`, () => {
    const file = change(write([presentment(), presentment({}, { '9F36': '0068' })]));
    const { inspection } = read(file);
    assert.ok(
      inspection.errors.some((error) => error.code === code),
      JSON.stringify(inspection.errors),
    );
  });
}

function replaced(file: Buffer, at: number, text: string): Buffer {
  const changed = Buffer.from(file);
  changed.write(text, at, 'latin1');
  return changed;
}

test('a day without records is a file where our own default or the profile says so, and refused where it does not', () => {
  assert.deepEqual(read(write([])).inspection.errors, []);
  const codes = (['file', 'manifest_only'] as const).map((emptyFile) => {
    const reader = new Tc526Reader({
      party: 'BANK1',
      cnapsCode: null,
      institutionId: '01020000',
      tc526: PROFILE.tc526,
      emptyFile,
      sequence: { restarts: 'daily' },
      isBankingDay: () => true,
    });
    reader.push(write([]));
    return reader.end().errors.map((error) => error.code);
  });
  assert.deepEqual(codes, [[], ['no_records']]);
});

test('under a profile the bank, the currency and the header are judged', () => {
  const judge = (institutionId: string): string[] => {
    const reader = new Tc526Reader({
      party: 'BANK1',
      cnapsCode: null,
      institutionId,
      tc526: PROFILE.tc526,
      emptyFile: 'file',
      sequence: { restarts: 'daily' },
      isBankingDay: () => true,
    });
    reader.push(write([presentment()]));
    return reader.end().errors.map((error) => error.code);
  };
  assert.deepEqual(judge('01020000'), []);
  assert.deepEqual(new Set(judge('01050000')), new Set(['bank_not_of_profile']));
});

// A profile of a bank that has said how it marks a refund.
const REFUNDING: ClearingProfile = {
  ...PROFILE,
  tc526: {
    ...PROFILE.tc526,
    trailer: 'TGTC526T02{records:0>10}{totalFen:0>13}{refunds:0>6}{refundFen:0>10}',
    refund: { transactionCode: '301', reasonCode: '' },
  },
};
const adjustment = (chargedFen: number, fareFen: number): Adjustment => ({
  ...{ adjustmentId: 'A'.repeat(32), serviceDate: isoDate('2026-11-20'), psn: 1, reason: 'late_ride' },
  ...{ tap: presentment().tap, merchant: presentment().merchant, presentedOn: isoDate('2026-11-20') },
  ...{ chargedFen: fen(chargedFen), fareFen: fen(fareFen) },
});

/** A purchase of 200 fen and refunds of it, each from one fare to another. */
function withRefunds(...fares: readonly (readonly [from: number, to: number])[]): Buffer {
  const format = cupTc526(BATCH, REFUNDING, CUT_AT);
  const refunds = fares.map(([from, to], index) => {
    const bytes = format.change?.(adjustment(from, to), index + 2, index + 1);
    assert.ok(bytes instanceof Uint8Array);
    return bytes;
  });
  const item = format.item(presentment(), 1);
  assert.ok(item instanceof Uint8Array);
  const reducedFen = fen(fares.reduce((sum, [from, to]) => sum + from - to, 0));
  const tail = format.tail(
    { records: 1, totalFen: fen(200) },
    { records: fares.length, extraFen: fen(0), reducedFen },
  );
  return Buffer.concat([format.head, item, ...refunds, tail]);
}

test('a refund is a record of its own that names the purchase by date, time and trace number', () => {
  const file = withRefunds([200, 160], [160, 0]);
  const { inspection, records } = read(file);
  assert.deepEqual(inspection.errors, []);
  assert.deepEqual([inspection.records, inspection.totals], [3, [{ currency: 'CNY', minor: 0 }]]);
  assert.deepEqual(
    records.map(({ refundOf, amountFen, atc }) => [refundOf, amountFen, atc]),
    [
      [null, 200, '0067'],
      ['1120081011000011', 40, '0067'],
      ['1120081011000011', 160, '0067'],
    ],
  );
  // By the layout's own places, counted from 1: code, amount, own time and trace number, original, signed amount.
  const refund = file.subarray(46 + 526, 46 + 2 * 526).toString('latin1');
  const field = (start: number, bytes: number): string => refund.slice(start - 1, start - 1 + bytes);
  assert.deepEqual(
    [field(1, 3), field(27, 12), field(42, 10), field(52, 6), field(169, 23), field(411, 12)],
    ['301', '000000000040', '1120230000', '000001', '   1120081011000011    ', '000000000200'],
  );
});

test('what costs more than the card signed is held; without a code for refunds nothing is carried', () => {
  assert.deepEqual(cupTc526(BATCH, REFUNDING, CUT_AT).change?.(adjustment(160, 200), 2, 1), {
    held: 'no_certificate',
  });
  assert.equal(cupTc526(BATCH, PROFILE, CUT_AT).change, undefined);
});

test('refused: refunds that give back more than was signed, that are not counted, or are of no time', () => {
  const codes = (file: Buffer): string[] => read(file).inspection.errors.map(({ code }) => code);
  assert.deepEqual(codes(withRefunds([200, 100], [200, 90])), ['adjustment_beyond_original']);
  const counted = withRefunds([200, 160]);
  const trailer = counted.length - 49;
  for (const [at, code] of [
    [trailer + 38, 'count_wrong'],
    [trailer + 48, 'sum_wrong'],
  ] as const) {
    const changed = Buffer.from(counted);
    changed[at] = 0x39;
    assert.deepEqual(codes(changed), [code]);
  }
  const uncounted = Buffer.from(counted);
  uncounted.write('TGTC526T0100000000010000000000000200             ', trailer, 'latin1');
  assert.deepEqual(codes(uncounted), ['count_wrong']);
  const timeless = Buffer.from(counted);
  timeless.write('1320', 46 + 526 + 171, 'latin1');
  assert.deepEqual(codes(timeless), ['date_invalid']);
});
