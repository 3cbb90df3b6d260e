/** One line of a text file, without its end. */
export type Line = { readonly bytes: Uint8Array; readonly number: number; readonly byteOffset: number };

/**
 * Cuts a stream of bytes into lines ended by LF. A line longer than the bound stops the reading: nothing of a format is that long, and
 * a file without line ends must not fill the memory.
 */
export class LineSplitter {
  readonly #onLine: (line: Line) => void;
  readonly #maxBytes: number;
  #rest: Uint8Array = new Uint8Array(0);
  #number = 0;
  #offset = 0;
  #tooLong = false;

  constructor(maxBytes: number, onLine: (line: Line) => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  /** true when a line was longer than the bound; nothing more is read */
  get tooLong(): boolean {
    return this.#tooLong;
  }

  get lineNumber(): number {
    return this.#number;
  }

  push(bytes: Uint8Array): void {
    if (this.#tooLong) return;
    const data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let from = 0;
    for (;;) {
      const end = data.indexOf(0x0a, from);
      if (end < 0 || end - from > this.#maxBytes) break;
      this.#number += 1;
      this.#onLine({
        bytes: data.subarray(from, end),
        number: this.#number,
        byteOffset: this.#offset + from,
      });
      from = end + 1;
    }
    this.#offset += from;
    this.#rest = Uint8Array.from(data.subarray(from));
    if (this.#rest.length > this.#maxBytes) this.#tooLong = true;
  }

  /** @returns what follows the last LF: nothing, where every line is ended */
  end(): Line | null {
    if (this.#rest.length === 0) return null;
    return { bytes: this.#rest, number: this.#number + 1, byteOffset: this.#offset };
  }
}
