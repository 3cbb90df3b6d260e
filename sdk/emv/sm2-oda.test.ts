import assert from 'node:assert/strict';
import test from 'node:test';
import { sm2KeyPairFromSeed, sm2Sign, type Sm2KeyPair } from '../gm/sm2.ts';
import { isoDate } from '../wire/identifiers.ts';
import { loadCaKey, type Sm2CaKey } from './ca-keys.ts';
import { Pan } from './card-identity.ts';
import { bytesFromHex, hex } from './hex.ts';
import type { OdaRefusalCode } from './oda-refusal.ts';
import {
  buildIccCertificate,
  buildIssuerCertificate,
  issuerCertificateName,
  parseIccCertificate,
  parseIssuerCertificate,
  prepareIssuerCertificate,
  SM2_PROFILE_TEST,
  verifyIccCertificate,
  verifyIssuerCertificate,
  type Sm2Signer,
} from './sm2-certificates.ts';
import { claimFingerprint } from './sm2-claim.ts';
import {
  buildDynamicSignature,
  buildStaticSignature,
  prepareDynamicSignature,
  verifyDynamicSignature,
  verifyStaticSignature,
  type DynamicSignatureInput,
} from './sm2-signed-data.ts';

const seeded = (name: string): Sm2KeyPair => sm2KeyPairFromSeed(new TextEncoder().encode(name));
const signer =
  (keys: Sm2KeyPair): Sm2Signer =>
  (message) =>
    sm2Sign({ ...keys, message });

const ca = seeded('ca');
const issuer = seeded('issuer');
const card = seeded('card');
const PAN = Pan.of('6228000100001117');
assert.ok(PAN);
const pan = PAN;
const onDate = isoDate('2026-11-21');
const staticData = bytesFromHex('5A0862280001000011175F24033012317C00');
const issuerOrder = {
  issuerId: bytesFromHex('62280001'),
  expiryMmyy: bytesFromHex('1126'),
  serial: bytesFromHex('000001'),
  publicKeyXy: issuer.publicKeyXy,
};
const iccOrder = {
  pan,
  expiryMmyy: bytesFromHex('1126'),
  serial: bytesFromHex('000002'),
  publicKeyXy: card.publicKeyXy,
  staticData,
};

function loadSm2(keys: Sm2KeyPair): Sm2CaKey {
  const empty = new Uint8Array();
  const rid = bytesFromHex('A000000333');
  const loaded = loadCaKey({
    rid,
    index: 0x57,
    expiry: null,
    modulus: keys.publicKeyXy,
    exponent: empty,
    checksum: empty,
  });
  assert.ok(loaded.ok && loaded.key.algorithm === 'SM2');
  return loaded.key;
}
const caKey = loadSm2(ca);
const issuerCertificate = buildIssuerCertificate(issuerOrder, signer(ca));
const iccCertificate = buildIccCertificate(iccOrder, signer(issuer));

/** A copy with one byte replaced. */
function withByte(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = byte;
  return copy;
}

test('an issuer certificate is 142 bytes, a card certificate 148, and both say what was ordered', () => {
  assert.equal(issuerCertificate.length, 142);
  assert.equal(iccCertificate.length, 148);
  const parsedIssuer = parseIssuerCertificate(issuerCertificate);
  const parsedIcc = parseIccCertificate(iccCertificate);
  assert.ok(parsedIssuer && parsedIcc);
  assert.equal(hex(parsedIssuer.issuerId), '62280001');
  assert.equal(hex(parsedIssuer.publicKeyXy), hex(issuer.publicKeyXy));
  assert.equal(hex(parsedIcc.pan), '6228000100001117FFFF');
  assert.equal(hex(parsedIcc.serial), '000002');
  assert.equal(hex(parsedIcc.expiryMmyy), '1126');
});

test('a genuine chain verifies from CA to dynamic signature', () => {
  const first = verifyIssuerCertificate(issuerCertificate, caKey, { pan, onDate });
  assert.ok(first.ok);
  const second = verifyIccCertificate(iccCertificate, first.certificate.publicKeyXy, staticData, {
    pan,
    onDate,
  });
  assert.ok(second.ok);
  const terminalData = bytesFromHex('2B29EBE4');
  const sdad = buildDynamicSignature(bytesFromHex('020005'), terminalData, signer(card));
  const third = verifyDynamicSignature({
    sdad,
    iccKeyXy: second.certificate.publicKeyXy,
    terminalData,
    atc: bytesFromHex('0005'),
  });
  assert.ok(third.ok);
  assert.equal(hex(third.dynamicNumber), '0005');
});

