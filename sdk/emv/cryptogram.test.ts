import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import test from 'node:test';
import { Pan } from './card-identity.ts';
import { decimalize, deriveSessionKey, deriveUdk, type CardKeyOwner } from './card-keys.ts';
import {
  buildCryptogramInput,
  findCryptogramVersion,
  makeArpc,
  makeCryptogram,
  makeDiscretionaryMac,
  padCryptogramInput,
  transactionKey,
  verifyArpc,
  verifyCryptogram,
  verifyDiscretionaryMac,
} from './cryptogram.ts';
import { bytesFromHex, hex } from './hex.ts';
import { parseIad } from './iad.ts';
import { retailMac, tripleDesDecrypt, tripleDesEncrypt } from './triple-des.ts';

function owner(digits: string, panSequenceNumber = '00'): CardKeyOwner {
  const pan = Pan.of(digits);
  assert.ok(pan);
  return { pan, panSequenceNumber };
}

const MASTER_KEY = bytesFromHex('11223344006677881122334455007788');
const IAD_3DES = bytesFromHex('07010103900000010A010000001000D1F61152');
const IAD_SM4 = bytesFromHex('07010103900000040A010000001000D1F61152');

/** One tap as exchanged. */
const OBJECTS: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries({
    '9F02': '000000000200',
    '9F03': '000000000000',
    '9F1A': '0156',
    '95': '0000000000',
    '5F2A': '0156',
    '9A': '260901',
    '9C': '00',
    '9F37': '2B29EBE4',
    '82': '7C00',
    '9F36': '0005',
  }).map(([tag, value]) => [tag, bytesFromHex(value)]),
);

/** Single DES, which Node offers only as 3DES with equal halves. */
function des(direction: 'E' | 'D', key: Uint8Array, block: Uint8Array): Uint8Array {
  const doubled = Buffer.concat([key, key]);
  const cipher =
    direction === 'E' ? createCipheriv('des-ede', doubled, null) : createDecipheriv('des-ede', doubled, null);
  return cipher.setAutoPadding(false).update(block);
}

test('the retail MAC is block by block what ISO/IEC 9797-1 algorithm 3 writes', () => {
  const left = MASTER_KEY.subarray(0, 8);
  const right = MASTER_KEY.subarray(8);
  for (const blocks of [1, 2, 5]) {
    const data = Uint8Array.from({ length: blocks * 8 }, (_, index) => (index * 37) & 0xff);
    let state: Uint8Array = new Uint8Array(8);
    for (let at = 0; at < data.length; at += 8) {
      const chained = state;
      state = des(
        'E',
        left,
        data.subarray(at, at + 8).map((byte, index) => byte ^ (chained[index] ?? 0)),
      );
    }
    const expected = des('E', left, des('D', right, state));
    assert.equal(hex(retailMac(MASTER_KEY, data)), hex(expected));
  }
});

test('3DES undoes itself and takes whole blocks only', () => {
  const data = bytesFromHex('00112233445566778899AABBCCDDEEFF');
  assert.equal(hex(tripleDesDecrypt(MASTER_KEY, tripleDesEncrypt(MASTER_KEY, data))), hex(data));
  assert.throws(() => tripleDesEncrypt(MASTER_KEY, data.subarray(1)), RangeError);
  assert.throws(() => tripleDesEncrypt(data.subarray(1), data), RangeError);
  assert.throws(() => retailMac(MASTER_KEY, new Uint8Array()), RangeError);
});

test('option A keeps the rightmost 16 digits, and pads short ones with zeros in front', () => {
  const udk = (digits: string, psn: string): string => hex(deriveUdk('3DES', MASTER_KEY, owner(digits, psn)));
  assert.equal(udk('6228000100001117', '01'), udk('99928000100001117', '01'));
  assert.notEqual(udk('6228000100001117', '01'), udk('6228000100001117', '00'));
  const y = bytesFromHex('0622800010000101');
  const blocks = Buffer.concat([y, y.map((byte) => byte ^ 0xff)]);
  assert.equal(
    udk('6228000100001', '01'),
    hex(createCipheriv('des-ede', MASTER_KEY, null).setAutoPadding(false).update(blocks)),
  );
});

