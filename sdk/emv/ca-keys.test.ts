import assert from 'node:assert/strict';
import test from 'node:test';
import { sm2KeyPairFromSeed, sm2Sign } from '../gm/sm2.ts';
import { isoDate } from '../wire/identifiers.ts';
import {
  buildCaKeyTable,
  caKeyChecksum,
  findCaKey,
  loadCaKey,
  parseCaKeyRecord,
  parseSm2RootFile,
  type CaKey,
  type CaKeyRefusal,
  type StatedCaKey,
} from './ca-keys.ts';
import { bytesFromHex } from './hex.ts';
import { encodeTlvTree } from './tlv-encoding.ts';

const RID = bytesFromHex('A000000333');
const sm2 = sm2KeyPairFromSeed(Uint8Array.of(7));
const none = new Uint8Array();

/** Not a real modulus: odd, full, of EMV's length. Loading judges no more. */
const modulus = new Uint8Array(144).fill(0xb7);

function rsa(change: Partial<StatedCaKey> = {}): StatedCaKey {
  const stated = {
    rid: RID,
    index: 0x08,
    expiry: isoDate('2030-12-31'),
    modulus,
    exponent: Uint8Array.of(3),
    checksum: none,
    ...change,
  };
  return { ...stated, checksum: change.checksum ?? caKeyChecksum(stated) };
}

function loaded(stated: StatedCaKey): CaKey {
  const result = loadCaKey(stated);
  assert.ok(result.ok);
  return result.key;
}

test('a key is loaded only with the right checksum, or as a point of the curve', () => {
  assert.equal(loaded(rsa()).algorithm, 'RSA');
  assert.equal(
    loaded({ ...rsa(), index: 0x57, modulus: sm2.publicKeyXy, exponent: none, checksum: none }).algorithm,
    'SM2',
  );
  const rows: readonly [string, CaKeyRefusal['code'], StatedCaKey][] = [
    ['RID of four bytes', 'rid_invalid', rsa({ rid: RID.subarray(1) })],
    ['index 256', 'index_invalid', rsa({ index: 256 })],
    ['point off the curve', 'point_not_on_curve', rsa({ modulus: new Uint8Array(64).fill(1) })],
    ['modulus too short', 'modulus_invalid', rsa({ modulus: modulus.subarray(0, 63) })],
    ['even modulus', 'modulus_invalid', rsa({ modulus: new Uint8Array(144).fill(0xb6) })],
    [
      'modulus with a zero in front',
      'modulus_invalid',
      rsa({ modulus: Uint8Array.from(modulus, (b, i) => (i === 0 ? 0 : b)) }),
    ],
    ['exponent 2', 'exponent_invalid', rsa({ exponent: Uint8Array.of(2) })],
    ['no checksum', 'checksum_missing', { ...rsa(), checksum: none }],
    [
      'one bit of the modulus',
      'checksum_mismatch',
      { ...rsa(), modulus: Uint8Array.from(modulus, (b, i) => (i === 9 ? b ^ 1 : b)) },
    ],
    ['another index', 'checksum_mismatch', { ...rsa(), index: 9 }],
  ];
  for (const [name, code, stated] of rows) {
    const result = loadCaKey(stated);
    assert.ok(!result.ok, name);
    assert.equal(result.refusal.code, code, name);
  }
});