const ISSUER_ROWS: readonly [
  string,
  OdaRefusalCode,
  Uint8Array | undefined,
  Partial<{ pan: Pan; date: string; revoked: boolean }>,
][] = [
  ['no tag 90', 'oda_data_missing', undefined, {}],
  ['one byte short', 'issuer_certificate_length_invalid', issuerCertificate.subarray(1), {}],
  [
    'one byte long',
    'issuer_certificate_length_invalid',
    Buffer.concat([issuerCertificate, Uint8Array.of(0)]),
    {},
  ],
  ['empty', 'issuer_certificate_length_invalid', new Uint8Array(), {}],
  [
    'format of a card certificate',
    'issuer_certificate_format_invalid',
    withByte(issuerCertificate, 0, 0x14),
    {},
  ],
  [
    'signature algorithm RSA',
    'issuer_certificate_algorithm_unsupported',
    withByte(issuerCertificate, 10, 0x01),
    {},
  ],
  [
    'an encryption algorithm',
    'issuer_certificate_algorithm_unsupported',
    withByte(issuerCertificate, 11, 0x01),
    {},
  ],
  ['another curve', 'issuer_certificate_algorithm_unsupported', withByte(issuerCertificate, 12, 0x04), {}],
  ['key length 41', 'issuer_public_key_invalid', withByte(issuerCertificate, 13, 0x41), {}],
  [
    'key off the curve',
    'issuer_public_key_invalid',
    withByte(issuerCertificate, 14, (issuerCertificate[14] ?? 0) ^ 1),
    {},
  ],
  ['another issuer', 'issuer_identifier_mismatch', withByte(issuerCertificate, 1, 0x63), {}],
  ['letters in the identifier', 'issuer_identifier_mismatch', withByte(issuerCertificate, 2, 0xab), {}],
  ['revoked', 'issuer_certificate_revoked', issuerCertificate, { revoked: true }],
  ['month 13', 'issuer_certificate_expired', withByte(issuerCertificate, 5, 0x13), {}],
  ['the day after its month', 'issuer_certificate_expired', issuerCertificate, { date: '2026-12-01' }],
  ['serial changed', 'issuer_certificate_signature_invalid', withByte(issuerCertificate, 9, 0x02), {}],
  ['expiry changed', 'issuer_certificate_signature_invalid', withByte(issuerCertificate, 6, 0x30), {}],
  [
    'signature changed',
    'issuer_certificate_signature_invalid',
    withByte(issuerCertificate, 141, (issuerCertificate[141] ?? 0) ^ 1),
    {},
  ],
];

test('every way in which an issuer certificate fails has its own name', () => {
  for (const [name, code, value, { date, revoked }] of ISSUER_ROWS) {
    const result = verifyIssuerCertificate(value, caKey, {
      pan,
      onDate: isoDate(date ?? '2026-11-21'),
      revoked: new Set(revoked === true ? [issuerCertificateName(caKey, bytesFromHex('000001'))] : []),
    });
    assert.ok(!result.ok, name);
    assert.equal(result.refusal.code, code, name);
  }
});

test('a certificate signed by another CA, or by the issuer itself, is refused', () => {
  for (const forger of [seeded('other ca'), issuer]) {
    const forged = buildIssuerCertificate(issuerOrder, signer(forger));
    const result = verifyIssuerCertificate(forged, caKey, { pan, onDate });
    assert.ok(!result.ok);
    assert.equal(result.refusal.code, 'issuer_certificate_signature_invalid');
  }
});

test('a certificate is valid to the last day of its month', () => {
  assert.equal(
    verifyIssuerCertificate(issuerCertificate, caKey, { pan, onDate: isoDate('2026-11-30') }).ok,
    true,
  );
  assert.equal(verifyIssuerCertificate(issuerCertificate, caKey, { pan: null, onDate: null }).ok, true);
});

test('curve parameter 04 is taken in test mode only', () => {
  const personalised = buildIssuerCertificate({ ...issuerOrder, parameterId: 0x04 }, signer(ca));
  assert.equal(
    verifyIssuerCertificate(personalised, caKey, { pan, onDate, profile: SM2_PROFILE_TEST }).ok,
    true,
  );
  const live = verifyIssuerCertificate(personalised, caKey, { pan, onDate });
  assert.ok(!live.ok);
  assert.equal(live.refusal.code, 'issuer_certificate_algorithm_unsupported');
});

