import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { tapSequence, terminalId } from '../wire/identifiers.ts';
import { GATE_DECISIONS, RAILS, TAP_KINDS } from '../wire/rails.ts';
import { RECORD_BYTES_MAX } from '../wire/limits.ts';
import { encodeTapRecord, judgeObjects, parseTapRecord, verifyTapRecordMac } from './tap-record-codec.ts';
import { walkTapRecord } from './tap-record-walk.ts';
import type { AskedGateway } from './asked-gateway.ts';
import type { TapRecord } from './tap-record.ts';

// The codec takes any MAC function; the test's own is not the product's, so neither can hide an error of the other.
const mac = (bytes: Uint8Array): Uint8Array => createHmac('sha256', 'terminal').update(bytes).digest();

const SAMPLE: TapRecord = {
  terminalId: terminalId('BUSA0001'),
  tapSequence: tapSequence(7),
  tappedAtMs: 1_795_300_000_123,
  rail: 'oda',
  tapKind: 'entry',
  lineId: 'metro-1',
  stationId: 'M1-03',
  ruleSetVersion: '2026-01-01',
  hotlistVersion: 12,
  gateDecision: 'open',
  gateRefusal: null,
  dfName: Buffer.from('A000000333010101', 'hex'),
  terminalData: Buffer.from('5F2A0201569A032611219C01009F02060000000000009F370401020304', 'hex'),
  gpoResponse: Buffer.from('7704820200009F3602000A', 'hex'),
  cardRecords: [
    { sfi: 1, recordNumber: 1, body: Buffer.from('70035F3400', 'hex') },
    { sfi: 2, recordNumber: 1, body: Buffer.from('7000', 'hex') },
  ],
};

const SAMPLE_HEX =
  'E181A1' +
  'C10101C2084255534130303031C30400000007C408000001A20038017BC50100C60100C7076D6574726F2D31C8054D312D3033' +
  'C90A323032362D30312D3031CA040000000CCB0100CC00CD08A000000333010101' +
  'E31D5F2A0201569A032611219C01009F02060000000000009F370401020304' +
  'E40B7704820200009F3602000A' +
  'E507010170035F3400E50402017000';

describe('tap record', () => {
  test('the bytes on the wire are the drawn layout, tag by tag', () => {
    const bytes = encodeTapRecord(SAMPLE, mac);
    const hex = Buffer.from(bytes).toString('hex').toUpperCase();
    const body = hex.slice(SAMPLE_HEX.indexOf('C10101'));
    assert.equal(body.slice(0, body.lastIndexOf('DE20')), SAMPLE_HEX.slice(SAMPLE_HEX.indexOf('C10101')));
    assert.equal(body.length, SAMPLE_HEX.length - 6 + 68);
  });

  test('decode(encode(record)) is the record, whatever it holds', () => {
    fc.assert(
      fc.property(arbitraryRecord(), (record) => {
        const parsed = parseTapRecord(encodeTapRecord(record, mac));
        assert.ok(parsed.ok);
        assert.deepEqual(normal(parsed.record), normal(record));
        assert.ok(verifyTapRecordMac(parsed, mac));
      }),
    );
  });

  test('what parses is exactly what the encoder writes: one meaning, one byte string', () => {
    const bytes = encodeTapRecord(SAMPLE, mac);
    let accepted = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const parsed = parseTapRecord(flipped);
      if (!parsed.ok) {
        assert.match(parsed.refusal.field ?? '', /^E1(\.(?:[0-9A-F]{2})+)?$/);
        continue;
      }
      accepted++;
      assert.deepEqual(Buffer.from(encodeTapRecord(parsed.record, () => parsed.mac)), Buffer.from(flipped));
      assert.equal(verifyTapRecordMac(parsed, mac), false);
    }
    assert.ok(accepted > 0, 'some flips change a value and leave the form intact');
  });

  test('one walk takes what object by object is taken, and reads the same', () => {
    const same = (bytes: Uint8Array, mustWalk: boolean): void => {
      const walked = walkTapRecord(bytes);
      const judged = judgeObjects(bytes);
      if (walked !== null) assert.deepEqual({ ok: true, ...walked }, judged);
      else assert.ok(!mustWalk || !judged.ok, 'what the encoder writes is walked');
    };
    const asked = { end: 'judged', budgetMs: 9, waitedMs: 8, hotlistVersion: 7 } as const;
    for (const record of [SAMPLE, { ...SAMPLE, asked }]) {
      const bytes = encodeTapRecord(record, mac);
      for (let at = 0; at < bytes.length; at++)
        for (let value = 0; value < 256; value++) {
          const changed = Uint8Array.from(bytes);
          changed[at] = value;
          same(changed, false);
        }
    }
    fc.assert(
      fc.property(arbitraryRecord(), (record) => {
        same(encodeTapRecord(record, mac), true);
      }),
    );
  });

  test('a record cut off after any byte is malformed', () => {
    const bytes = encodeTapRecord(SAMPLE, mac);
    for (let length = 0; length < bytes.length; length++) {
      const parsed = parseTapRecord(bytes.subarray(0, length));
      assert.deepEqual(parsed, { ok: false, refusal: { code: 'record_malformed', field: 'E1' } });
    }
  });

  test('random bytes either parse or are refused; nothing is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(parseTapRecord(bytes).ok, false);
      }),
    );
  });

  test('a record over the bound is named so before it is looked into', () => {
    const parsed = parseTapRecord(new Uint8Array(RECORD_BYTES_MAX + 1));
    assert.deepEqual(parsed, { ok: false, refusal: { code: 'record_too_large', field: 'E1' } });
  });
});

