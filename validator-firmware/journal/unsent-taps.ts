import type { UnsentLimits } from '@tapgate/sdk/lists/gate-parameters';

/** What one tap may cost whoever bears it until it is acknowledged, and when it was. */
export type TapRisk = {
  /** fen, 0 to 2^32 - 1 */
  readonly amountFen: number;
  /** by the terminal's clock, ms since the Unix epoch */
  readonly atMs: number;
};

/** 4 bytes of fen, 8 bytes of ms, big-endian: no card stands in it, so it is not encrypted. */
export function packRisk(risk: TapRisk): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(risk.amountFen, 0);
  bytes.writeBigUInt64BE(BigInt(risk.atMs), 4);
  return bytes;
}

/** @returns null for bytes of another length */
export function unpackRisk(bytes: Uint8Array): TapRisk | null {
  if (bytes.length !== 12) return null;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return { amountFen: view.readUInt32BE(0), atMs: Number(view.readBigUInt64BE(4)) };
}

/** The taps that were not acknowledged yet, as far as limits ask: how much they may cost, and the oldest of them. */
export class UnsentTaps {
  readonly #risks = new Map<number, TapRisk>();
  #sumFen = 0;

  add(sequence: number, risk: TapRisk): void {
    this.remove(sequence);
    this.#risks.set(sequence, risk);
    this.#sumFen += risk.amountFen;
  }

  remove(sequence: number): void {
    this.#sumFen -= this.#risks.get(sequence)?.amountFen ?? 0;
    this.#risks.delete(sequence);
  }

  /** In the order of taps, the first that is left; null when none says when it was. */
  oldestAtMs(): number | null {
    const [first] = this.#risks.values();
    return first?.atMs ?? null;
  }

  /** Whether one more tap of that risk is within the limits. The age is that of the oldest: a terminal that nobody hears goes quiet. */
  hasRoomFor(tap: TapRisk, limits: Pick<UnsentLimits, 'sumFenMax' | 'ageMaxMs'>): boolean {
    const oldest = this.oldestAtMs();
    const isInTime = oldest === null || tap.atMs - oldest <= limits.ageMaxMs;
    return isInTime && this.#sumFen + tap.amountFen <= limits.sumFenMax;
  }
}