test('an issuer identifier of six digits is F-padded, and longer ones must match whole', () => {
  const sixDigits = buildIssuerCertificate(
    { ...issuerOrder, issuerId: bytesFromHex('622800FF') },
    signer(ca),
  );
  assert.equal(verifyIssuerCertificate(sixDigits, caKey, { pan, onDate }).ok, true);
  for (const issuerId of ['62280002', 'FFFFFFFF', '62FFFFFF', '6228F001']) {
    const other = buildIssuerCertificate({ ...issuerOrder, issuerId: bytesFromHex(issuerId) }, signer(ca));
    const result = verifyIssuerCertificate(other, caKey, { pan, onDate });
    assert.ok(!result.ok);
    assert.equal(result.refusal.code, 'issuer_identifier_mismatch', issuerId);
  }
});

const ICC_ROWS: readonly [string, OdaRefusalCode, Uint8Array | undefined, string, Uint8Array][] = [
  ['no tag 9F46', 'oda_data_missing', undefined, '2026-11-21', staticData],
  [
    'length of an issuer certificate',
    'icc_certificate_length_invalid',
    issuerCertificate,
    '2026-11-21',
    staticData,
  ],
  [
    'format of an issuer certificate',
    'icc_certificate_format_invalid',
    withByte(iccCertificate, 0, 0x12),
    '2026-11-21',
    staticData,
  ],
  [
    'signature algorithm RSA',
    'icc_certificate_algorithm_unsupported',
    withByte(iccCertificate, 16, 0x01),
    '2026-11-21',
    staticData,
  ],
  ['key length 00', 'icc_public_key_invalid', withByte(iccCertificate, 19, 0x00), '2026-11-21', staticData],
  [
    'key off the curve',
    'icc_public_key_invalid',
    withByte(iccCertificate, 20, (iccCertificate[20] ?? 0) ^ 1),
    '2026-11-21',
    staticData,
  ],
  ['PAN of another card', 'icc_pan_mismatch', withByte(iccCertificate, 8, 0x18), '2026-11-21', staticData],
  ['PAN with a letter', 'icc_pan_mismatch', withByte(iccCertificate, 9, 0xfa), '2026-11-21', staticData],
  ['expired', 'icc_certificate_expired', iccCertificate, '2026-12-01', staticData],
  [
    'serial changed',
    'icc_certificate_signature_invalid',
    withByte(iccCertificate, 15, 0x03),
    '2026-11-21',
    staticData,
  ],
  [
    'one byte of static data changed',
    'icc_certificate_signature_invalid',
    iccCertificate,
    '2026-11-21',
    withByte(staticData, 9, 0x18),
  ],
  [
    'AIP missing',
    'icc_certificate_signature_invalid',
    iccCertificate,
    '2026-11-21',
    staticData.subarray(0, -2),
  ],
  ['no static data', 'icc_certificate_signature_invalid', iccCertificate, '2026-11-21', new Uint8Array()],
];

test('every way in which a card certificate fails has its own name', () => {
  for (const [name, code, value, date, data] of ICC_ROWS) {
    const result = verifyIccCertificate(value, issuer.publicKeyXy, data, { pan, onDate: isoDate(date) });
    assert.ok(!result.ok, name);
    assert.equal(result.refusal.code, code, name);
  }
  const byOtherIssuer = verifyIccCertificate(iccCertificate, seeded('other').publicKeyXy, staticData, {
    pan,
    onDate,
  });
  assert.ok(!byOtherIssuer.ok);
  assert.equal(byOtherIssuer.refusal.code, 'icc_certificate_signature_invalid');
});

test('a card without authenticated records has an empty static string, and its certificate verifies', () => {
  const bare = buildIccCertificate({ ...iccOrder, staticData: new Uint8Array() }, signer(issuer));
  assert.equal(verifyIccCertificate(bare, issuer.publicKeyXy, new Uint8Array(), { pan, onDate }).ok, true);
});

