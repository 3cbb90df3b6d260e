/** Rows in the binary form that COPY takes (PostgreSQL 18, chapter "COPY", file formats), gathered into one buffer that is sent by the piece. */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const LAST = Buffer.from([0xff, 0xff]);
const EPOCH_2000_MS = Date.UTC(2000, 0, 1);
const DAY_MS = 86_400_000;
const ROW_BYTES_MAX = 4_096;

export class CopyRows {
  #buffer: Buffer;
  #at: number;

  /** @param rowsOfPiece how many rows are gathered at most between two pieces */
  constructor(rowsOfPiece: number) {
    this.#buffer = Buffer.allocUnsafeSlow(rowsOfPiece * ROW_BYTES_MAX);
    this.#at = SIGNATURE.copy(this.#buffer);
  }

  row(columns: number): void {
    this.#at = this.#buffer.writeInt16BE(columns, this.#at);
  }

  none(): void {
    this.#at = this.#buffer.writeInt32BE(-1, this.#at);
  }

  text(value: string | null): void {
    if (value === null) {
      this.none();
      return;
    }
    const written = this.#buffer.write(value, this.#at + 4, 'latin1');
    this.#at = this.#buffer.writeInt32BE(written, this.#at) + written;
  }

  bytes(value: Uint8Array): void {
    this.#at = this.#buffer.writeInt32BE(value.length, this.#at);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  smallint(value: number): void {
    this.#at = this.#buffer.writeInt32BE(2, this.#at);
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
  }

  integer(value: number): void {
    this.#at = this.#buffer.writeInt32BE(4, this.#at);
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
  }

  bigint(value: number | null): void {
    if (value === null) {
      this.none();
      return;
    }
    this.#at = this.#buffer.writeInt32BE(8, this.#at);
    this.#whole(value);
  }

  date(atMs: number): void {
    this.integer(Math.floor((atMs - EPOCH_2000_MS) / DAY_MS));
  }

  instant(atMs: number): void {
    this.bigint((atMs - EPOCH_2000_MS) * 1_000);
  }

  /** What was gathered since the last piece, in a buffer of its own. */
  piece(isLast: boolean): Buffer {
    const whole = Buffer.concat([this.#buffer.subarray(0, this.#at), ...(isLast ? [LAST] : [])]);
    this.#at = 0;
    return whole;
  }

  /** A non-negative safe integer in eight bytes, without the BigInt that would be made for it. */
  #whole(value: number): void {
    this.#at = this.#buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), this.#at);
    this.#at = this.#buffer.writeUInt32BE(value % 0x1_0000_0000, this.#at);
  }
}
