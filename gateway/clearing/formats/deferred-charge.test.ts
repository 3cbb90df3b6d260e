import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import {
  NO_ADJUSTMENTS,
  type Adjustment,
  type BatchIdentity,
  type DeferredCharge,
  type PresentedTap,
} from '../clearing-batch.ts';
import type { Inspection } from '../inspect/inspection.ts';
import { deferredCharge } from './deferred-charge.ts';
import { DeferredChargeReader, type ReadAdjustment, type ReadCharge } from './deferred-charge-reader.ts';

const BATCH: BatchIdentity = {
  party: 'BANK1',
  kind: 'deferred_charge',
  clearingDate: isoDate('2026-11-20'),
  sequence: 1,
};
const BANK = { cnapsCode: '102100099996', edition: 1 } as const;

// Typed by hand from deferred-charge.md.
const HAND_TYPED = [
  'H|TGDC|1|BANK1|102100099996|2026-11-20|1|156',
  'C|1|6299990000000000012|01|3012|2026-11-20|300|2026-11-20T00:10:21.000Z|2026-11-20T00:20:21.000Z|2',
  'T|1|GATE0001|21|2026-11-20T00:10:21.000Z|entry|METRO|ST1|A1B2C3D4E5F60718|80|0701|0015|7C00|89ABCDEF|000000000000||0000000000|261120|00|0156|0156|A000000333010101',
  'T|1|GATE0002|21|2026-11-20T00:20:21.000Z|exit|METRO|ST2|A1B2C3D4E5F60719|80|0701|0016|7C00|89ABCDF0|000000000000||0000000000|261120|00|0156|0156|A000000333010101',
  'Z|1|2|300',
  '',
].join('\n');

const tap = (more: Partial<PresentedTap>, objects: Record<string, string>): PresentedTap => ({
  terminalId: 'GATE0001',
  tapSequence: 21,
  tappedAtMs: Date.parse('2026-11-20T00:10:21Z'),
  tapKind: 'entry',
  lineId: 'METRO',
  stationId: 'ST1',
  pan: '6299990000000000012',
  expiry: '301231',
  dfName: 'A000000333010101',
  objects: new Map(
    Object.entries({
      '9F26': 'A1B2C3D4E5F60718',
      '9F27': '80',
      '9F10': '0701',
      '9F36': '0015',
      '82': '7C00',
      '9F37': '89ABCDEF',
      '9F02': '000000000000',
      '95': '0000000000',
      '9A': '261120',
      '9C': '00',
      '9F1A': '0156',
      '5F2A': '0156',
      ...objects,
    }),
  ),
  ...more,
});

const EXIT = tap(
  {
    terminalId: 'GATE0002',
    tappedAtMs: Date.parse('2026-11-20T00:20:21Z'),
    tapKind: 'exit',
    stationId: 'ST2',
  },
  { '9F26': 'A1B2C3D4E5F60719', '9F36': '0016', '9F37': '89ABCDF0' },
);

const CHARGE: DeferredCharge = {
  serviceDate: isoDate('2026-11-20'),
  psn: 1,
  amountFen: fen(300),
  taps: [tap({}, {}), EXIT],
};

function write(charges: readonly DeferredCharge[]): Buffer {
  const format = deferredCharge(BATCH, BANK);
  const items = charges.map((charge, index) => {
    const bytes = format.item(charge, index + 1);
    assert.ok(!('withheld' in bytes));
    return bytes;
  });
  const totalFen = fen(charges.reduce((sum, charge) => sum + charge.amountFen, 0));
  return Buffer.concat([
    format.head,
    ...items,
    format.tail({ records: charges.length, totalFen }, NO_ADJUSTMENTS),
  ]);
}

function read(bytes: Uint8Array): { inspection: Inspection; charges: ReadCharge[] } {
  const charges: ReadCharge[] = [];
  const reader = new DeferredChargeReader(null, (charge) => charges.push(charge));
  reader.push(bytes);
  return { inspection: reader.end(), charges };
}

