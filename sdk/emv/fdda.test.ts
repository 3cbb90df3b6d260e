import assert from 'node:assert/strict';
import test from 'node:test';
import {
  decideFddaVersion,
  FDDA_POLICY_GATE,
  fddaTerminalData,
  type FddaFacts,
  type FddaPolicy,
} from './fdda.ts';
import { bytesFromHex, hex } from './hex.ts';

const announces01 = bytesFromHex('28000080');
const announces00 = bytesFromHex('28000000');
const authenticationData = bytesFromHex('01C1B626881600');

function facts(change: Partial<FddaFacts> = {}): FddaFacts {
  return {
    ttq: announces01,
    cardAuthenticationData: authenticationData,
    ctq: bytesFromHex('1600'),
    cardApplicationVersion: bytesFromHex('0030'),
    algorithm: 'SM2',
    ...change,
  };
}

test('version 01 needs 9F69 of the card and TTQ 4.8 of the reader', () => {
  const rows: readonly [string, Partial<FddaFacts>, string][] = [
    ['both', {}, '01'],
    ['RSA, both', { algorithm: 'RSA' }, '01'],
    [
      '8 bytes of 9F69',
      { cardAuthenticationData: bytesFromHex('0100000000300000'), ctq: bytesFromHex('3000') },
      '01',
    ],
    ['5 bytes hold no qualifiers', { cardAuthenticationData: bytesFromHex('0100000000') }, '01'],
    ['no 9F6C to compare', { ctq: null }, '01'],
    [
      'RSA card of PBOC 2.0 without 9F69',
      { algorithm: 'RSA', cardAuthenticationData: null, cardApplicationVersion: bytesFromHex('0020') },
      '00',
    ],
    ['RSA, reader announced 00', { algorithm: 'RSA', ttq: announces00 }, '00'],
    [
      'RSA without a version',
      { algorithm: 'RSA', cardAuthenticationData: null, cardApplicationVersion: null },
      '00',
    ],
    ['SM without 9F69', { cardAuthenticationData: null }, 'fdda_version_refused'],
    ['SM, reader announced 00', { ttq: announces00 }, 'fdda_version_refused'],
    [
      'RSA card of PBOC 3.0 without 9F69',
      { algorithm: 'RSA', cardAuthenticationData: null },
      'fdda_version_refused',
    ],
    [
      '9F69 of version 00',
      { cardAuthenticationData: bytesFromHex('00C1B626881600') },
      'card_authentication_data_invalid',
    ],
    [
      '9F69 of 4 bytes',
      { cardAuthenticationData: bytesFromHex('01C1B626') },
      'card_authentication_data_invalid',
    ],
    [
      '9F69 of 17 bytes',
      { cardAuthenticationData: new Uint8Array(17).fill(1) },
      'card_authentication_data_invalid',
    ],
    ['qualifiers changed on the way', { ctq: bytesFromHex('0000') }, 'ctq_mismatch'],
    ['empty TTQ announces nothing', { ttq: new Uint8Array() }, 'fdda_version_refused'],
  ];
  for (const [name, change, expected] of rows) {
    const decided = decideFddaVersion(facts(change));
    assert.equal(decided.ok ? decided.version : decided.refusal.code, expected, name);
  }
});

test('a policy may take what a gate refuses', () => {
  const clinic: FddaPolicy = {
    ...FDDA_POLICY_GATE,
    version00Algorithms: ['RSA', 'SM2'],
    version01FromApplicationVersion: null,
    comparesCtq: false,
  };
  assert.equal(decideFddaVersion(facts({ cardAuthenticationData: null }), clinic).ok, true);
  assert.equal(decideFddaVersion(facts({ ctq: bytesFromHex('0000') }), clinic).ok, true);
});

test('what is signed: 00 the unpredictable number, 01 also amount, currency and 9F69 whole', () => {
  const values = {
    unpredictableNumber: bytesFromHex('2B29EBE4'),
    amount: bytesFromHex('000000000200'),
    currency: bytesFromHex('0156'),
    cardAuthenticationData: authenticationData,
  };
  assert.equal(hex(fddaTerminalData('00', values)), '2B29EBE4');
  assert.equal(hex(fddaTerminalData('01', values)), '2B29EBE4000000000200015601C1B626881600');
  assert.throws(() => fddaTerminalData('01', { ...values, cardAuthenticationData: null }), RangeError);
});
