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

/** One of many short texts: `length` bytes of `bytes` from `at`, and its vector's place in the same bytes. */
export type CtrText = {
  readonly bytes: Buffer;
  readonly ivAt: number;
  readonly at: number;
  readonly length: number;
};

/**
 * SM4 in counter mode for many short texts under one key, each with its own vector; the results in their order, views of one
 * buffer. One pass of the cipher over all counter blocks, because setting up a cipher costs OpenSSL more than the twenty blocks of a short text
 * (provider.ts), and one pass of words over all texts, each of which begins on a block there.
 *
 * @throws RangeError for a key that is not 16 bytes, or a text or vector that reaches beyond its bytes
 */
export function sm4CtrTexts(key: Uint8Array, texts: readonly CtrText[]): Uint8Array[] {
  requireBlock('key', key);
  const blocks = texts.reduce((sum, { length }) => sum + blocksOf(length), 0);
  if (blocks === 0) return texts.map(() => new Uint8Array());
  const counters = Buffer.allocUnsafeSlow(blocks * SM4_BLOCK_BYTES);
  const result = Buffer.allocUnsafeSlow(blocks * SM4_BLOCK_BYTES);
  let at = 0;
  for (const text of texts) {
    if (text.ivAt + SM4_BLOCK_BYTES > text.bytes.length || text.at + text.length > text.bytes.length)
      throw new RangeError('a text and its vector lie within their bytes');
    text.bytes.copy(result, at, text.at, text.at + text.length);
    at = writeCounters(counters, at, text, blocksOf(text.length));
  }
  const stream = gm.sm4Long.ecb('encrypt', key, counters);
  addWords(result, stream);
  let from = 0;
  return texts.map(({ length }) => {
    const text = result.subarray(from, from + length);
    from += blocksOf(length) * SM4_BLOCK_BYTES;
    return text;
  });
}

function blocksOf(bytes: number): number {
  return Math.ceil(bytes / SM4_BLOCK_BYTES);
}

/** Exclusive or of two texts of whole blocks into the first, by words where both lie on one. */
function addWords(text: Uint8Array, stream: Uint8Array): void {
  const isAligned = text.byteOffset % 4 === 0 && stream.byteOffset % 4 === 0;
  const to = isAligned ? wordsOf(text) : text;
  const from = isAligned ? wordsOf(stream) : stream;
  for (let index = 0; index < to.length; index += 1) to[index] = (to[index] ?? 0) ^ (from[index] ?? 0);
}

function wordsOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / Int32Array.BYTES_PER_ELEMENT);
}

/** Writes so many counter blocks, counted up as one 128-bit number, and returns where they end. */
function writeCounters(counters: Buffer, at: number, { bytes, ivAt }: CtrText, blocks: number): number {
  let high = bytes.readUInt32BE(ivAt);
  let second = bytes.readUInt32BE(ivAt + 4);
  let third = bytes.readUInt32BE(ivAt + 8);
  let low = bytes.readUInt32BE(ivAt + 12);
  let next = at;
  for (let block = 0; block < blocks; block += 1) {
    next = counters.writeUInt32BE(high, next);
    next = counters.writeUInt32BE(second, next);
    next = counters.writeUInt32BE(third, next);
    next = counters.writeUInt32BE(low, next);
    low = (low + 1) >>> 0;
    // The carry goes on while a word has turned to zero.
    if (low !== 0) continue;
    third = (third + 1) >>> 0;
    if (third !== 0) continue;
    second = (second + 1) >>> 0;
    if (second === 0) high = (high + 1) >>> 0;
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