test('a file typed by hand from the description reads, and the writer writes the same bytes', () => {
  const { inspection, charges } = read(Buffer.from(HAND_TYPED));
  assert.deepEqual(inspection, {
    format: 'deferred-charge',
    schemaValid: true,
    businessValid: true,
    records: 1,
    totals: [{ currency: 'CNY', minor: 300 }],
    errors: [],
  });
  assert.deepEqual(
    charges.map((charge) => [charge.pan, charge.amountFen, charge.taps.map((t) => t.atc)]),
    [['6299990000000000012', 300, ['0015', '0016']]],
  );
  assert.equal(write([CHARGE]).toString('latin1'), HAND_TYPED);
});

test('a file without charges is well formed', () => {
  assert.deepEqual(read(write([])).inspection, {
    format: 'deferred-charge',
    schemaValid: true,
    businessValid: true,
    records: 0,
    totals: [],
    errors: [],
  });
});

test('what was written is read again', () => {
  const amounts = fc.array(fc.integer({ min: 1, max: 9_999_999 }), { maxLength: 12 });
  fc.assert(
    fc.property(amounts, (list) => {
      const charges = list.map((amount, index) => ({
        ...CHARGE,
        amountFen: fen(amount),
        taps: [tap({ pan: `62999900000${String(index).padStart(8, '0')}` }, {})],
      }));
      const { inspection, charges: got } = read(write(charges));
      assert.deepEqual(inspection.errors, []);
      assert.deepEqual(
        got.map((charge) => charge.amountFen),
        list,
      );
    }),
    { numRuns: 50 },
  );
});

test('a file cut off at any byte is refused by name', () => {
  const file = Buffer.from(HAND_TYPED);
  for (let bytes = 1; bytes < file.length; bytes += 1) {
    const { inspection } = read(file.subarray(0, bytes));
    assert.equal(inspection.schemaValid, false, `at ${bytes}`);
  }
});

test('no bit of an amount, a count, a date or a counter flips unseen', () => {
  const file = Buffer.from(HAND_TYPED);
  const lineOf = (letter: string): number => HAND_TYPED.indexOf(`\n${letter}|`) + 1;
  const fields = [
    [HAND_TYPED.indexOf('|300|') + 1, 3],
    [lineOf('Z') + 2, 7],
    [HAND_TYPED.indexOf('|2\nT|') + 1, 1],
  ] as const;
  for (const [from, bytes] of fields) {
    for (let at = from; at < from + bytes; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = Buffer.from(file);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        const { inspection } = read(flipped);
        assert.ok(inspection.errors.length > 0, `byte ${at} bit ${bit}`);
      }
    }
  }
});

const CHANGES: readonly (readonly [what: string, from: string, to: string, code: string])[] = [
  ['another edition', '|TGDC|1|', '|TGDC|3|', 'edition_unsupported'],
  ['a CNAPS code with a wrong check digit', '102100099996', '102100099997', 'cnaps_check_digit_wrong'],
  ['a date that does not exist', '|2026-11-20|1|', '|2026-02-30|1|', 'date_invalid'],
  ['items that do not count up', '\nC|1|', '\nC|2|', 'item_number_wrong'],
  ['a tap of another charge', 'T|1|GATE0002', 'T|2|GATE0002', 'line_misplaced'],
  ['an amount of zero', '|300|2026', '|0|2026', 'amount_zero'],
  ['an amount with a leading zero', '|300|2026', '|0300|2026', 'field_not_digits'],
  [
    'a first tap that is not the first',
    'C|1|6299990000000000012|01|3012|2026-11-20|300|2026-11-20T00:10:21',
    'C|1|6299990000000000012|01|3012|2026-11-20|300|2026-11-20T00:10:20',
    'field_value_invalid',
  ],
  ['an act of the card that comes twice', '|0016|7C00', '|0015|7C00', 'presentment_repeated'],
  ['a wrong sum', 'Z|1|2|300', 'Z|1|2|301', 'sum_wrong'],
  ['a wrong count of taps', 'Z|1|2|300', 'Z|1|3|300', 'count_wrong'],
  ['a line of other fields', '|0156|0156|A0', '|0156|0156|A0|A0', 'line_malformed'],
  ['a second header', 'Z|1|2|300', 'H|TGDC|1|BANK1|102100099996|2026-11-20|1|156', 'line_misplaced'],
  ['something after the trailer', 'Z|1|2|300\n', 'Z|1|2|300\nZ|1|2|300\n', 'trailing_bytes'],
  ['a character outside ASCII', '|METRO|ST1|', '|MÉTRO|ST1|', 'encoding_invalid'],
];