test('signed static data holds for this static data and this issuer only', () => {
  const ssad = buildStaticSignature(bytesFromHex('3105'), staticData, signer(issuer));
  const good = verifyStaticSignature(ssad, issuer.publicKeyXy, staticData);
  assert.ok(good.ok);
  assert.equal(hex(good.dataAuthenticationCode), '3105');
  const rows: readonly [string, OdaRefusalCode, Uint8Array | undefined, Uint8Array][] = [
    ['no tag 93', 'oda_data_missing', undefined, staticData],
    ['66 bytes', 'signed_static_data_length_invalid', ssad.subarray(1), staticData],
    ['format 03', 'signed_static_data_format_invalid', withByte(ssad, 0, 0x03), staticData],
    ['code changed', 'signed_static_data_signature_invalid', withByte(ssad, 2, 0x06), staticData],
    ['static data changed', 'signed_static_data_signature_invalid', ssad, withByte(staticData, 0, 0x5b)],
  ];
  for (const [name, code, value, data] of rows) {
    const result = verifyStaticSignature(value, issuer.publicKeyXy, data);
    assert.ok(!result.ok, name);
    assert.equal(result.refusal.code, code, name);
  }
});

test('a dynamic signature is bound to card, terminal data and ATC', () => {
  const terminalData = bytesFromHex('2B29EBE400000000020001560100000000300000');
  const sdad = buildDynamicSignature(bytesFromHex('020005'), terminalData, signer(card));
  const atc = bytesFromHex('0005');
  const base = { sdad, iccKeyXy: card.publicKeyXy, terminalData, atc };
  assert.equal(verifyDynamicSignature(base).ok, true);
  const longNumber = buildDynamicSignature(bytesFromHex('08000000000000000501'), terminalData, signer(card));
  assert.equal(verifyDynamicSignature({ ...base, sdad: longNumber, atc: null }).ok, true);
  const rows: readonly [string, OdaRefusalCode, Partial<DynamicSignatureInput>][] = [
    ['no tag 9F4B', 'oda_data_missing', { sdad: undefined }],
    ['length byte says more', 'signed_dynamic_data_length_invalid', { sdad: withByte(sdad, 1, 4) }],
    ['length byte says less', 'signed_dynamic_data_length_invalid', { sdad: withByte(sdad, 1, 2) }],
    ['two bytes', 'signed_dynamic_data_length_invalid', { sdad: bytesFromHex('1503') }],
    ['RSA format', 'signed_dynamic_data_format_invalid', { sdad: withByte(sdad, 0, 0x05) }],
    ['number of one byte', 'dynamic_number_invalid', { sdad: withByte(sdad, 2, 1) }],
    ['number longer than the data', 'dynamic_number_invalid', { sdad: withByte(sdad, 2, 3) }],
    ['replay with another ATC', 'dynamic_number_mismatch', { atc: bytesFromHex('0006') }],
    ['number of eight bytes against an ATC', 'dynamic_number_mismatch', { sdad: longNumber }],
    [
      'amount changed on the way',
      'dynamic_signature_invalid',
      { terminalData: withByte(terminalData, 9, 0x01) },
    ],
    [
      'another unpredictable number',
      'dynamic_signature_invalid',
      { terminalData: withByte(terminalData, 0, 0x2c) },
    ],
    ['another card', 'dynamic_signature_invalid', { iccKeyXy: issuer.publicKeyXy }],
    ['a key that is no point', 'dynamic_signature_invalid', { iccKeyXy: new Uint8Array(64) }],
  ];
  for (const [name, code, change] of rows) {
    const result = verifyDynamicSignature({ ...base, ...change });
    assert.ok(!result.ok, name);
    assert.equal(result.refusal.code, code, name);
  }
});

test('the remaining check travels as three byte strings, and is named by all of them', () => {
  const prepared = prepareIssuerCertificate(issuerCertificate, caKey, { pan, onDate });
  const dynamic = prepareDynamicSignature({
    sdad: undefined,
    iccKeyXy: card.publicKeyXy,
    terminalData: staticData,
    atc: null,
  });
  assert.ok(prepared.ok && !dynamic.ok);
  assert.equal(hex(prepared.publicKeyXy), hex(ca.publicKeyXy));
  assert.equal(prepared.message.length, 78);
  const again = prepareIssuerCertificate(buildIssuerCertificate(issuerOrder, signer(ca)), caKey, {
    pan,
    onDate,
  });
  assert.ok(again.ok);
  assert.equal(hex(again.message), hex(prepared.message));
  assert.notEqual(hex(claimFingerprint(again)), hex(claimFingerprint(prepared)));
});

test('what is built of wrong lengths is our fault and thrown', () => {
  assert.throws(
    () => buildIssuerCertificate({ ...issuerOrder, serial: new Uint8Array(2) }, signer(ca)),
    RangeError,
  );
  assert.throws(() => buildStaticSignature(new Uint8Array(1), staticData, signer(issuer)), RangeError);
  assert.throws(() => buildDynamicSignature(new Uint8Array(256), staticData, signer(card)), RangeError);
});