test('a downloaded record is read by its tags, expiry as text or BCD, and SM2 by its 64 bytes', () => {
  const record = (change: Record<string, Uint8Array | undefined> = {}): Uint8Array => {
    const objects: Record<string, Uint8Array | undefined> = {
      '9F06': RID,
      '9F22': Uint8Array.of(0x08),
      DF05: Buffer.from('20301231', 'latin1'),
      DF06: Uint8Array.of(1),
      DF07: Uint8Array.of(1),
      DF02: modulus,
      DF04: Uint8Array.of(3),
      DF03: rsa().checksum,
      ...change,
    };
    const drafts = Object.entries(objects).flatMap(([tag, value]) =>
      value === undefined ? [] : [{ tag, value }],
    );
    return encodeTlvTree(drafts);
  };
  const text = parseCaKeyRecord(record());
  assert.ok(text.ok);
  assert.equal(text.key.expiry, '2030-12-31');
  const bcd = parseCaKeyRecord(record({ DF05: bytesFromHex('20301231') }));
  assert.ok(bcd.ok);
  assert.equal(bcd.key.expiry, '2030-12-31');
  const point = parseCaKeyRecord(record({ DF02: sm2.publicKeyXy, DF04: undefined, DF03: undefined }));
  assert.ok(point.ok);
  assert.equal(point.key.algorithm, 'SM2');
  const rows: readonly [string, CaKeyRefusal['code'], Uint8Array][] = [
    ['broken TLV', 'record_malformed', bytesFromHex('9F06')],
    ['no RID', 'record_malformed', record({ '9F06': undefined })],
    ['no modulus', 'record_malformed', record({ DF02: undefined })],
    ['index of two bytes', 'record_malformed', record({ '9F22': new Uint8Array(2) })],
    ['29 February 2030', 'expiry_invalid', record({ DF05: bytesFromHex('20300229') })],
    ['no checksum', 'checksum_missing', record({ DF03: undefined })],
  ];
  for (const [name, code, bytes] of rows) {
    const result = parseCaKeyRecord(bytes);
    assert.ok(!result.ok, name);
    assert.equal(result.refusal.code, code, name);
  }
});

test('a root file is its own proof', () => {
  const body = Buffer.concat([bytesFromHex('3101010000A000000333181230041140'), sm2.publicKeyXy]);
  const file = Buffer.concat([body, sm2Sign({ ...sm2, message: body })]);
  assert.equal(file.length, 144);
  const root = parseSm2RootFile(file);
  assert.ok(root.ok && root.key.algorithm === 'SM2');
  assert.deepEqual([root.key.rid, root.key.index, root.key.expiry], ['A000000333', 0x18, '2030-12-31']);
  const rows: readonly [string, CaKeyRefusal['code'], number, number][] = [
    ['format', 'record_malformed', 0, 0x30],
    ['algorithm', 'record_malformed', 13, 0x01],
    ['key length', 'record_malformed', 15, 0x41],
    ['month 13', 'expiry_invalid', 11, 0x13],
    ['point', 'point_not_on_curve', 20, (file[20] ?? 0) ^ 1],
    ['index', 'root_signature_invalid', 10, 0x19],
    ['signature', 'root_signature_invalid', 143, (file[143] ?? 0) ^ 1],
  ];
  for (const [name, code, at, byte] of rows) {
    const result = parseSm2RootFile(Uint8Array.from(file, (old, index) => (index === at ? byte : old)));
    assert.ok(!result.ok, name);
    assert.equal(result.refusal.code, code, name);
  }
  assert.equal(parseSm2RootFile(file.subarray(1)).ok, false);
});

test('a key is found by RID, index and algorithm until its last day', () => {
  const sm2Key = loaded({
    ...rsa({ index: 0x08 }),
    modulus: sm2.publicKeyXy,
    exponent: none,
    checksum: none,
  });
  const table = buildCaKeyTable([loaded(rsa()), sm2Key]);
  const wanted = { rid: 'A000000333', index: Uint8Array.of(0x08) };
  const found = findCaKey(table, { ...wanted, algorithm: 'RSA' }, isoDate('2030-12-31'));
  assert.ok(found.ok);
  assert.equal(found.key.algorithm, 'RSA');
  const other = findCaKey(table, { ...wanted, algorithm: 'SM2' }, null);
  assert.ok(other.ok);
  assert.equal(other.key.algorithm, 'SM2');
  const rows = [
    [findCaKey(table, { ...wanted, algorithm: 'RSA' }, isoDate('2031-01-01')), 'ca_key_expired'],
    [findCaKey(table, { ...wanted, index: Uint8Array.of(9), algorithm: 'RSA' }, null), 'ca_key_unknown'],
    [findCaKey(table, { ...wanted, rid: 'A000000632', algorithm: 'SM2' }, null), 'ca_key_unknown'],
    [findCaKey(table, { ...wanted, index: undefined, algorithm: 'SM2' }, null), 'oda_data_missing'],
    [findCaKey(table, { ...wanted, index: new Uint8Array(2), algorithm: 'SM2' }, null), 'oda_data_missing'],
  ] as const;
  for (const [result, code] of rows) {
    assert.ok(!result.ok);
    assert.equal(result.refusal.code, code);
  }
});
