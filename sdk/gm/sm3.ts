import { gm } from './provider.ts';

/** SM3 block and digest lengths in bytes, GB/T 32905-2016. */
const BLOCK_BYTES = 64;
export const SM3_BYTES = 32;

/** SM3 of the concatenation of the parts: 32 bytes. */
export function sm3(...parts: Uint8Array[]): Uint8Array {
  return gm.sm3.digest(joined(parts, 0));
}

/** SM3 of one message as upper-case hex: what is compared and stored needs no bytes. */
export function sm3Hex(message: Uint8Array): string {
  return gm.sm3.digestHex(message);
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
  readonly #inner = new Uint8Array(BLOCK_BYTES).fill(0x36);
  readonly #outer = new Uint8Array(BLOCK_BYTES).fill(0x5c);

  constructor(key: Uint8Array) {
    const shortKey = key.length > BLOCK_BYTES ? sm3(key) : key;
    for (let index = 0; index < shortKey.length; index++) {
      const byte = shortKey[index] ?? 0;
      this.#inner[index] = byte ^ 0x36;
      this.#outer[index] = byte ^ 0x5c;
    }
  }

  /** HMAC-SM3 over the concatenation of the parts, 32 bytes. */
  tag(...parts: Uint8Array[]): Uint8Array {
    this.#hashInner(parts);
    return gm.sm3.digest(OUTER);
  }

  /** The same as upper-case hex. */
  tagHex(...parts: Uint8Array[]): string {
    this.#hashInner(parts);
    return gm.sm3.digestHex(OUTER);
  }

  /** Puts together what the outer hash is made over. */
  #hashInner(parts: Uint8Array[]): void {
    const inner = joined(parts, BLOCK_BYTES);
    inner.set(this.#inner);
    OUTER.set(gm.sm3.digest(inner), BLOCK_BYTES);
    OUTER.set(this.#outer);
  }
}

// Messages are put together here: hashing is synchronous, so nobody else is in between, and what a message of usual length would
// allocate and leave behind costs as much as a tenth of hashing it.
const SCRATCH = new Uint8Array(4_096);
const OUTER = new Uint8Array(BLOCK_BYTES + SM3_BYTES);

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