for (const [what, from, to, code] of CHANGES) {
  test(`refused: ${what}`, () => {
    assert.ok(HAND_TYPED.includes(from));
    const { inspection } = read(Buffer.from(HAND_TYPED.replace(from, to), 'utf8'));
    assert.ok(
      inspection.errors.some((error) => error.code === code),
      JSON.stringify(inspection.errors),
    );
  });
}

test('a line without an end does not fill the memory', () => {
  const reader = new DeferredChargeReader(null);
  reader.push(Buffer.from('H|TGDC|1|'));
  for (let piece = 0; piece < 10 && !reader.stopped; piece += 1) reader.push(Buffer.alloc(1 << 16, 0x41));
  assert.ok(reader.stopped);
  assert.deepEqual(
    reader.end().errors.map((error) => error.code),
    ['line_too_long'],
  );
});

test('a station that holds a bar is no line of this format', () => {
  assert.throws(() => write([{ ...CHARGE, taps: [tap({ stationId: 'A|B' }, {})] }]), /bar/);
});

// Edition 2, typed by hand from the same page: the charge above, then what two late rides changed.
const ID = (digit: string): string => digit.repeat(32);
const EDITION_2 = HAND_TYPED.replace('|TGDC|1|', '|TGDC|2|').replace(
  'Z|1|2|300\n',
  [
    `A|1|${ID('A')}|6299990000000000012|01|2026-11-20|GATE0001|21|0015|300|260|-40|late_ride|2026-11-20`,
    `A|2|${ID('B')}|6299990000000000012|01|2026-11-20|GATE0001|21|0015|260|0|-260|late_price|2026-11-20`,
    `A|3|${ID('C')}|6299990000000000020|01|2026-11-02|GATE0001|7|0003|100|200|+100|late_ride|2026-11-03`,
    'Z|1|2|300|3|100|300|100',
    '',
  ].join('\n'),
);

const change = (
  digit: string,
  chargedFen: number,
  fareFen: number,
  more: Partial<Adjustment>,
): Adjustment => ({
  ...{ adjustmentId: ID(digit), serviceDate: isoDate('2026-11-20'), psn: 1, tap: tap({}, {}) },
  ...{ merchant: null, chargedFen: fen(chargedFen), fareFen: fen(fareFen), reason: 'late_ride' },
  presentedOn: isoDate('2026-11-20'),
  ...more,
});

test('edition 2 typed by hand reads with its signed total, and the writer writes the same bytes', () => {
  const read2: ReadAdjustment[] = [];
  const reader = new DeferredChargeReader(
    null,
    () => undefined,
    (adjustment) => read2.push(adjustment),
  );
  reader.push(Buffer.from(EDITION_2));
  assert.deepEqual(reader.end(), {
    ...{ format: 'deferred-charge', schemaValid: true, businessValid: true, errors: [] },
    records: 4,
    totals: [{ currency: 'CNY', minor: 100 }],
  });
  assert.deepEqual(
    read2.map((one) => [one.terminalId, one.tapSequence, one.differenceFen, one.presentedOn]),
    [
      ['GATE0001', 21, -40, '2026-11-20'],
      ['GATE0001', 21, -260, '2026-11-20'],
      ['GATE0001', 7, 100, '2026-11-03'],
    ],
  );
  const format = deferredCharge(BATCH, { ...BANK, edition: 2 });
  const charge = format.item(CHARGE, 1);
  assert.ok(!('withheld' in charge));
  const earlier = tap({ pan: '6299990000000000020', tapSequence: 7 }, { '9F36': '0003' });
  const changes = [
    change('A', 300, 260, {}),
    change('B', 260, 0, { reason: 'late_price' }),
    change('C', 100, 200, {
      ...{ tap: earlier, serviceDate: isoDate('2026-11-02'), presentedOn: isoDate('2026-11-03') },
    }),
  ].map((one, index) => {
    const bytes = format.change?.(one, index + 2, index + 1);
    assert.ok(bytes instanceof Uint8Array);
    return bytes;
  });
  const sums = { records: 3, extraFen: fen(100), reducedFen: fen(300) };
  const tail = format.tail({ records: 1, totalFen: fen(300) }, sums);
  assert.equal(Buffer.concat([format.head, charge, ...changes, tail]).toString('latin1'), EDITION_2);
});

