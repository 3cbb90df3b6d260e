import assert from 'node:assert/strict';
import { constants, createPublicKey, generateKeyPairSync, publicEncrypt } from 'node:crypto';
import test from 'node:test';
import { isoDate } from '../wire/identifiers.ts';
import { caKeyChecksum, loadCaKey, type RsaCaKey } from './ca-keys.ts';
import { Pan } from './card-identity.ts';
import { issuerCertificateName } from './certificate-rules.ts';
import { bytesFromHex, hex } from './hex.ts';
import type { OdaRefusalCode, OdaRefused } from './oda-refusal.ts';
import {
  verifyRsaIccCertificate,
  verifyRsaIssuerCertificate,
  type RsaCertificateObjects,
} from './rsa-certificates.ts';
import {
  buildRsaDynamicSignature,
  buildRsaIccCertificate,
  buildRsaIssuerCertificate,
  buildRsaStaticSignature,
  rsaSignerOf,
  type BuiltRsaCertificate,
  type RsaSigner,
} from './rsa-personalisation.ts';
import { isRsaKey, recoverSigned, rsaPublicOperation, sha1 } from './rsa-recovery.ts';
import {
  cdaTransactionHash,
  verifyCda,
  verifyRsaDynamicSignature,
  verifyRsaStaticSignature,
  type CdaTransaction,
} from './rsa-signed-data.ts';

function newSigner(modulusLength: number, publicExponent: number): RsaSigner {
  return rsaSignerOf(generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey);
}

const ca = newSigner(1152, 3);
const issuer = newSigner(1152, 0x10001);
const card = newSigner(1024, 3);
const panOrNull = Pan.of('6228000100001117');
assert.ok(panOrNull);
const pan = panOrNull;
const onDate = isoDate('2026-11-21');
const staticData = bytesFromHex('5A0862280001000011177C00');

const name = { rid: bytesFromHex('A000000333'), index: 0x80, expiry: null };
const loaded = loadCaKey({ ...name, ...ca.publicKey, checksum: caKeyChecksum({ ...name, ...ca.publicKey }) });
assert.ok(loaded.ok && loaded.key.algorithm === 'RSA');
const caKey: RsaCaKey = loaded.key;

const issuerOrder = {
  issuerId: bytesFromHex('622800FF'),
  expiryMmyy: bytesFromHex('1126'),
  serial: bytesFromHex('000001'),
  publicKey: issuer.publicKey,
};
const iccOrder = {
  pan,
  expiryMmyy: bytesFromHex('1126'),
  serial: bytesFromHex('000002'),
  publicKey: card.publicKey,
  staticData,
};
const issuerBuilt = buildRsaIssuerCertificate(issuerOrder, ca);
const iccBuilt = buildRsaIccCertificate(iccOrder, issuer);

function codeOf(result: { readonly ok: true } | OdaRefused): string {
  return result.ok ? 'ok' : result.refusal.code;
}
function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return Uint8Array.from(bytes, (byte, index) =>
    index === (at + bytes.length) % bytes.length ? byte ^ 1 : byte,
  );
}
/** Signs content of our own making: for certificates that open but say something wrong. */
function signed(signer: RsaSigner, content: Uint8Array, ...hashed: Uint8Array[]): Uint8Array {
  return signer.sign(
    Buffer.concat([Uint8Array.of(0x6a), content, sha1(content, ...hashed), Uint8Array.of(0xbc)]),
  );
}
function contentOf(certificate: Uint8Array, signer: RsaSigner): Uint8Array {
  const recovered = recoverSigned(signer.publicKey, certificate);
  assert.ok(recovered);
  return recovered.content;
}
function withByte(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  return Uint8Array.from(bytes, (old, index) => (index === at ? byte : old));
}

test("the public operation is OpenSSL's, for both exponents", () => {
  for (const signer of [ca, issuer]) {
    const { modulus, exponent } = signer.publicKey;
    const jwk = {
      kty: 'RSA',
      n: Buffer.from(modulus).toString('base64url'),
      e: Buffer.from(exponent).toString('base64url'),
    };
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    for (let round = 0; round < 20; round++) {
      const data = Uint8Array.from(modulus, (byte, index) => (index === 0 ? 0 : (byte * (round + 3)) & 0xff));
      const expected = publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, data);
      assert.equal(hex(rsaPublicOperation(signer.publicKey, data)), hex(expected));
    }
  }
});

