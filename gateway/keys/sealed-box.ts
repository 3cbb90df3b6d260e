import { randomBytes, timingSafeEqual } from 'node:crypto';
import { hmacSm3, SM3_BYTES } from '@tapgate/sdk/gm/sm3';
import { pad80, sm4CbcDecrypt, sm4CbcEncrypt, SM4_BLOCK_BYTES } from '@tapgate/sdk/gm/sm4';

/**
 * Encryption with authentication of small secrets, bound to a context that both sides know: SM4-CBC, then HMAC-SM3 over
 * everything, with two keys derived from one.
 *
 *   0   16    initial vector, random
 *   16  16n   SM4-CBC of the plain bytes, padded with 80 00..
 *   end 32    HMAC-SM3 of: length of the context (4 bytes, big-endian), context (UTF-8), all bytes before this field
 */
export function sealBox(key: Uint8Array, plain: Uint8Array, context: string): Uint8Array {
  const keys = deriveBoxKeys(key);
  const iv = randomBytes(SM4_BLOCK_BYTES);
  const body = Buffer.concat([iv, sm4CbcEncrypt(keys.cipher, iv, pad80(plain, SM4_BLOCK_BYTES))]);
  return Buffer.concat([body, tagOf(keys.tag, body, context)]);
}

/** The plain bytes; null when the box was changed, belongs to another key or to another context. */
export function openBox(key: Uint8Array, box: Uint8Array, context: string): Uint8Array | null {
  const bodyBytes = box.length - SM3_BYTES;
  if (bodyBytes < 2 * SM4_BLOCK_BYTES || bodyBytes % SM4_BLOCK_BYTES !== 0) return null;
  const keys = deriveBoxKeys(key);
  const body = box.subarray(0, bodyBytes);
  // The tag is judged before anything is decrypted: nothing can be learnt from the padding of a changed box.
  if (!timingSafeEqual(tagOf(keys.tag, body, context), box.subarray(bodyBytes))) return null;
  const padded = sm4CbcDecrypt(
    keys.cipher,
    body.subarray(0, SM4_BLOCK_BYTES),
    body.subarray(SM4_BLOCK_BYTES),
  );
  return padded.subarray(0, padded.lastIndexOf(0x80));
}

const TEXT = new TextEncoder();

function deriveBoxKeys(key: Uint8Array): { readonly cipher: Uint8Array; readonly tag: Uint8Array } {
  if (key.length !== 32) throw new RangeError('the key of a box has 32 bytes');
  return {
    cipher: hmacSm3(key, TEXT.encode('tapgate box cipher')).subarray(0, SM4_BLOCK_BYTES),
    tag: hmacSm3(key, TEXT.encode('tapgate box tag')),
  };
}

function tagOf(key: Uint8Array, body: Uint8Array, context: string): Uint8Array {
  const name = TEXT.encode(context);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, name.length);
  return hmacSm3(key, length, name, body);
}
