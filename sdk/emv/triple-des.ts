import { createCipheriv, createDecipheriv } from 'node:crypto';

/**
 * Two-key 3DES as PBOC 2.0 uses it: a 16-byte key, left and right half. Node's OpenSSL has no single DES any more, so a
 * single-DES step is two-key 3DES with the left half twice, E(D(E(x))) = E(x). Parity bits are not looked at
 * (pboc-contactless.md 5.1).
 */
export const DES_BLOCK_BYTES = 8;
const ZERO_IV = new Uint8Array(DES_BLOCK_BYTES);

/** @throws RangeError for a key that is not 16 bytes or data that is not whole blocks */
export function tripleDesEncrypt(key: Uint8Array, data: Uint8Array): Uint8Array {
  requireShape(key, data);
  return createCipheriv('des-ede-ecb', key, null).setAutoPadding(false).update(data);
}

/** @throws RangeError as tripleDesEncrypt */
export function tripleDesDecrypt(key: Uint8Array, data: Uint8Array): Uint8Array {
  requireShape(key, data);
  return createDecipheriv('des-ede-ecb', key, null).setAutoPadding(false).update(data);
}

/**
 * ISO/IEC 9797-1 algorithm 3 ("retail MAC"), 8 bytes: CBC with the left half, the last block decrypted with the right and
 * encrypted with the left half. The data is padded already.
 *
 * @throws RangeError as tripleDesEncrypt, and for no data at all
 * @spec pboc-contactless.md 5.4
 */
export function retailMac(key: Uint8Array, paddedData: Uint8Array): Uint8Array {
  requireShape(key, paddedData);
  if (paddedData.length === 0) throw new RangeError('a MAC needs at least one block');
  const lastAt = paddedData.length - DES_BLOCK_BYTES;
  const last = Uint8Array.from(paddedData.subarray(lastAt));
  if (lastAt > 0) {
    const left = key.subarray(0, DES_BLOCK_BYTES);
    const chained = createCipheriv('des-ede-cbc', Buffer.concat([left, left]), ZERO_IV)
      .setAutoPadding(false)
      .update(paddedData.subarray(0, lastAt));
    for (let index = 0; index < DES_BLOCK_BYTES; index++) {
      last[index] = (last[index] ?? 0) ^ (chained[lastAt - DES_BLOCK_BYTES + index] ?? 0);
    }
  }
  // One two-key 3DES encryption of the last block: E(left), D(right), E(left).
  return tripleDesEncrypt(key, last);
}

function requireShape(key: Uint8Array, data: Uint8Array): void {
  if (key.length !== 16) throw new RangeError('a two-key 3DES key has 16 bytes');
  if (data.length % DES_BLOCK_BYTES !== 0)
    throw new RangeError('3DES without padding takes whole blocks of 8 bytes');
}