test('a genuine chain verifies, keys longer than the certificate have their rest in the remainder', () => {
  assert.equal(issuerBuilt.remainder.length, 144 - (144 - 36));
  const first = verifyRsaIssuerCertificate(issuerBuilt, caKey, { pan, onDate });
  assert.ok(first.ok);
  assert.equal(hex(first.publicKey.modulus), hex(issuer.publicKey.modulus));
  const second = verifyRsaIccCertificate(iccBuilt, first.publicKey, staticData, { pan, onDate });
  assert.ok(second.ok);
  assert.equal(hex(second.publicKey.modulus), hex(card.publicKey.modulus));
});

test('a key shorter than its room is padded with BB, which is no part of it', () => {
  const small = newSigner(768, 3);
  const built = buildRsaIccCertificate({ ...iccOrder, publicKey: small.publicKey }, issuer);
  assert.equal(built.remainder.length, 0);
  const verified = verifyRsaIccCertificate({ ...built, remainder: undefined }, issuer.publicKey, staticData, {
    pan,
    onDate,
  });
  assert.ok(verified.ok);
  assert.equal(hex(verified.publicKey.modulus), hex(small.publicKey.modulus));
  assert.equal(hex(verified.certificate.keyPart.subarray(96)), 'BB'.repeat(6));
});

type Objects = RsaCertificateObjects;
const issuerContent = contentOf(issuerBuilt.certificate, ca);
const reissued = (at: number, byte: number): Uint8Array =>
  signed(ca, withByte(issuerContent, at, byte), issuerBuilt.remainder, issuerBuilt.exponent);

const ISSUER_ROWS: readonly [string, OdaRefusalCode, Partial<Objects>][] = [
  ['no tag 90', 'oda_data_missing', { certificate: undefined }],
  ['no exponent', 'oda_data_missing', { exponent: undefined }],
  [
    'one byte short',
    'issuer_certificate_length_invalid',
    { certificate: issuerBuilt.certificate.subarray(1) },
  ],
  ['empty', 'issuer_certificate_length_invalid', { certificate: new Uint8Array() }],
  ['random bytes', 'issuer_certificate_recovery_failed', { certificate: new Uint8Array(144).fill(0x5a) }],
  [
    'a number above the modulus',
    'issuer_certificate_recovery_failed',
    { certificate: new Uint8Array(144).fill(0xff) },
  ],
  [
    'signed by another CA',
    'issuer_certificate_recovery_failed',
    buildRsaIssuerCertificate(issuerOrder, newSigner(1152, 3)),
  ],
  ['format of a card certificate', 'issuer_certificate_format_invalid', { certificate: reissued(0, 0x04) }],
  ['hash algorithm 07', 'issuer_certificate_algorithm_unsupported', { certificate: reissued(10, 0x07) }],
  ['key algorithm 04', 'issuer_certificate_algorithm_unsupported', { certificate: reissued(11, 0x04) }],
  ['key length one more', 'issuer_public_key_invalid', { certificate: reissued(12, 145) }],
  ['key length 255', 'issuer_public_key_invalid', { certificate: reissued(12, 255) }],
  ['exponent length 1', 'issuer_public_key_invalid', { certificate: reissued(13, 1) }],
  ['remainder one byte short', 'issuer_public_key_invalid', { remainder: issuerBuilt.remainder.subarray(1) }],
  ['no remainder', 'issuer_public_key_invalid', { remainder: undefined }],
  ['exponent 5', 'issuer_public_key_invalid', { exponent: bytesFromHex('000005') }],
  ['another issuer', 'issuer_identifier_mismatch', { certificate: reissued(1, 0x63) }],
  ['month 13', 'issuer_certificate_expired', { certificate: reissued(5, 0x13) }],
  ['remainder changed', 'issuer_certificate_hash_mismatch', { remainder: flipped(issuerBuilt.remainder, 0) }],
];

test('every way in which an RSA issuer certificate fails has its own name', () => {
  for (const [what, code, change] of ISSUER_ROWS) {
    const result = verifyRsaIssuerCertificate({ ...issuerBuilt, ...change }, caKey, { pan, onDate });
    assert.equal(codeOf(result), code, what);
  }
  const revoked = new Set([issuerCertificateName(caKey, bytesFromHex('000001'))]);
  assert.equal(
    codeOf(verifyRsaIssuerCertificate(issuerBuilt, caKey, { pan, onDate, revoked })),
    'issuer_certificate_revoked',
  );
  const late = { pan, onDate: isoDate('2026-12-01') };
  assert.equal(codeOf(verifyRsaIssuerCertificate(issuerBuilt, caKey, late)), 'issuer_certificate_expired');
});

const iccContent = contentOf(iccBuilt.certificate, issuer);
const rewritten = (at: number, byte: number): Uint8Array =>
  signed(issuer, withByte(iccContent, at, byte), iccBuilt.remainder, iccBuilt.exponent, staticData);

