/** Leading digits of PANs and the bank that issues them; the longest match wins. */
export class BinTable {
  readonly #bankOf: ReadonlyMap<string, string>;
  /** lengths that occur, longest first */
  readonly #lengths: readonly number[];

  /** @throws RangeError for a BIN that is not 2 to 11 digits, or one BIN with two banks */
  constructor(bins: Iterable<{ readonly bin: string; readonly bankId: string }>) {
    const bankOf = new Map<string, string>();
    for (const { bin, bankId } of bins) {
      if (!/^\d{2,11}$/.test(bin)) throw new RangeError('a BIN is 2 to 11 digits');
      if ((bankOf.get(bin) ?? bankId) !== bankId) throw new RangeError('a BIN belongs to one bank');
      bankOf.set(bin, bankId);
    }
    this.#bankOf = bankOf;
    this.#lengths = [...new Set([...bankOf.keys()].map((bin) => bin.length))].sort((a, b) => b - a);
  }

  /** @returns null when no cooperating bank issues such cards */
  findBank(panDigits: string): string | null {
    for (const length of this.#lengths) {
      const bankId = this.#bankOf.get(panDigits.slice(0, length));
      if (bankId !== undefined) return bankId;
    }
    return null;
  }
}