describe('a record of layout 2', () => {
  // What stands in CE, in hexadecimal: end, budget, waited, hotlist version.
  const asked: readonly (readonly [fact: string, ce: string, is: AskedGateway | null])[] = [
    [
      'judged in time',
      '00' + '00C8' + '0011' + '00000007',
      { end: 'judged', budgetMs: 200, waitedMs: 17, hotlistVersion: 7 },
    ],
    [
      'judged in the last ms',
      '00' + '00C8' + '00C8' + '00000000',
      { end: 'judged', budgetMs: 200, waitedMs: 200, hotlistVersion: 0 },
    ],
    ['judged after the last ms', '00' + '00C8' + '00C9' + '00000007', null],
    [
      'late',
      '01' + '00C8' + '00C9' + '00000000',
      { end: 'late', budgetMs: 200, waitedMs: 201, hotlistVersion: 0 },
    ],
    ['late, by a version all the same', '01' + '00C8' + '00C9' + '00000007', null],
    [
      'unreachable',
      '04' + '00C8' + '0001' + '00000000',
      { end: 'unreachable', budgetMs: 200, waitedMs: 1, hotlistVersion: 0 },
    ],
    [
      'no time left',
      '05' + '0000' + '0000' + '00000000',
      { end: 'used_up', budgetMs: 0, waitedMs: 0, hotlistVersion: 0 },
    ],
    ['resting, and waited all the same', '06' + '0000' + '0001' + '00000000', null],
    [
      'not needed',
      '07' + '0000' + '0000' + '00000000',
      { end: 'not_needed', budgetMs: 0, waitedMs: 0, hotlistVersion: 0 },
    ],
    ['an end that is none', '08' + '0000' + '0000' + '00000000', null],
  ];
  const body = SAMPLE_HEX.slice(SAMPLE_HEX.indexOf('C10101')).replace('C10101', 'C10102');
  for (const [fact, ce, is] of asked) {
    test(`${fact}: ${is === null ? 'no record' : 'read and written'}`, () => {
      const changed = body.replace('E31D', `CE09${ce}E31D`);
      const parsed = parseTapRecord(wrapped(changed));
      if (is === null) {
        assert.deepEqual(parsed, { ok: false, refusal: { code: 'record_malformed', field: 'E1.CE' } });
        return;
      }
      assert.ok(parsed.ok);
      assert.deepEqual(parsed.record.asked, is);
      const written = Buffer.from(encodeTapRecord({ ...SAMPLE, asked: is }, mac))
        .toString('hex')
        .toUpperCase();
      assert.equal(written.slice(written.indexOf('C10102'), written.lastIndexOf('DE20')), changed);
    });
  }

  test('of layout 1 there is nothing new in the bytes, and nothing in what is read', () => {
    const parsed = parseTapRecord(encodeTapRecord(SAMPLE, mac));
    assert.ok(parsed.ok);
    assert.equal('asked' in parsed.record, false);
  });
});

