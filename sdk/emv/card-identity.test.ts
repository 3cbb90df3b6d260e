import assert from 'node:assert/strict';
import test from 'node:test';
import { format, inspect } from 'node:util';
import { Pan, parsePan, parseTrack2, readCardIdentity } from './card-identity.ts';
import { bytesFromHex } from './hex.ts';

const DIGITS = '6228000100001117';

function objects(values: Record<string, string>): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(values).map(([tag, value]) => [tag, bytesFromHex(value)]));
}

test('a PAN is one fixed mask however it is printed, and only revealed on purpose', () => {
  const pan = Pan.of(DIGITS);
  assert.ok(pan);
  const printed = [
    String(pan),
    'PAN '.concat(pan.toString()),
    JSON.stringify({ pan }),
    inspect(pan),
    inspect({ deep: { pan } }, { depth: 9, showHidden: true }),
    format('%s %o %O %j', pan, pan, pan, pan),
  ];
  for (const text of printed) {
    assert.ok(text.includes('[PAN]'), text);
    assert.ok(!text.includes(DIGITS.slice(0, 6)) && !text.includes(DIGITS.slice(-4)), text);
  }
  assert.equal(Object.keys(pan).length, 0);
  assert.equal(pan.reveal(), DIGITS);
});

test('only 8 to 19 digits are a PAN', () => {
  for (const text of ['', '1234567', '12345678901234567890', '6228A001', '６２２８０００１']) {
    assert.equal(Pan.of(text), null);
  }
  assert.equal(parsePan(bytesFromHex('3104895199900000003F'))?.reveal(), '3104895199900000003');
  assert.equal(parsePan(bytesFromHex('62280F0100001117')), null);
  assert.equal(parsePan(bytesFromHex(`${DIGITS}FFFFFF`)), null);
});

test('track 2 gives PAN and the last day of its month', () => {
  const track2 = parseTrack2(bytesFromHex('6228000100001117D2402220123456789F'));
  assert.equal(track2?.pan.reveal(), DIGITS);
  assert.equal(track2.expiry, '2024-02-29');
  for (const broken of ['6228000100001117', '6228000100001117D2413220', 'D2402220123456', '62'.repeat(20)]) {
    assert.equal(parseTrack2(bytesFromHex(broken)), null);
  }
});

test('a card is read from 5A and 5F24, or from 57 alone, with 00 for a missing sequence number', () => {
  const full = readCardIdentity(objects({ '5A': DIGITS, '5F24': '301231', '5F34': '01' }));
  assert.ok(full.ok);
  assert.equal(full.identity.expiry, '2030-12-31');
  assert.equal(full.identity.panSequenceNumber, '01');
  const fromTrack = readCardIdentity(objects({ '57': '6228000100001117D3012220' }));
  assert.ok(fromTrack.ok);
  assert.equal(fromTrack.identity.pan.reveal(), DIGITS);
  assert.equal(fromTrack.identity.panSequenceNumber, '00');
  assert.equal(fromTrack.identity.expiry, '2030-12-31');
});

test('what is missing, malformed or contradictory is refused by its tag', () => {
  const rows: readonly [Record<string, string>, string, string][] = [
    [{}, 'card_data_missing', '5A'],
    [{ '5A': DIGITS }, 'card_data_missing', '5F24'],
    [{ '5A': '6F', '5F24': '301231' }, 'card_data_invalid', '5A'],
    [{ '5A': DIGITS, '57': '00' }, 'card_data_invalid', '57'],
    [{ '5A': DIGITS, '57': '6228000100001118D3012220' }, 'card_data_invalid', '57'],
    [{ '5A': DIGITS, '5F24': '300231' }, 'card_data_invalid', '5F24'],
    [{ '5A': DIGITS, '5F24': '3012' }, 'card_data_invalid', '5F24'],
    [{ '5A': DIGITS, '5F24': '301231', '5F34': '0A' }, 'card_data_invalid', '5F34'],
    [{ '5A': DIGITS, '5F24': '301231', '5F34': '0001' }, 'card_data_invalid', '5F34'],
  ];
  for (const [values, code, field] of rows) {
    const result = readCardIdentity(objects(values));
    assert.ok(!result.ok, `${code} ${field}`);
    assert.deepEqual(result.refusal, { code, field });
  }
});
