import assert from 'node:assert/strict';
import { createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { openBox, sealBox } from './sealed-box.ts';

const key = randomBytes(32);
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });

test('what is sealed opens under the same key and context', () => {
  fc.assert(
    fc.property(bytes(200), fc.string(), (plain, context) => {
      assert.deepEqual(
        Buffer.from(openBox(key, sealBox(key, plain, context), context) ?? []),
        Buffer.from(plain),
      );
    }),
    { numRuns: 200 },
  );
});

test('a changed bit anywhere, another key, another context, a missing byte: it does not open', () => {
  const plain = Buffer.from('1952-03-04');
  const box = sealBox(key, plain, 'birth date of card 1');
  for (let bit = 0; bit < box.length * 8; bit += 1) {
    const changed = Uint8Array.from(box);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(openBox(key, changed, 'birth date of card 1'), null, `bit ${bit}`);
  }
  assert.equal(openBox(randomBytes(32), box, 'birth date of card 1'), null);
  assert.equal(openBox(key, box, 'birth date of card 2'), null);
  for (let length = 0; length < box.length; length += 1) {
    assert.equal(openBox(key, box.subarray(0, length), 'birth date of card 1'), null, `${length} bytes`);
  }
});

test('the same datum sealed twice looks different', () => {
  const plain = Buffer.from('1952-03-04');
  assert.notDeepEqual(sealBox(key, plain, 'c'), sealBox(key, plain, 'c'));
});

test('a box is what its layout says, by OpenSSL', () => {
  const plain = Buffer.from('a datum of thirty-three bytes ok!');
  const context = 'ctx 一晃';
  const box = sealBox(key, plain, context);
  const derived = (name: string): Buffer => createHmac('sm3', key).update(`tapgate box ${name}`).digest();
  const name = Buffer.from(context, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  const body = box.subarray(0, -32);
  const tag = createHmac('sm3', derived('tag'))
    .update(Buffer.concat([length, name, body]))
    .digest();
  assert.deepEqual(Buffer.from(box.subarray(-32)), tag);
  const decipher = createDecipheriv('sm4-cbc', derived('cipher').subarray(0, 16), body.subarray(0, 16));
  decipher.setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(body.subarray(16)), decipher.final()]);
  assert.equal(padded.subarray(0, plain.length).toString(), plain.toString());
  assert.equal(padded[plain.length], 0x80);
});
