import type { Sm4Provider } from './algorithms.ts';
import { gm, SM4_SHORT_BYTES_MAX } from './provider.ts';

/** SM4 block and key length in bytes, GB/T 32907-2016. */
export const SM4_BLOCK_BYTES = 16;
const ZERO_IV = new Uint8Array(SM4_BLOCK_BYTES);

/** @throws RangeError for a key that is not 16 bytes or data that is not whole blocks: both are ours, never a card's */
export function sm4EcbEncrypt(key: Uint8Array, data: Uint8Array): Uint8Array {
  return providerFor(key, data).ecb('encrypt', key, data);
}

/** @throws RangeError as sm4EcbEncrypt */
export function sm4EcbDecrypt(key: Uint8Array, data: Uint8Array): Uint8Array {
  return providerFor(key, data).ecb('decrypt', key, data);
}

/** @throws RangeError as sm4EcbEncrypt, and for an initial vector that is not 16 bytes */
export function sm4CbcEncrypt(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  requireBlock('initial vector', iv);
  return providerFor(key, data).cbc('encrypt', key, iv, data);
}

/** @throws RangeError as sm4CbcEncrypt */
export function sm4CbcDecrypt(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  requireBlock('initial vector', iv);
  return providerFor(key, data).cbc('decrypt', key, iv, data);
}

/**
 * SM4 in counter mode: the initial vector is the first counter block, counted up as one 128-bit big-endian number. Encryption
 * and decryption are the same; any length is taken.
 *
 * @throws RangeError for a key or initial vector that is not 16 bytes
 */
export function sm4Ctr(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  requireBlock('key', key);
  requireBlock('initial vector', iv);
  return (data.length <= SM4_SHORT_BYTES_MAX ? gm.sm4Short : gm.sm4Long).ctr(key, iv, data);
}

/**
 * SM4 in counter mode for many short texts under one key, each with its own vector; the results in their order. One pass over all
 * counter blocks: setting up a cipher costs OpenSSL more than the twenty blocks of a short text (provider.ts).
 *
 * @throws RangeError as sm4Ctr
 */
export function sm4CtrEach(
  key: Uint8Array,
  texts: readonly { readonly iv: Uint8Array; readonly data: Uint8Array }[],
): Uint8Array[] {
  requireBlock('key', key);
  const blocks = texts.reduce((sum, { data }) => sum + blocksOf(data), 0);
  const counters = Buffer.allocUnsafe(blocks * SM4_BLOCK_BYTES);
  let at = 0;
  for (const { iv, data } of texts) {
    requireBlock('initial vector', iv);
    at = writeCounters(counters, at, iv, blocksOf(data));
  }
  const stream = blocks === 0 ? counters : gm.sm4Long.ecb('encrypt', key, counters);
  let from = 0;
  return texts.map(({ data }) => {
    const text = stream.subarray(from, from + data.length);
    for (let index = 0; index < text.length; index += 1)
      text[index] = (text[index] ?? 0) ^ (data[index] ?? 0);
    from += blocksOf(data) * SM4_BLOCK_BYTES;
    return text;
  });
}

function blocksOf(data: Uint8Array): number {
  return Math.ceil(data.length / SM4_BLOCK_BYTES);
}

/** Writes so many counter blocks, counted up as one 128-bit number, and returns where they end. */
function writeCounters(counters: Buffer, at: number, iv: Uint8Array, blocks: number): number {
  let next = at;
  for (let block = 0; block < blocks; block += 1) {
    if (block === 0) counters.set(iv, next);
    else {
      counters.copyWithin(next, next - SM4_BLOCK_BYTES, next);
      let byte = next + SM4_BLOCK_BYTES - 1;
      // The carry goes on while a byte has turned to zero; nearly always it is the last one alone.
      while (byte >= next && (counters[byte] = ((counters[byte] ?? 0) + 1) & 0xff) === 0) byte -= 1;
    }
    next += SM4_BLOCK_BYTES;
  }
  return next;
}

/**
 * CBC-MAC with SM4: the last block of the CBC encryption under a zero initial vector, 16 bytes. The data is padded already
 * (pad80); a cryptogram takes the leftmost 8 (pboc-contactless.md 5.4).
 *
 * @throws RangeError as sm4EcbEncrypt, and for no data at all
 */
export function sm4CbcMac(key: Uint8Array, paddedData: Uint8Array): Uint8Array {
  if (paddedData.length === 0) throw new RangeError('a CBC-MAC needs at least one block');
  const chained = providerFor(key, paddedData).cbc('encrypt', key, ZERO_IV, paddedData);
  return Uint8Array.from(chained.subarray(chained.length - SM4_BLOCK_BYTES));
}

/**
 * ISO/IEC 9797-1 padding method 2: a byte 80, then zeros to a whole block. Always adds, so that whole blocks grow by one more
 * (pboc-contactless.md 5.4).
 */
export function pad80(data: Uint8Array, blockBytes: number): Uint8Array {
  const padded = new Uint8Array((Math.floor(data.length / blockBytes) + 1) * blockBytes);
  padded.set(data);
  padded[data.length] = 0x80;
  return padded;
}

function providerFor(key: Uint8Array, data: Uint8Array): Sm4Provider {
  requireBlock('key', key);
  if (data.length % SM4_BLOCK_BYTES !== 0)
    throw new RangeError('SM4 without padding takes whole blocks of 16 bytes');
  return data.length <= SM4_SHORT_BYTES_MAX ? gm.sm4Short : gm.sm4Long;
}

function requireBlock(what: string, bytes: Uint8Array): void {
  if (bytes.length !== SM4_BLOCK_BYTES) throw new RangeError(`an SM4 ${what} has 16 bytes`);
}
