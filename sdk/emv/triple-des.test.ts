import assert from 'node:assert/strict';
import test from 'node:test';
import { bytesFromHex, hex } from './hex.ts';
import { SeededRandom, seedOfRun } from './seeded-random.ts';
import { retailMac, tripleDesDecrypt, tripleDesEncrypt } from './triple-des.ts';

const seed = seedOfRun(process.env, Date.now());

test('single DES, as two equal halves, is what NIST SP 500-20 and textbooks print', () => {
  const rows: readonly (readonly [key: string, plain: string, cipher: string])[] = [
    ['133457799BBCDFF1', '0123456789ABCDEF', '85E813540F0AB405'],
    ['0E329232EA6D0D73', '8787878787878787', '0000000000000000'],
    ['0101010101010101', '8000000000000000', '95F8A5E5DD31D900'],
    ['8001010101010101', '0000000000000000', '95A8D72813DAA94D'],
  ];
  for (const [key, plain, cipher] of rows) {
    assert.equal(hex(tripleDesEncrypt(bytesFromHex(key + key), bytesFromHex(plain))), cipher);
    assert.equal(hex(tripleDesDecrypt(bytesFromHex(key + key), bytesFromHex(cipher))), plain);
  }
});

test('the retail MAC is what ISO/IEC 9797-1 prints in its annex for algorithm 3', () => {
  const key = bytesFromHex('0123456789ABCDEFFEDCBA9876543210');
  const rows: readonly (readonly [message: string, padding: string, mac: string])[] = [
    ['Now is the time for all ', '', 'A1C72E74EA3FA9B6'],
    ['Now is the time for all ', '8000000000000000', 'E9086230CA3BE796'],
    ['Now is the time for it', '0000', '2E2B1428CC78254F'],
    ['Now is the time for it', '8000', '5A692CE64F404145'],
  ];
  for (const [message, padding, mac] of rows) {
    const padded = Buffer.concat([Buffer.from(message, 'ascii'), bytesFromHex(padding)]);
    assert.equal(hex(retailMac(key, padded)), mac);
  }
});

test(`random keys: the complement of key and data gives the complement, and parity bits count for nothing (TAPGATE_SEED=${seed})`, () => {
  const random = new SeededRandom(seed);
  const complement = (bytes: Uint8Array) => bytes.map((byte) => byte ^ 0xff);
  for (let round = 0; round < 300; round++) {
    const key = random.bytes(16);
    const data = random.bytes(8 * (1 + random.below(6)));
    const encrypted = tripleDesEncrypt(key, data);
    assert.equal(hex(tripleDesEncrypt(complement(key), complement(data))), hex(complement(encrypted)));
    assert.equal(
      hex(
        tripleDesEncrypt(
          key.map((byte) => byte ^ 0x01),
          data,
        ),
      ),
      hex(encrypted),
    );
    assert.equal(hex(tripleDesDecrypt(key, encrypted)), hex(data));
  }
});
