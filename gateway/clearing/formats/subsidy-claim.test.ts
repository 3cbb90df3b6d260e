import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { NO_ADJUSTMENTS, type BatchIdentity, type ClaimChange, type ClaimedRide } from '../clearing-batch.ts';
import type { Inspection } from '../inspect/inspection.ts';
import { SubsidyClaimReader } from './subsidy-claim-reader.ts';
import { subsidyClaim } from './subsidy-claim.ts';

const BATCH: BatchIdentity = {
  party: 'BUREAU',
  kind: 'subsidy_claim',
  clearingDate: isoDate('2026-11-20'),
  sequence: 1,
};
const RIDE: ClaimedRide = {
  serviceDate: isoDate('2026-11-20'),
  journeyId: '00112233445566778899AABBCCDDEEFF',
  cardPseudonym: 'FFEEDDCCBBAA99887766554433221100',
  operatorId: 'OP1',
  lineId: 'METRO',
  mode: 'metro',
  riderCategory: 'senior',
  concessionRuleId: 'senior-70',
  ruleSetVersion: '2026-1',
  startedAtMs: Date.parse('2026-11-20T02:00:00Z'),
  entryTap: 'GATE0001-21',
  exitTap: 'GATE0002-21',
  listFareFen: fen(400),
  fareFen: fen(0),
  shortfallFen: fen(400),
  claimedFen: fen(350),
};

// Typed by hand: title, columns, one ride, total; every line ends with CR LF, and the file begins with the byte order mark.
const HAND_TYPED = [
  '\ufeffTapGate subsidy claim,1,BUREAU,2026-11-20,1',
  'service_date,journey_id,card_pseudonym,operator_id,line_id,mode,rider_category,concession_rule_id,rule_set_version,started_at,entry_tap,exit_tap,list_fare_fen,fare_fen,shortfall_fen,claimed_fen',
  '2026-11-20,00112233445566778899AABBCCDDEEFF,FFEEDDCCBBAA99887766554433221100,OP1,METRO,metro,senior,senior-70,2026-1,2026-11-20T02:00:00.000Z,GATE0001-21,GATE0002-21,400,0,400,350',
  'total,1,350',
  '',
].join('\r\n');

function write(rides: readonly ClaimedRide[]): Buffer {
  const format = subsidyClaim(BATCH, 1);
  const lines = rides.map((ride, index) => {
    const bytes = format.item(ride, index + 1);
    assert.ok(!('withheld' in bytes));
    return bytes;
  });
  const totalFen = fen(rides.reduce((sum, ride) => sum + ride.claimedFen, 0));
  return Buffer.concat([
    format.head,
    ...lines,
    format.tail({ records: rides.length, totalFen }, NO_ADJUSTMENTS),
  ]);
}

function read(bytes: Uint8Array): Inspection {
  const reader = new SubsidyClaimReader();
  reader.push(bytes);
  return reader.end();
}

test('a claim typed by hand reads, and the writer writes the same bytes', () => {
  assert.deepEqual(read(Buffer.from(HAND_TYPED)), {
    format: 'subsidy-claim',
    schemaValid: true,
    businessValid: true,
    records: 1,
    totals: [{ currency: 'CNY', minor: 350 }],
    errors: [],
  });
  assert.equal(write([RIDE]).toString('utf8'), HAND_TYPED);
});

test('a field with a comma or a quote is quoted and comes back', () => {
  const file = write([{ ...RIDE, riderCategory: 'senior, "70+"' }]);
  assert.ok(file.includes('"senior, ""70+"""'));
  assert.deepEqual(read(file).errors, []);
});

test('a claim cut off at any byte is refused', () => {
  const file = Buffer.from(HAND_TYPED);
  for (let bytes = 3; bytes < file.length; bytes += 1)
    assert.equal(read(file.subarray(0, bytes)).schemaValid, false, `at ${bytes}`);
});

const CHANGES: readonly (readonly [what: string, from: string, to: string, code: string])[] = [
  ['a shortfall that is not list less fare', ',400,0,400,', ',400,100,400,', 'claim_arithmetic_wrong'],
  ['a wrong total', 'total,1,350', 'total,1,351', 'sum_wrong'],
  ['a wrong count', 'total,1,350', 'total,2,350', 'count_wrong'],
  [
    'a ride that comes twice',
    'total,1,350',
    `${HAND_TYPED.split('\r\n')[2] ?? ''}\r\ntotal,2,700`,
    'id_repeated',
  ],
  ['a line end without CR', 'total,1,350\r\n', 'total,1,350\n', 'line_end_wrong'],
  ['an instant that does not exist', '2026-11-20T02:00:00.000Z', '2026-11-31T02:00:00.000Z', 'date_invalid'],
  ['other columns', 'list_fare_fen,', 'list_fare,', 'line_malformed'],
  ['another edition', 'claim,1,BUREAU', 'claim,3,BUREAU', 'edition_unsupported'],
  ['something behind the total', 'total,1,350\r\n', 'total,1,350\r\ntotal,1,350\r\n', 'trailing_bytes'],
];