describe('a record with one field wrong names that field', () => {
  const cases: readonly (readonly [what: string, from: string, to: string, field: string])[] = [
    ['another layout version', 'C10101', 'C10103', 'E1.C1'],
    ['layout 02 without a word on asking', 'C10101', 'C10102', 'E1.CE'],
    ['a word on asking in layout 01', 'E31D', 'CE09' + '01' + '0064' + '0064' + '00000000' + 'E31D', 'E1.CE'],
    ['a lower-case terminal id', 'C20842', 'C20862', 'E1.C2'],
    ['tap sequence 0', 'C30400000007', 'C30400000000', 'E1.C3'],
    ['a time after the last date', 'C408000001A2', 'C408FF0001A2', 'E1.C4'],
    ['a rail outside the list', 'C50100', 'C50103', 'E1.C5'],
    ['a tap kind outside the list', 'C60100', 'C60103', 'E1.C6'],
    ['a line id with a space', 'C7076D', 'C70720', 'E1.C7'],
    ['a station id with a control character', 'C8054D', 'C8050A', 'E1.C8'],
    ['a gate decision outside the list', 'CB0100', 'CB0102', 'E1.CB'],
    ['a denial without a refusal', 'CB0100', 'CB0101', 'E1.CC'],
    ['a refusal with an open gate', 'CC00', 'CC0161', 'E1.CC'],
    ['a refusal that is no word', 'CB0100CC00', 'CB0101CC0141', 'E1.CC'],
    ['a DF name of four bytes', 'CD08A000000333010101', 'CD04A0000003', 'E1.CD'],
    ['terminal data out of order', '9A032611219C0100', '9C01009A03261121', 'E1.E3'],
    ['terminal data with a repeated tag', '9A032611219C0100', '9A032611219A0100', 'E1.E3'],
    ['an empty GPO response', 'E40B7704820200009F3602000A', 'E400', 'E1.E4'],
    ['two GPO responses', 'E507010170035F3400', 'E4020102', 'E1.E4'],
    ['records without a GPO response', 'E40B7704820200009F3602000A', '', 'E1.E5'],
    ['a record of SFI 31', 'E507010170', 'E5071F0170', 'E1.E5'],
    ['record number 0', 'E507010170', 'E507010070', 'E1.E5'],
    ['an unknown object', 'E50402017000', 'E60402017000', 'E1.E6'],
    ['fields in another order', 'C50100C60100', 'C60100C50100', 'E1.C5'],
    ['a missing field', 'C50100', '', 'E1.C5'],
    ['a repeated field', 'C50100', 'C50100C50100', 'E1.C5'],
    ['a length in two bytes that fits one', 'C50100', 'C5810100', 'E1'],
    ['an indefinite length', 'C50100', 'C58000', 'E1'],
    ['padding between fields', 'C50100', '00C50100', 'E1'],
  ];
  for (const [what, from, to, field] of cases) {
    test(`${what}: ${field}`, () => {
      const body = SAMPLE_HEX.slice(SAMPLE_HEX.indexOf('C10101'));
      assert.ok(body.includes(from), 'the case must change something');
      const changed = body.replace(from, to);
      const parsed = parseTapRecord(wrapped(changed));
      assert.deepEqual(parsed, { ok: false, refusal: { code: 'record_malformed', field } });
    });
  }

  test('a MAC of 31 bytes, a missing MAC, bytes after the MAC and after the record', () => {
    const body = SAMPLE_HEX.slice(SAMPLE_HEX.indexOf('C10101'));
    const whole = encodeTapRecord(SAMPLE, mac);
    assert.deepEqual(refusedField(outer(`${body}DE1F${'00'.repeat(31)}`)), 'E1.DE');
    assert.deepEqual(refusedField(outer(body)), 'E1.DE');
    assert.deepEqual(refusedField(outer(`${body}DE20${'00'.repeat(32)}C10101`)), 'E1.C1');
    assert.deepEqual(refusedField(Buffer.concat([whole, Uint8Array.of(0)])), 'E1');
  });

  test('the encoder throws the field of a record that has no canonical form', () => {
    assert.throws(
      () => encodeTapRecord({ ...SAMPLE, gateDecision: 'deny' }, mac),
      /not a tap record: record_malformed E1.CC/,
    );
    assert.throws(() => encodeTapRecord({ ...SAMPLE, lineId: '一号线' }, mac), /ASCII/);
    assert.throws(() => encodeTapRecord(SAMPLE, () => new Uint8Array(8)), /E1.DE/);
  });
});

