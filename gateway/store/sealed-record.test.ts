import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import {
  openRecord,
  openRecords,
  sealRecord,
  sealRecords,
  type PlacedRecord,
  type SealedRecord,
} from './sealed-record.ts';

const KEY = Buffer.from('0123456789ABCDEFFEDCBA9876543210', 'hex');

/** A sealed record as a row of the database brings it, with something before and after. */
const placed = ({ iv, sealed }: SealedRecord, recordSm3: Uint8Array): PlacedRecord => ({
  bytes: Buffer.concat([Buffer.alloc(3, 0xaa), iv, recordSm3, sealed, Buffer.alloc(5, 0xaa)]),
  ivAt: 3,
  sm3At: 3 + iv.length,
  sealedAt: 3 + iv.length + recordSm3.length,
  sealedBytes: sealed.length,
});

test('records that were sealed together open one by one and together', () => {
  const records = Array.from({ length: 300 }, (_, index) =>
    randomBytes(index === 0 ? 1 : 1 + ((index * 37) % 900)),
  );
  const sealed = sealRecords(KEY, records);
  records.forEach((record, index) => {
    const own = sealed[index];
    assert.ok(own);
    assert.equal(own.sealed.length, record.length);
    assert.deepEqual(Buffer.from(openRecord(KEY, own, sm3(record))), record);
  });
  const together = openRecords(
    KEY,
    sealed.map((own, index) => placed(own, sm3(records[index] ?? new Uint8Array()))),
  );
  together.forEach((record, index) => {
    assert.deepEqual(Buffer.from(record), records[index]);
  });
});

test('no two records share a counter block, and the same record is never sealed the same way', () => {
  const record = randomBytes(640);
  const counters = new Set<bigint>();
  for (let round = 0; round < 4; round++)
    for (const { iv } of sealRecords(
      KEY,
      Array.from({ length: 64 }, () => record),
    )) {
      const first = BigInt(`0x${Buffer.from(iv).toString('hex')}`);
      for (let block = 0n; block < 40n; block++) counters.add((first + block) % 2n ** 128n);
    }
  assert.equal(counters.size, 4 * 64 * 40);
  assert.notDeepEqual(sealRecord(KEY, record).sealed, sealRecord(KEY, record).sealed);
});

test('no records, and one that was changed', () => {
  assert.deepEqual(sealRecords(KEY, []), []);
  const record = randomBytes(100);
  const { iv, sealed } = sealRecord(KEY, record);
  const changed = Uint8Array.from(sealed);
  changed[5] = (changed[5] ?? 0) ^ 1;
  assert.throws(() => openRecord(KEY, { iv, sealed: changed }, sm3(record)), RangeError);
  const good = placed({ iv, sealed }, sm3(record));
  assert.throws(() => openRecords(KEY, [good, placed({ iv, sealed: changed }, sm3(record))]), RangeError);
});
