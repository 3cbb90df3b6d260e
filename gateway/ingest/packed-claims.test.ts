import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packClaims, unpackClaims } from './packed-claims.ts';

test('claims come out as they went in, messages of any length', () => {
  const claims = [0, 1, 300].map((length, index) => ({
    publicKeyXy: new Uint8Array(64).fill(index + 1),
    signatureRs: new Uint8Array(64).fill(index + 11),
    message: new Uint8Array(length).fill(index + 21),
  }));
  assert.deepEqual(unpackClaims(packClaims(claims)), claims);
  assert.deepEqual(unpackClaims(packClaims([])), []);
});

test('a key or a signature of another length becomes zeros, which verify nothing', () => {
  const [claim] = unpackClaims(
    packClaims([
      { publicKeyXy: new Uint8Array(63).fill(1), signatureRs: new Uint8Array(64), message: Uint8Array.of(7) },
    ]),
  );
  assert.ok(claim);
  assert.deepEqual(claim.publicKeyXy, new Uint8Array(64));
  assert.deepEqual(claim.message, Uint8Array.of(7));
});
