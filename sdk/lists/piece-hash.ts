import { sm3 } from '../gm/sm3.ts';

/** Bodies are hashed, kept and fetched in pieces of this length; only the last is shorter. */
export const PIECE_BYTES = 1024 * 1024;

/**
 * The hash of a body: SM3 over the SM3 of each of its pieces, in order. So a terminal checks ten million names as they come, a piece
 * at a time and without holding them, and whoever keeps the pieces' hashes need not read the body again.
 */
export class PieceHash {
  readonly #digests: Uint8Array[] = [];
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  update(bytes: Uint8Array): void {
    let rest = bytes;
    while (this.#heldBytes + rest.length >= PIECE_BYTES) {
      const filling = rest.subarray(0, PIECE_BYTES - this.#heldBytes);
      this.#digests.push(sm3(...this.#held, filling));
      rest = rest.subarray(filling.length);
      this.#held = [];
      this.#heldBytes = 0;
    }
    if (rest.length === 0) return;
    // The caller may use its buffer again.
    this.#held.push(Uint8Array.from(rest));
    this.#heldBytes += rest.length;
  }

  /** 64 upper-case hex digits. An empty body is no piece. */
  digest(): string {
    const last = this.#heldBytes === 0 ? [] : [sm3(...this.#held)];
    return Buffer.from(sm3(...this.#digests, ...last))
      .toString('hex')
      .toUpperCase();
  }
}

export function pieceHash(body: Uint8Array): string {
  const hash = new PieceHash();
  hash.update(body);
  return hash.digest();
}
