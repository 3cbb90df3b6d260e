import { randomFillSync } from 'node:crypto';
import { sm4Ctr, sm4CtrEach } from '@tapgate/sdk/gm/sm4';
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
  const iv = nextIv();
  return { iv, sealed: sm4Ctr(dataKey, iv, record) };
}

/** @throws RangeError when the bytes that come out are not those that were sealed */
export function openRecord(dataKey: Uint8Array, sealed: SealedRecord, recordSm3: Uint8Array): Uint8Array {
  const record = sm4Ctr(dataKey, sealed.iv, sealed.sealed);
  if (!equalBytes(sm3(record), recordSm3)) throw new RangeError(OPENED_WRONG);
  return record;
}

/** Many records of one service date at once. @throws RangeError as openRecord */
export function openRecords(
  dataKey: Uint8Array,
  records: readonly { readonly iv: Uint8Array; readonly sealed: Uint8Array; readonly sm3: Uint8Array }[],
): Uint8Array[] {
  const opened = sm4CtrEach(
    dataKey,
    records.map(({ iv, sealed }) => ({ iv, data: sealed })),
  );
  opened.forEach((record, index) => {
    const { sm3: expected } = records[index] ?? {};
    if (expected === undefined || !equalBytes(sm3(record), expected)) throw new RangeError(OPENED_WRONG);
  });
  return opened;
}

/** Randomness is fetched for many records at once: a call for sixteen bytes costs as much as one for four thousand. */
const pool = Buffer.alloc(256 * IV_BYTES);
let used = pool.length;

function nextIv(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const iv = Uint8Array.from(pool.subarray(used, used + IV_BYTES));
  used += IV_BYTES;
  return iv;
}
