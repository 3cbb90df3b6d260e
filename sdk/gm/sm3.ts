import { gm } from './provider.ts';

/** SM3 block and digest lengths in bytes, GB/T 32905-2016. */
const BLOCK_BYTES = 64;
export const SM3_BYTES = 32;

/** SM3 of the concatenation of the parts: 32 bytes. */
export function sm3(...parts: Uint8Array[]): Uint8Array {
  return gm.sm3.digest(joined(parts));
}

/**
 * HMAC with SM3 (RFC 2104) over the concatenation of the parts: 32 bytes. Two hashes of our own rather than createHmac, which
 * looks its algorithm up anew for every call and is five times slower on Node 24.
 */
export function hmacSm3(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  return new HmacSm3Key(key).tag(...parts);
}

/** A key made ready: preparing it costs as much as a third of tagging a short message, so a key in steady use keeps it. */
export class HmacSm3Key {
  readonly #inner = Buffer.alloc(BLOCK_BYTES, 0x36);
  readonly #outer = Buffer.alloc(BLOCK_BYTES, 0x5c);

  constructor(key: Uint8Array) {
    const shortKey = key.length > BLOCK_BYTES ? sm3(key) : key;
    for (const [index, byte] of shortKey.entries()) {
      this.#inner[index] = byte ^ 0x36;
      this.#outer[index] = byte ^ 0x5c;
    }
  }

  /** HMAC-SM3 over the concatenation of the parts, 32 bytes. */
  tag(...parts: Uint8Array[]): Uint8Array {
    return sm3(this.#outer, sm3(this.#inner, ...parts));
  }
}

function joined(parts: Uint8Array[]): Uint8Array {
  const only = parts[0];
  if (parts.length === 1 && only !== undefined) return only;
  return Buffer.concat(parts);
}
