import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { hex } from '@tapgate/sdk/emv/hex';
import { encodeTlv } from '@tapgate/sdk/emv/tlv-encoding';
import { readCardObjects } from '@tapgate/sdk/tap-record/card-exchange';
import { encodeTapRecord, parseTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';
import { panOf, tapRecordOf, type FixtureJourney, type FixtureTap } from '../store/settled-day.fixture.ts';
import { amountObjectFen, readPresentedTap } from './presented-tap.ts';

const TAP: FixtureTap = {
  terminal: 'GATE0001',
  sequence: 7,
  atMs: Date.parse('2026-11-20T00:10:00Z'),
  kind: 'entry',
  atc: 0x67,
  amountFen: 0,
};
const JOURNEY: FixtureJourney = {
  card: 12,
  bankId: 'BANK1',
  serviceDate: '2026-11-20',
  lineId: 'METRO',
  rail: 'oda',
  fareFen: 300,
  taps: [TAP],
};

const bytesOf = (record: TapRecord): Uint8Array => encodeTapRecord(record, () => randomBytes(32));

test('the walk finds what the parsers find', () => {
  const taps = fc.record({
    sequence: fc.integer({ min: 1, max: 0xffff_ffff }),
    atc: fc.integer({ min: 0, max: 0xffff }),
    amountFen: fc.integer({ min: 0, max: 999_999 }),
    atMs: fc.integer({ min: 1_600_000_000_000, max: 1_900_000_000_000 }),
    card: fc.integer({ min: 0, max: 99_999_999 }),
  });
  fc.assert(
    fc.property(taps, ({ card, ...tap }) => {
      const bytes = bytesOf(tapRecordOf({ ...JOURNEY, card }, { ...TAP, ...tap }));
      const walked = readPresentedTap(bytes);
      assert.ok(!('withheld' in walked));
      const parsed = parseTapRecord(bytes);
      assert.ok(parsed.ok);
      const { record } = parsed;
      assert.deepEqual(
        [
          walked.terminalId,
          walked.tapSequence,
          walked.tappedAtMs,
          walked.tapKind,
          walked.lineId,
          walked.stationId,
          walked.dfName,
        ],
        [
          record.terminalId,
          record.tapSequence,
          record.tappedAtMs,
          record.tapKind,
          record.lineId,
          record.stationId,
          hex(record.dfName),
        ],
      );
      const card2 = readCardObjects(record);
      const terminal = parseTlv(record.terminalData);
      assert.ok(card2.ok && terminal.ok);
      for (const [tag, value] of walked.objects) {
        const own: Uint8Array | undefined =
          terminal.nodes.find((node) => node.tag === tag)?.value ?? card2.objects.get(tag);
        assert.ok(own, tag);
        assert.equal(value, hex(own), tag);
      }
      assert.equal(walked.pan, panOf(card));
      assert.equal(walked.expiry, '301231');
    }),
  );
});

test('a PAN that only track 2 has is found, up to its separator', () => {
  const record = tapRecordOf(JOURNEY, TAP);
  const body = encodeTlv('70', encodeTlv('57', Buffer.from('6299990000000000012D30122010000000000F', 'hex')));
  const walked = readPresentedTap(bytesOf({ ...record, cardRecords: [{ sfi: 1, recordNumber: 1, body }] }));
  assert.ok(!('withheld' in walked));
  assert.equal(walked.pan, '6299990000000000012');
});

test('objects inside a template of a record are found', () => {
  const record = tapRecordOf(JOURNEY, TAP);
  const inner = encodeTlv('BF0C', encodeTlv('5A', Buffer.from('6299990000000000012F', 'hex')));
  const body = encodeTlv('70', inner);
  const walked = readPresentedTap(bytesOf({ ...record, cardRecords: [{ sfi: 1, recordNumber: 1, body }] }));
  assert.ok(!('withheld' in walked));
  assert.equal(walked.pan, '6299990000000000012');
});

test('what a bank cannot do without is missed by name', () => {
  for (const lacks of ['9F26', '9F36', '9F37', '9F02', '5A']) {
    const bytes = bytesOf(tapRecordOf(JOURNEY, { ...TAP, lacks }));
    assert.deepEqual(readPresentedTap(bytes), { withheld: 'evidence_missing' }, lacks);
  }
  const bare = {
    ...tapRecordOf(JOURNEY, TAP),
    gpoResponse: encodeTlv('80', Buffer.from('7C0008010100', 'hex')),
  };
  assert.deepEqual(readPresentedTap(bytesOf(bare)), { withheld: 'evidence_missing' });
});

test('any bytes are read or withheld, and never throw', () => {
  const good = Buffer.from(bytesOf(tapRecordOf(JOURNEY, TAP)));
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: good.length - 1 }),
      fc.integer({ min: 0, max: 255 }),
      (at, value) => {
        const changed = Buffer.from(good);
        changed[at] = value;
        readPresentedTap(changed);
        readPresentedTap(changed.subarray(0, at));
      },
    ),
  );
  assert.deepEqual(readPresentedTap(new Uint8Array(0)), { withheld: 'evidence_unreadable' });
  assert.deepEqual(readPresentedTap(good.subarray(0, 100)), { withheld: 'evidence_unreadable' });
});

test('an amount object is twelve digits or no amount', () => {
  assert.equal(amountObjectFen('000000000200'), 200);
  assert.equal(amountObjectFen('00000000020'), null);
  assert.equal(amountObjectFen('00000000020F'), null);
  assert.equal(amountObjectFen(undefined), null);
});