test('option B is option A up to 16 digits, and hashes longer PANs', () => {
  const short = owner('6228000100001117');
  assert.equal(
    hex(deriveUdk('3DES', MASTER_KEY, short, 'B')),
    hex(deriveUdk('3DES', MASTER_KEY, short, 'A')),
  );
  const long = owner('6228000100001117123', '01');
  const digest = createHash('sha1').update(bytesFromHex('0622800010000111712301')).digest('hex');
  const y = bytesFromHex(decimalize(digest.toUpperCase()));
  const blocks = Buffer.concat([y, y.map((byte) => byte ^ 0xff)]);
  const expected = createCipheriv('des-ede', MASTER_KEY, null).setAutoPadding(false).update(blocks);
  assert.equal(hex(deriveUdk('3DES', MASTER_KEY, long, 'B')), hex(expected));
  assert.notEqual(hex(deriveUdk('SM4', MASTER_KEY, long, 'B')), hex(deriveUdk('SM4', MASTER_KEY, long, 'A')));
});

test('sixteen decimal digits come from a digest, letters only where digits run out', () => {
  assert.equal(decimalize('12AB34CD56EF7890123456789'), '1234567890123456');
  assert.equal(decimalize('ABCDEF1ABCDEFABCDEF2'), '1201234501234501');
});

test('a session key is PBOC derivation, not the EMV common session key', () => {
  const atc = bytesFromHex('0240');
  const expected = createCipheriv('des-ede', MASTER_KEY, null)
    .setAutoPadding(false)
    .update(bytesFromHex('0000000000000240000000000000FDBF'));
  assert.equal(hex(deriveSessionKey('3DES', MASTER_KEY, atc)), hex(expected));
  assert.notEqual(hex(deriveSessionKey('3DES', MASTER_KEY, atc, 'EMV-CSK')), hex(expected));
  assert.equal(hex(deriveSessionKey('3DES', MASTER_KEY, atc, 'none')), hex(MASTER_KEY));
  const sm4 = createCipheriv('sm4-ecb', MASTER_KEY, null)
    .setAutoPadding(false)
    .update(bytesFromHex('0000000000000240000000000000FDBF'));
  assert.equal(hex(deriveSessionKey('SM4', MASTER_KEY, atc)), hex(sm4));
});

test('version 01 covers 37 bytes, version 17 covers 13 under either of its codes', () => {
  const iad = parseIad(IAD_3DES);
  const version01 = findCryptogramVersion(0x01);
  const version17 = findCryptogramVersion(0x17);
  assert.ok(iad && version01 && version17);
  assert.equal(findCryptogramVersion(0x11), version17);
  assert.equal(findCryptogramVersion(0x99), undefined);
  const full = buildCryptogramInput(version01, OBJECTS, iad);
  assert.ok(full.ok);
  assert.equal(hex(full.data), '000000000200000000000000015600000000000156260901002B29EBE47C00000503900000');
  const short = buildCryptogramInput(version17, OBJECTS, iad);
  assert.ok(short.ok);
  assert.equal(hex(short.data), '0000000002002B29EBE4000590');
});

test('padding is 80 and zeros, or zeros only where Visa wants them', () => {
  assert.equal(padCryptogramInput(new Uint8Array(8), '3DES', '80').length, 16);
  assert.equal(padCryptogramInput(new Uint8Array(8), '3DES', 'zeros').length, 8);
  assert.equal(padCryptogramInput(new Uint8Array(37), 'SM4', '80').length, 48);
  assert.equal(hex(padCryptogramInput(new Uint8Array(37), '3DES', '80').subarray(37)), '800000');
});