const ICC_ROWS: readonly [string, OdaRefusalCode, Partial<Objects>, Uint8Array][] = [
  ['no tag 9F46', 'oda_data_missing', { certificate: undefined }, staticData],
  ['no exponent', 'oda_data_missing', { exponent: undefined }, staticData],
  [
    'one byte long',
    'icc_certificate_length_invalid',
    { certificate: Buffer.concat([iccBuilt.certificate, Uint8Array.of(0)]) },
    staticData,
  ],
  [
    'one bit',
    'icc_certificate_recovery_failed',
    { certificate: flipped(iccBuilt.certificate, 40) },
    staticData,
  ],
  [
    'format of an issuer certificate',
    'icc_certificate_format_invalid',
    { certificate: rewritten(0, 0x02) },
    staticData,
  ],
  [
    'hash algorithm',
    'icc_certificate_algorithm_unsupported',
    { certificate: rewritten(16, 0x02) },
    staticData,
  ],
  ['key length', 'icc_public_key_invalid', { certificate: rewritten(18, 0) }, staticData],
  ['PAN of another card', 'icc_pan_mismatch', { certificate: rewritten(8, 0x18) }, staticData],
  ['expired', 'icc_certificate_expired', { certificate: rewritten(12, 0x20) }, staticData],
  [
    'remainder changed',
    'icc_certificate_hash_mismatch',
    { remainder: flipped(iccBuilt.remainder, 0) },
    staticData,
  ],
  ['static data changed', 'icc_certificate_hash_mismatch', {}, flipped(staticData, 3)],
  ['static data missing', 'icc_certificate_hash_mismatch', {}, new Uint8Array()],
];

test('every way in which an RSA card certificate fails has its own name', () => {
  for (const [what, code, change, data] of ICC_ROWS) {
    const result = verifyRsaIccCertificate({ ...iccBuilt, ...change }, issuer.publicKey, data, {
      pan,
      onDate,
    });
    assert.equal(codeOf(result), code, what);
  }
});

test('SDA holds for this static data only', () => {
  const ssad = buildRsaStaticSignature(bytesFromHex('DAC0'), staticData, issuer);
  const good = verifyRsaStaticSignature(ssad, issuer.publicKey, staticData);
  assert.ok(good.ok);
  assert.equal(hex(good.dataAuthenticationCode), 'DAC0');
  const content = contentOf(ssad, issuer);
  const rows: readonly [string, OdaRefusalCode, Uint8Array | undefined][] = [
    ['no tag 93', 'oda_data_missing', undefined],
    ['short', 'signed_static_data_length_invalid', ssad.subarray(1)],
    ['random bytes', 'signed_static_data_recovery_failed', flipped(ssad, 9)],
    ['format 05', 'signed_static_data_format_invalid', signed(issuer, withByte(content, 0, 5), staticData)],
    [
      'hash algorithm',
      'signed_static_data_algorithm_unsupported',
      signed(issuer, withByte(content, 1, 7), staticData),
    ],
    [
      'other static data',
      'signed_static_data_hash_mismatch',
      buildRsaStaticSignature(bytesFromHex('DAC0'), flipped(staticData, 0), issuer),
    ],
  ];
  for (const [what, code, value] of rows) {
    assert.equal(codeOf(verifyRsaStaticSignature(value, issuer.publicKey, staticData)), code, what);
  }
});

const terminalData = bytesFromHex('2B29EBE400000000020001560100000000300000');
const atc = bytesFromHex('0005');
const dynamicData = bytesFromHex('020005');

test('fDDA with RSA is bound to card, terminal data and ATC; format 95 is a setting', () => {
  const sdad = buildRsaDynamicSignature(dynamicData, terminalData, card);
  const base = { sdad, iccKey: card.publicKey, terminalData, atc };
  assert.equal(codeOf(verifyRsaDynamicSignature(base)), 'ok');
  const format95 = buildRsaDynamicSignature(dynamicData, terminalData, card, 0x95);
  assert.equal(
    codeOf(verifyRsaDynamicSignature({ ...base, sdad: format95 })),
    'signed_dynamic_data_format_invalid',
  );
  assert.equal(codeOf(verifyRsaDynamicSignature({ ...base, sdad: format95, formats: [0x05, 0x95] })), 'ok');
  const content = contentOf(sdad, card);
  const rows: readonly [string, OdaRefusalCode, Partial<Parameters<typeof verifyRsaDynamicSignature>[0]>][] =
    [
      ['no tag 9F4B', 'oda_data_missing', { sdad: undefined }],
      ['short', 'signed_dynamic_data_length_invalid', { sdad: sdad.subarray(2) }],
      ['one bit', 'signed_dynamic_data_recovery_failed', { sdad: flipped(sdad, 70) }],
      [
        'dynamic data longer than there is room',
        'signed_dynamic_data_length_invalid',
        { sdad: signed(card, withByte(content, 2, 200), terminalData) },
      ],
      [
        'hash algorithm',
        'signed_dynamic_data_algorithm_unsupported',
        { sdad: signed(card, withByte(content, 1, 7), terminalData) },
      ],
      [
        'no dynamic number',
        'dynamic_number_invalid',
        { sdad: buildRsaDynamicSignature(new Uint8Array(), terminalData, card) },
      ],
      ['replay under another ATC', 'dynamic_number_mismatch', { atc: bytesFromHex('0006') }],
      [
        'amount changed on the way',
        'dynamic_signature_hash_mismatch',
        { terminalData: flipped(terminalData, 9) },
      ],
      ['another card', 'signed_dynamic_data_recovery_failed', { iccKey: newSigner(1024, 3).publicKey }],
    ];
  for (const [what, code, change] of rows) {
    assert.equal(codeOf(verifyRsaDynamicSignature({ ...base, ...change })), code, what);
  }
});

