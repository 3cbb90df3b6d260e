import { randomBytes } from 'node:crypto';
import { SM4_BLOCK_BYTES, sm4Ctr, sm4CtrTexts } from '@tapgate/sdk/gm/sm4';
import { equalBytes } from '@tapgate/sdk/emv/hex';
import { sm3 } from '@tapgate/sdk/gm/sm3';

/**
 * The one module that turns a tap record, which holds the PAN, into what the database may hold, and back: SM4 in counter mode
 * under the data key of its service date, with a random first counter. Its SM3, kept beside it, tells whether it opened right.
 */
export type SealedRecord = { readonly iv: Uint8Array; readonly sealed: Uint8Array };

const IV_BYTES = 16;
const OPENED_WRONG = 'a sealed record opened to other bytes than its SM3 says';

export function sealRecord(dataKey: Uint8Array, record: Uint8Array): SealedRecord {
  const [sealed] = sealRecords(dataKey, [record]);
  if (sealed === undefined) throw new RangeError('one record was sealed');
  return sealed;
}

/**
 * Many records of one service date in one run of the cipher, because setting it up costs as much as a record. They lie on whole
 * blocks one behind the other; the vector of each is the counter at its first block, so that each opens by itself.
 */
export function sealRecords(dataKey: Uint8Array, records: readonly Uint8Array[]): SealedRecord[] {
  let blocks = 0;
  for (const record of records) blocks += blocksOf(record);
  // What lies between the records is never looked at again.
  const plain = Buffer.allocUnsafe(blocks * SM4_BLOCK_BYTES);
  let at = 0;
  for (const record of records) {
    plain.set(record, at);
    at += blocksOf(record) * SM4_BLOCK_BYTES;
  }
  const counter = randomBytes(IV_BYTES);
  const sealed = blocks === 0 ? plain : sm4Ctr(dataKey, counter, plain);
  at = 0;
  return records.map((record) => {
    const iv = Uint8Array.from(counter);
    const own = sealed.subarray(at, at + record.length);
    countUp(counter, blocksOf(record));
    at += blocksOf(record) * SM4_BLOCK_BYTES;
    return { iv, sealed: own };
  });
}

function blocksOf(record: Uint8Array): number {
  return Math.ceil(record.length / SM4_BLOCK_BYTES);
}

/** Adds to a counter block, one 128-bit big-endian number. */
function countUp(counter: Uint8Array, blocks: number): void {
  let carry = blocks;
  for (let index = counter.length - 1; index >= 0 && carry > 0; index--) {
    carry += counter[index] ?? 0;
    counter[index] = carry & 0xff;
    carry >>>= 8;
  }
}

/** @throws RangeError when the bytes that come out are not those that were sealed */
export function openRecord(dataKey: Uint8Array, sealed: SealedRecord, recordSm3: Uint8Array): Uint8Array {
  const record = sm4Ctr(dataKey, sealed.iv, sealed.sealed);
  if (!equalBytes(sm3(record), recordSm3)) throw new RangeError(OPENED_WRONG);
  return record;
}

/** A sealed record among other bytes, as a piece of rows comes from the database: where its vector, its hash and itself lie in them. */
export type PlacedRecord = {
  readonly bytes: Buffer;
  readonly ivAt: number;
  readonly sm3At: number;
  readonly sealedAt: number;
  readonly sealedBytes: number;
};

/** Many records of one service date at once. @throws RangeError as openRecord */
export function openRecords(dataKey: Uint8Array, records: readonly PlacedRecord[]): Uint8Array[] {
  const opened = sm4CtrTexts(
    dataKey,
    records.map(({ bytes, ivAt, sealedAt, sealedBytes }) => ({
      bytes,
      ivAt,
      at: sealedAt,
      length: sealedBytes,
    })),
  );
  opened.forEach((record, index) => {
    const placed = records[index];
    if (placed === undefined || !standsAt(sm3(record), placed)) throw new RangeError(OPENED_WRONG);
  });
  return opened;
}

function standsAt(hash: Uint8Array, { bytes, sm3At }: PlacedRecord): boolean {
  return bytes.compare(hash, 0, hash.length, sm3At, sm3At + hash.length) === 0;
}