test('a total of edition 2 may be below zero', () => {
  const file = EDITION_2.replace(/A\|3.*\n/, '')
    .replace(/\nC\|[\s\S]*?(?=\nA\|1)/, '')
    .replace('Z|1|2|300|3|100|300|100', 'Z|0|0|0|2|0|300|-300');
  const { inspection } = read(Buffer.from(file));
  assert.deepEqual([inspection.errors, inspection.totals], [[], [{ currency: 'CNY', minor: -300 }]]);
});

const CHANGES_2: readonly (readonly [what: string, from: string, to: string, code: string])[] = [
  ['an adjustment of zero', '|300|260|-40|', '|300|300|+0|', 'adjustment_zero'],
  ['more given back than was charged', '|260|0|-260|', '|260|-10|-270|', 'adjustment_beyond_original'],
  ['a difference that is not one', '|300|260|-40|', '|300|260|-50|', 'adjustment_arithmetic_wrong'],
  ['a difference without a sign', '|+100|', '|100|', 'field_not_digits'],
  ['a reason that nobody knows', '|late_price|', '|because|', 'adjustment_reason_unknown'],
  [
    'a change that does not go on from the one before it',
    '|260|0|-260|',
    '|270|10|-260|',
    'adjustment_out_of_turn',
  ],
  ['a ride of a later file', '|late_ride|2026-11-03', '|late_ride|2026-11-21', 'adjustment_out_of_turn'],
  ['an adjustment that comes twice', ID('B'), ID('A'), 'id_repeated'],
  ['numbers that do not count up', 'A|3|', 'A|4|', 'item_number_wrong'],
  ['a wrong count of adjustments', '|3|100|300|100\n', '|4|100|300|100\n', 'count_wrong'],
  ['a wrong sum of extras', '|3|100|300|100\n', '|3|101|300|100\n', 'sum_wrong'],
  ['a wrong sum given back', '|3|100|300|100\n', '|3|100|301|100\n', 'sum_wrong'],
  ['a wrong signed total', '|3|100|300|100\n', '|3|100|300|-100\n', 'sum_wrong'],
  ['an adjustment in edition 1', '|TGDC|2|', '|TGDC|1|', 'line_malformed'],
  [
    'a charge behind an adjustment',
    'Z|1|2|300|3',
    `${HAND_TYPED.split('\n')[1] ?? ''}\nZ|1|2|300|3`,
    'line_misplaced',
  ],
];

for (const [what, from, to, code] of CHANGES_2) {
  test(`refused in edition 2: ${what}`, () => {
    assert.ok(EDITION_2.includes(from));
    const { inspection } = read(Buffer.from(EDITION_2.replace(from, to)));
    assert.ok(
      inspection.errors.some((error) => error.code === code),
      JSON.stringify(inspection.errors),
    );
  });
}

test('edition 2 cut off at any byte is refused by name', () => {
  const file = Buffer.from(EDITION_2);
  for (let bytes = 1; bytes < file.length; bytes += 1)
    assert.equal(read(file.subarray(0, bytes)).inspection.schemaValid, false, `at ${bytes}`);
});

test('no bit of an adjustment flips unseen but in the names of places and cards', () => {
  const start = EDITION_2.indexOf('|300|260|-40|');
  for (const [from, bytes] of [
    [start + 1, 11],
    [EDITION_2.indexOf('Z|') + 2, 21],
  ] as const) {
    for (let at = from; at < from + bytes; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = Buffer.from(EDITION_2);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        assert.ok(read(flipped).inspection.errors.length > 0, `byte ${at} bit ${bit}`);
      }
    }
  }
});
