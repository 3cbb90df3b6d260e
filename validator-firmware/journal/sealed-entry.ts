import { timingSafeEqual } from 'node:crypto';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import { sm4Ctr } from '@tapgate/sdk/gm/sm4';

/**
 * One entry of the journal at rest. A tap record holds a PAN, so it is never on the flash in clear.
 *
 *   1   format, 01
 *   16  initial counter block, random for each entry
 *   n   SM4-CTR of the plain bytes
 *   32  HMAC-SM3 over the entry's key in the store and all bytes before this object
 *
 * The store key is part of what is authenticated, so that an entry cannot be moved to another sequence or space.
 */
const FORMAT = 0x01;
const IV_BYTES = 16;
const MAC_BYTES = 32;
const HEADER_BYTES = 1 + IV_BYTES;

/** The two keys that a device's storage key stands for. */
export type SealingKeys = { readonly encryption: Uint8Array; readonly authentication: Uint8Array };

/** @throws RangeError when the storage key is not 32 bytes */
export function deriveSealingKeys(storageKey: Uint8Array): SealingKeys {
  if (storageKey.length !== 32) throw new RangeError('a storage key has 32 bytes');
  const derive = (label: string) => hmacSm3(storageKey, Buffer.from(`tapgate-journal|${label}`, 'ascii'));
  return { encryption: derive('encryption').slice(0, 16), authentication: derive('authentication') };
}

/** @param iv 16 random bytes, never used twice under one storage key */
export function sealEntry(
  keys: SealingKeys,
  storeKey: Uint8Array,
  plain: Uint8Array,
  iv: Uint8Array,
): Uint8Array {
  const body = Buffer.concat([Uint8Array.of(FORMAT), iv, sm4Ctr(keys.encryption, iv, plain)]);
  return Buffer.concat([body, hmacSm3(keys.authentication, storeKey, body)]);
}

/** @returns null when the entry was changed, moved, cut, or sealed under another storage key */
export function openEntry(keys: SealingKeys, storeKey: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  if (sealed.length < HEADER_BYTES + MAC_BYTES || sealed[0] !== FORMAT) return null;
  const body = sealed.subarray(0, sealed.length - MAC_BYTES);
  const mac = hmacSm3(keys.authentication, storeKey, body);
  if (!timingSafeEqual(mac, sealed.subarray(sealed.length - MAC_BYTES))) return null;
  return sm4Ctr(keys.encryption, body.subarray(1, HEADER_BYTES), body.subarray(HEADER_BYTES));
}
