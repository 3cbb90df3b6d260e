import assert from 'node:assert/strict';
import test from 'node:test';
import { parseAfl } from './afl.ts';
import { bytesFromHex, hex } from './hex.ts';
import { buildStaticData, matchRecords, type ReadRecord } from './static-data.ts';

const AIP = bytesFromHex('7C00');
const sfi2: ReadRecord = { sfi: 2, record: 1, body: bytesFromHex('70039F0100'), offlineAuth: true };
const sfi17: ReadRecord = { sfi: 17, record: 1, body: bytesFromHex('70025F00'), offlineAuth: true };

function data(records: readonly ReadRecord[], sdaTagList: string | null): string {
  const result = buildStaticData(records, sdaTagList === null ? null : bytesFromHex(sdaTagList), AIP);
  return result.ok ? hex(result.data) : result.refusal.code;
}

test('of SFI 1 to 10 the content of the template counts, above it the record as read', () => {
  assert.equal(data([{ ...sfi2, body: bytesFromHex('70039F010000') }, sfi17], null), '9F010070025F00');
  assert.equal(data([{ ...sfi2, sfi: 10 }], null), '9F0100');
  assert.equal(data([{ ...sfi2, sfi: 11 }], null), '70039F0100');
});

test('records that the AFL does not count take no part, and none at all give an empty string', () => {
  assert.equal(data([{ ...sfi2, offlineAuth: false }], null), '');
  assert.equal(data([], null), '');
  assert.equal(data([{ ...sfi2, body: new Uint8Array(), offlineAuth: false }, sfi17], '82'), '70025F007C00');
});

test('the AIP is appended for a tag list of 82 and for no other', () => {
  assert.equal(data([sfi17], '82'), '70025F007C00');
  for (const list of ['', '83', '8282', '9F36']) assert.equal(data([sfi17], list), 'sda_tag_list_invalid');
});

test('an authenticated record that is not one template 70 is refused', () => {
  for (const body of ['', '770100', '7004', '5A0162', '700070 00'.replace(' ', '')]) {
    assert.equal(data([{ ...sfi2, body: bytesFromHex(body) }], null), 'static_record_invalid', body);
  }
});

test('kept records are put in the order of the AFL; only an authenticated one must be there', () => {
  const afl = parseAfl(bytesFromHex('1001020118010100'));
  assert.ok(afl.ok);
  const kept = [
    { sfi: 3, recordNumber: 1, body: bytesFromHex('7000') },
    { sfi: 2, recordNumber: 1, body: bytesFromHex('70025F00') },
  ];
  const matched = matchRecords(afl.records, kept);
  assert.ok(matched.ok);
  assert.deepEqual(
    matched.records.map((record) => [record.sfi, record.offlineAuth]),
    [
      [2, true],
      [3, false],
    ],
  );
  const torn = matchRecords(afl.records, kept.slice(0, 1));
  assert.ok(!torn.ok);
  assert.equal(torn.refusal.code, 'static_record_missing');
});