for (const [what, from, to, code] of CHANGES) {
  test(`refused: ${what}`, () => {
    assert.ok(HAND_TYPED.includes(from));
    const inspection = read(Buffer.from(HAND_TYPED.replace(from, to)));
    assert.ok(
      inspection.errors.some((error) => error.code === code),
      JSON.stringify(inspection.errors),
    );
  });
}

test('GBK bytes in a file that says UTF-8 are refused', () => {
  const file = Buffer.from(HAND_TYPED);
  const at = file.indexOf('senior,');
  file[at] = 0xc0;
  assert.ok(read(file).errors.some((error) => error.code === 'encoding_invalid'));
});

// Edition 2 by hand: the ride above, then a change of it and one of a ride that this funder was not asked for before.
const EDITION_2 = HAND_TYPED.replace('claim,1,BUREAU', 'claim,2,BUREAU').replace(
  'total,1,350',
  [
    'adjustment_id,journey_id,service_date,card_pseudonym,operator_id,line_id,concession_rule_id,reason,claimed_on,claimed_before_fen,claimed_after_fen,difference_fen',
    `${'A'.repeat(32)},00112233445566778899AABBCCDDEEFF,2026-11-20,FFEEDDCCBBAA99887766554433221100,OP1,METRO,,late_ride,2026-11-20,350,0,-350`,
    `${'B'.repeat(32)},${'0'.repeat(32)},2026-11-02,FFEEDDCCBBAA99887766554433221100,OP1,METRO,senior-70,late_price,,0,100,+100`,
    'total,1,350,2,100,350,100',
  ].join('\r\n'),
);

test('a claim of edition 2 typed by hand reads, and the writer writes the same bytes', () => {
  assert.deepEqual(read(Buffer.from(EDITION_2)), {
    ...{ format: 'subsidy-claim', schemaValid: true, businessValid: true, errors: [] },
    records: 3,
    totals: [{ currency: 'CNY', minor: 100 }],
  });
  const format = subsidyClaim(BATCH, 2);
  const shared = { cardPseudonym: RIDE.cardPseudonym, operatorId: 'OP1', lineId: 'METRO' };
  const changes: readonly ClaimChange[] = [
    {
      ...{ ...shared, adjustmentId: 'A'.repeat(32), journeyId: RIDE.journeyId, concessionRuleId: '' },
      ...{ serviceDate: RIDE.serviceDate, reason: 'late_ride', claimedOn: isoDate('2026-11-20') },
      ...{ beforeFen: fen(350), afterFen: fen(0) },
    },
    {
      ...{
        ...shared,
        adjustmentId: 'B'.repeat(32),
        journeyId: '0'.repeat(32),
        concessionRuleId: 'senior-70',
      },
      ...{ serviceDate: isoDate('2026-11-02'), reason: 'late_price', claimedOn: null },
      ...{ beforeFen: fen(0), afterFen: fen(100) },
    },
  ];
  const bytes = [
    format.head,
    format.item(RIDE, 1),
    format.middle,
    ...changes.map((one, index) => format.change?.(one, index + 2, index + 1)),
    format.tail({ records: 1, totalFen: fen(350) }, { records: 2, extraFen: fen(100), reducedFen: fen(350) }),
  ].map((part) => {
    assert.ok(part instanceof Uint8Array);
    return part;
  });
  assert.equal(Buffer.concat(bytes).toString('utf8'), EDITION_2);
});

for (const [what, from, to, code] of [
  ['a change of nothing', '350,0,-350', '350,350,+0', 'adjustment_zero'],
  ['more taken back than was claimed', '350,0,-350', '350,-1,-351', 'adjustment_beyond_original'],
  ['a difference that is not one', '0,100,+100', '0,100,+90', 'adjustment_arithmetic_wrong'],
  ['a reason that nobody knows', 'late_price', 'later', 'adjustment_reason_unknown'],
  ['a claim of a later date', 'late_ride,2026-11-20', 'late_ride,2026-11-21', 'adjustment_out_of_turn'],
  ['a wrong count of changes', 'total,1,350,2', 'total,1,350,3', 'count_wrong'],
  ['a wrong signed total', '100,350,100\r\n', '100,350,-100\r\n', 'sum_wrong'],
  ['no table of changes', 'adjustment_id,', 'adjustment,', 'line_malformed'],
] as const) {
  test(`refused in edition 2: ${what}`, () => {
    assert.ok(EDITION_2.includes(from));
    const inspection = read(Buffer.from(EDITION_2.replace(from, to)));
    assert.ok(
      inspection.errors.some((error) => error.code === code),
      JSON.stringify(inspection.errors),
    );
  });
}