for (const [algorithm, iadBytes] of [
  ['3DES', IAD_3DES],
  ['SM4', IAD_SM4],
] as const) {
  const keys = { algorithm, masterKey: MASTER_KEY, owner: owner('6228000100001117') };
  const atc = bytesFromHex('0005');
  const iad = parseIad(iadBytes);

  test(`${algorithm}: a cryptogram is accepted as made, and refused when any object of it changes`, () => {
    const version = findCryptogramVersion(0x01);
    assert.ok(iad && version);
    const input = buildCryptogramInput(version, OBJECTS, iad);
    assert.ok(input.ok);
    const cryptogram = makeCryptogram(algorithm, transactionKey(keys, atc), input.data);
    assert.deepEqual(verifyCryptogram(cryptogram, iad, OBJECTS, keys), { ok: true });
    for (const [tag, value] of OBJECTS) {
      const changed = new Map(OBJECTS).set(
        tag,
        value.map((byte, index) => (index === 0 ? byte ^ 1 : byte)),
      );
      const result = verifyCryptogram(cryptogram, iad, changed, keys);
      assert.deepEqual(result, { ok: false, refusal: { code: 'cryptogram_mismatch', field: '9F26' } }, tag);
    }
    for (const [name, others] of [
      ['another card', { ...keys, owner: owner('6228000100001118') }],
      ['another sequence number', { ...keys, owner: owner('6228000100001117', '01') }],
      ['another master key', { ...keys, masterKey: MASTER_KEY.map((byte) => byte ^ 0x10) }],
    ] as const) {
      assert.equal(verifyCryptogram(cryptogram, iad, OBJECTS, others).ok, false, name);
    }
  });

  test(`${algorithm}: what a cryptogram check cannot rest on is named`, () => {
    assert.ok(iad);
    const eight = new Uint8Array(8);
    const without = (tag: string): ReadonlyMap<string, Uint8Array> =>
      new Map([...OBJECTS].filter(([t]) => t !== tag));
    const other = algorithm === 'SM4' ? IAD_3DES : IAD_SM4;
    const rows: readonly [string, ReturnType<typeof verifyCryptogram>, string][] = [
      ['no IAD', verifyCryptogram(eight, null, OBJECTS, keys), 'iad_invalid'],
      [
        'unknown version',
        verifyCryptogram(eight, { ...iad, cryptogramVersion: 0x55 }, OBJECTS, keys),
        'cryptogram_version_unknown',
      ],
      [
        'other algorithm',
        verifyCryptogram(eight, parseIad(other), OBJECTS, keys),
        'cryptogram_algorithm_unknown',
      ],
      ['seven bytes', verifyCryptogram(new Uint8Array(7), iad, OBJECTS, keys), 'cryptogram_length_invalid'],
      ['no 9F37', verifyCryptogram(eight, iad, without('9F37'), keys), 'input_missing'],
      ['no ATC', verifyCryptogram(eight, iad, without('9F36'), keys), 'input_missing'],
      [
        'short amount',
        verifyCryptogram(eight, iad, new Map(OBJECTS).set('9F02', eight), keys),
        'input_length_invalid',
      ],
    ];
    for (const [name, result, code] of rows) {
      assert.ok(!result.ok, name);
      assert.equal(result.refusal.code, code, name);
    }
  });

  test(`${algorithm}: the issuer's answer holds for its ARQC and response code only`, () => {
    const sessionKey = transactionKey(keys, atc);
    const arqc = bytesFromHex('5D016C91005E7CC2');
    const approved = bytesFromHex('3030');
    const arpc = makeArpc(algorithm, sessionKey, arqc, approved);
    assert.equal(arpc.length, 8);
    assert.equal(verifyArpc(algorithm, sessionKey, arqc, approved, arpc), true);
    assert.equal(verifyArpc(algorithm, sessionKey, arqc, bytesFromHex('3035'), arpc), false);
    assert.equal(
      verifyArpc(
        algorithm,
        sessionKey,
        arqc.map((byte) => byte ^ 1),
        approved,
        arpc,
      ),
      false,
    );
    assert.equal(verifyArpc(algorithm, sessionKey, arqc, approved, arpc.subarray(1)), false);
    assert.throws(() => makeArpc(algorithm, sessionKey, arqc.subarray(1), approved), RangeError);
  });

  test(`${algorithm}: the MAC of the discretionary data covers ATC and amount`, () => {
    const discretionary = iad?.discretionary;
    assert.ok(discretionary);
    const sessionKey = transactionKey(keys, atc);
    const mac = makeDiscretionaryMac(algorithm, sessionKey, atc, discretionary);
    assert.equal(mac.length, 4);
    assert.equal(verifyDiscretionaryMac(algorithm, sessionKey, atc, { ...discretionary, mac }), true);
    assert.equal(verifyDiscretionaryMac(algorithm, sessionKey, atc, discretionary), false);
    assert.equal(
      verifyDiscretionaryMac(algorithm, sessionKey, bytesFromHex('0006'), { ...discretionary, mac }),
      false,
    );
  });
}