function outer(bodyHex: string): Uint8Array {
  const body = Buffer.from(bodyHex, 'hex');
  return Buffer.concat([
    Uint8Array.of(0xe1),
    body.length < 256
      ? Uint8Array.of(0x81, body.length)
      : Uint8Array.of(0x82, body.length >> 8, body.length & 0xff),
    body,
  ]);
}

function wrapped(bodyHex: string): Uint8Array {
  return outer(`${bodyHex}DE20${'00'.repeat(32)}`);
}

function refusedField(bytes: Uint8Array): string | undefined {
  const parsed = parseTapRecord(bytes);
  assert.ok(!parsed.ok);
  return parsed.refusal.field;
}

function normal(record: TapRecord): unknown {
  return JSON.parse(
    JSON.stringify(record, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ),
    (_, value: unknown) => (isBufferJson(value) ? Buffer.from(value.data).toString('hex') : value),
  );
}

function isBufferJson(value: unknown): value is { type: 'Buffer'; data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
}

function arbitraryRecord(): fc.Arbitrary<TapRecord> {
  const name = (minLength: number, maxLength: number) =>
    fc
      .array(fc.integer({ min: 0x21, max: 0x7e }), { minLength, maxLength })
      .map((codes) => String.fromCharCode(...codes));
  const denial = fc.oneof(
    fc.constant({ gateDecision: GATE_DECISIONS[0], gateRefusal: null }),
    fc.constant({ gateDecision: GATE_DECISIONS[1], gateRefusal: 'hotlisted' }),
  );
  const reads = fc.array(
    fc.record({
      sfi: fc.integer({ min: 1, max: 30 }),
      recordNumber: fc.integer({ min: 1, max: 254 }),
      body: fc.uint8Array({ minLength: 1, maxLength: 256 }),
    }),
    { maxLength: 8 },
  );
  const asked = fc.record({
    end: fc.constantFrom('late', 'refused', 'not_understood', 'unreachable'),
    budgetMs: fc.integer({ min: 0, max: 0xffff }),
    waitedMs: fc.integer({ min: 0, max: 0xffff }),
    hotlistVersion: fc.constant(0),
  });
  return fc
    .record({
      terminalId: fc.stringMatching(/^[0-9A-Z]{8}$/).map(terminalId),
      tapSequence: fc.integer({ min: 1, max: 0xffff_ffff }).map(tapSequence),
      tappedAtMs: fc.integer({ min: 0, max: 8.64e15 }),
      rail: fc.constantFrom(...RAILS),
      tapKind: fc.constantFrom(...TAP_KINDS),
      lineId: name(1, 16),
      stationId: fc.option(name(1, 16)),
      ruleSetVersion: name(1, 64),
      hotlistVersion: fc.integer({ min: 0, max: 0xffff_ffff }),
      denial,
      dfName: fc.uint8Array({ minLength: 5, maxLength: 16 }),
      gpoResponse: fc.uint8Array({ minLength: 1, maxLength: 256 }),
      cardRecords: reads,
      asked: fc.option(asked),
    })
    .map(({ denial: gate, asked, ...fields }) => ({
      ...fields,
      ...gate,
      ...(asked === null ? {} : { asked }),
      terminalData: SAMPLE.terminalData,
    }));
}
