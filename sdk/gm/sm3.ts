import { gm } from './provider.ts';
import { SM3_BLOCK_BYTES, sm3From, sm3StateAfter, type Sm3State } from './sm3-compression.ts';

/** Digest length in bytes, GB/T 32905-2016. */
export const SM3_BYTES = 32;

/** SM3 of the concatenation of the parts: 32 bytes. */
export function sm3(...parts: Uint8Array[]): Uint8Array {
  return gm.sm3.digest(joined(parts, 0));
}

/**
 * HMAC with SM3 (RFC 2104) over the concatenation of the parts: 32 bytes. Not by createHmac, which looks its algorithm up anew for
 * every call and is five times slower on Node 24.
 */
export function hmacSm3(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  return new HmacSm3Key(key).tag(...parts);
}

/** Up to here our own compressions from the key's two states are faster than two hashes of node:crypto; beyond, they are slower. */
const SHORT_BYTES_MAX = 256;

/** A key made ready: for short messages its two blocks are compressed once. */
export class HmacSm3Key {
  readonly #innerBlock = new Uint8Array(SM3_BLOCK_BYTES).fill(0x36);
  readonly #outerBlock = new Uint8Array(SM3_BLOCK_BYTES).fill(0x5c);
  #states: { readonly inner: Sm3State; readonly outer: Sm3State } | null = null;

  constructor(key: Uint8Array) {
    const shortKey = key.length > SM3_BLOCK_BYTES ? sm3(key) : key;
    for (let index = 0; index < shortKey.length; index++) {
      const byte = shortKey[index] ?? 0;
      this.#innerBlock[index] = byte ^ 0x36;
      this.#outerBlock[index] = byte ^ 0x5c;
    }
  }

  /** HMAC-SM3 over the concatenation of the parts, 32 bytes. */
  tag(...parts: Uint8Array[]): Uint8Array {
    const short = this.#shortTag(parts);
    if (short !== null) return short;
    this.#hashInner(parts);
    return gm.sm3.digest(OUTER);
  }

  #shortTag(parts: Uint8Array[]): Uint8Array | null {
    let length = 0;
    for (const part of parts) length += part.length;
    if (length > SHORT_BYTES_MAX) return null;
    this.#states ??= { inner: sm3StateAfter(this.#innerBlock), outer: sm3StateAfter(this.#outerBlock) };
    return sm3From(this.#states.outer, sm3From(this.#states.inner, joined(parts, 0)));
  }

  /** Puts together what the outer hash is made over. */
  #hashInner(parts: Uint8Array[]): void {
    const inner = joined(parts, SM3_BLOCK_BYTES);
    inner.set(this.#innerBlock);
    OUTER.set(gm.sm3.digest(inner), SM3_BLOCK_BYTES);
    OUTER.set(this.#outerBlock);
  }
}

// Messages are put together here: hashing is synchronous, so nobody else is in between, and what a message of usual length would
// allocate and leave behind costs as much as a tenth of hashing it.
const SCRATCH = new Uint8Array(4_096);
const OUTER = new Uint8Array(SM3_BLOCK_BYTES + SM3_BYTES);

/** The parts one behind the other, after so many bytes of room. */
function joined(parts: readonly Uint8Array[], room: number): Uint8Array {
  const [only] = parts;
  if (room === 0 && parts.length === 1 && only !== undefined) return only;
  let size = room;
  for (const part of parts) size += part.length;
  const whole = size <= SCRATCH.length ? SCRATCH.subarray(0, size) : new Uint8Array(size);
  let at = room;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
