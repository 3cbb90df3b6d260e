/**
 * The compression function of SM3, GB/T 32905-2016 5.3, over states that can be kept. node:crypto gives digests only, and making one
 * of its hashes costs as much as three blocks: a MAC over a short message, from a key whose two blocks are compressed already, takes
 * two compressions and nothing else (bench/README.md "hotlist").
 */

export const SM3_BLOCK_BYTES = 64;
const STATE_WORDS = 8;

/** IV, clause 4.1. */
const INITIAL = Int32Array.of(
  ...[0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600],
  ...[0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e],
);

/** T of clause 4.2, each rotated as its round takes it. */
const ROUND_CONSTANTS = Int32Array.from({ length: 64 }, (_, round) =>
  rotated(round < 16 ? 0x79cc4519 : 0x7a879d8a, round % 32),
);

/** Eight words, as they stand after whole blocks. */
export type Sm3State = Int32Array;

/** The state after one block. */
export function sm3StateAfter(block: Uint8Array): Sm3State {
  const state = INITIAL.slice();
  compress(state, block, 0);
  return state;
}

/** Used again and again: nothing here waits for anything, so nobody else comes in between. */
const PADDED = new Uint8Array(SM3_BLOCK_BYTES * 2);
const RUNNING = new Int32Array(STATE_WORDS);

/**
 * The digest of a message whose first block has led to `start`.
 *
 * @param rest what follows that block
 * @returns 32 bytes
 */
export function sm3From(start: Sm3State, rest: Uint8Array): Uint8Array {
  RUNNING.set(start);
  let at = 0;
  for (; at + SM3_BLOCK_BYTES <= rest.length; at += SM3_BLOCK_BYTES) compress(RUNNING, rest, at);
  const left = rest.length - at;
  const padded = left + 9 <= SM3_BLOCK_BYTES ? SM3_BLOCK_BYTES : SM3_BLOCK_BYTES * 2;
  PADDED.fill(0);
  for (let index = 0; index < left; index++) PADDED[index] = rest[at + index] ?? 0;
  PADDED[left] = 0x80;
  const bits = (SM3_BLOCK_BYTES + rest.length) * 8;
  for (let index = 1, value = bits; index <= 4; index++, value >>>= 8) PADDED[padded - index] = value & 0xff;
  for (let block = 0; block < padded; block += SM3_BLOCK_BYTES) compress(RUNNING, PADDED, block);
  const digest = new Uint8Array(STATE_WORDS * 4);
  for (let word = 0; word < STATE_WORDS; word++) {
    const value = RUNNING[word] ?? 0;
    digest[word * 4] = value >>> 24;
    digest[word * 4 + 1] = value >>> 16;
    digest[word * 4 + 2] = value >>> 8;
    digest[word * 4 + 3] = value;
  }
  return digest;
}

const EXPANDED = new Int32Array(68);

/** Clause 5.3.2 and 5.3.3: V(i+1) = CF(V(i), B(i)). The names of words are those of the standard. */
function compress(state: Sm3State, block: Uint8Array, at: number): void {
  const W = EXPANDED;
  for (let j = 0; j < 16; j++, at += 4)
    W[j] =
      ((block[at] ?? 0) << 24) |
      ((block[at + 1] ?? 0) << 16) |
      ((block[at + 2] ?? 0) << 8) |
      (block[at + 3] ?? 0);
  for (let j = 16; j < 68; j++) {
    const x = (W[j - 16] ?? 0) ^ (W[j - 9] ?? 0) ^ rotated(W[j - 3] ?? 0, 15);
    W[j] = x ^ rotated(x, 15) ^ rotated(x, 23) ^ rotated(W[j - 13] ?? 0, 7) ^ (W[j - 6] ?? 0);
  }
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  let e = state[4] ?? 0;
  let f = state[5] ?? 0;
  let g = state[6] ?? 0;
  let h = state[7] ?? 0;
  for (let j = 0; j < 64; j++) {
    const a12 = rotated(a, 12);
    const ss1 = rotated((a12 + e + (ROUND_CONSTANTS[j] ?? 0)) | 0, 7);
    const isEarly = j < 16;
    const ff = isEarly ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
    const gg = isEarly ? e ^ f ^ g : (e & f) | (~e & g);
    const word = W[j] ?? 0;
    const tt1 = (ff + d + (ss1 ^ a12) + (word ^ (W[j + 4] ?? 0))) | 0;
    const tt2 = (gg + h + ss1 + word) | 0;
    d = c;
    c = rotated(b, 9);
    b = a;
    a = tt1;
    h = g;
    g = rotated(f, 19);
    f = e;
    e = tt2 ^ rotated(tt2, 9) ^ rotated(tt2, 17);
  }
  state[0] = (state[0] ?? 0) ^ a;
  state[1] = (state[1] ?? 0) ^ b;
  state[2] = (state[2] ?? 0) ^ c;
  state[3] = (state[3] ?? 0) ^ d;
  state[4] = (state[4] ?? 0) ^ e;
  state[5] = (state[5] ?? 0) ^ f;
  state[6] = (state[6] ?? 0) ^ g;
  state[7] = (state[7] ?? 0) ^ h;
}

/** 32 bits, to the left. */
function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