test('CDA is bound to the cryptogram and to everything that was exchanged', () => {
  const transaction: CdaTransaction = {
    pdolValues: new Uint8Array(),
    cdolValues: bytesFromHex('000000000200'),
    responseWithoutSdad: bytesFromHex('9F2701409F36020005'),
  };
  const cda = Buffer.concat([
    dynamicData,
    Uint8Array.of(0x40),
    new Uint8Array(8).fill(7),
    cdaTransactionHash(transaction),
  ]);
  const unpredictableNumber = bytesFromHex('2B29EBE4');
  const sdad = buildRsaDynamicSignature(cda, unpredictableNumber, card);
  const base = { sdad, iccKey: card.publicKey, terminalData: unpredictableNumber, atc };
  const cid = Uint8Array.of(0x40);
  const good = verifyCda(base, cid, transaction);
  assert.ok(good.ok);
  assert.equal(hex(good.data.cryptogram), '07'.repeat(8));
  const rows: readonly [string, OdaRefusalCode, ReturnType<typeof verifyCda>][] = [
    ['ARQC shown, TC signed', 'cda_cid_mismatch', verifyCda(base, Uint8Array.of(0x80), transaction)],
    ['CID of two bytes', 'cda_cid_mismatch', verifyCda(base, new Uint8Array(2), transaction)],
    [
      'CDOL values changed',
      'transaction_data_hash_mismatch',
      verifyCda(base, cid, { ...transaction, cdolValues: dynamicData }),
    ],
    [
      'response changed',
      'transaction_data_hash_mismatch',
      verifyCda(base, cid, { ...transaction, responseWithoutSdad: dynamicData }),
    ],
    [
      'another unpredictable number',
      'dynamic_signature_hash_mismatch',
      verifyCda({ ...base, terminalData: dynamicData }, cid, transaction),
    ],
    [
      'a DDA signature',
      'cda_data_invalid',
      verifyCda(
        { ...base, sdad: buildRsaDynamicSignature(dynamicData, unpredictableNumber, card) },
        cid,
        transaction,
      ),
    ],
    ['no tag 9F4B', 'oda_data_missing', verifyCda({ ...base, sdad: undefined }, cid, transaction)],
  ];
  for (const [what, code, result] of rows) assert.equal(codeOf(result), code, what);
});

test('what cannot be a key of EMV is none', () => {
  const modulus = ca.publicKey.modulus;
  const three = Uint8Array.of(3);
  assert.equal(isRsaKey({ modulus, exponent: three }), true);
  assert.equal(isRsaKey({ modulus, exponent: bytesFromHex('010001') }), true);
  for (const key of [
    { modulus, exponent: new Uint8Array() },
    { modulus, exponent: Uint8Array.of(1) },
    { modulus: modulus.subarray(0, 63), exponent: three },
    { modulus: Buffer.concat([modulus, modulus]), exponent: three },
    { modulus: withByte(modulus, 0, 0x7f), exponent: three },
    { modulus: withByte(modulus, 143, 0), exponent: three },
  ]) {
    assert.equal(isRsaKey(key), false);
  }
});

test('what is built of wrong lengths is our fault and thrown', () => {
  const wrong: readonly (() => BuiltRsaCertificate | Uint8Array)[] = [
    () => buildRsaIssuerCertificate({ ...issuerOrder, serial: new Uint8Array(2) }, ca),
    () => buildRsaStaticSignature(new Uint8Array(3), staticData, issuer),
    () => buildRsaDynamicSignature(new Uint8Array(120), terminalData, card),
  ];
  for (const build of wrong) assert.throws(build, RangeError);
  assert.throws(() => rsaSignerOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey), TypeError);
});
