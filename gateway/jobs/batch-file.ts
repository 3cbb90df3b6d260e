import { createHash, type Hash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { syncFolder, writeDurably } from '../durable-file.ts';

export type FileDigest = { readonly bytes: number; readonly sm3: Uint8Array; readonly sha256: Uint8Array };

/** Large enough that a record costs no system call, small enough to count for nothing. */
const BUFFER_BYTES = 1 << 20;

/** Both hashes of a stream of bytes. @throws Error from node:crypto in a Node that was built without SM3 */
export class FileDigester {
  readonly #sm3: Hash = createHash('sm3');
  readonly #sha256: Hash = createHash('sha256');
  #bytes = 0;

  update(bytes: Uint8Array): void {
    this.#sm3.update(bytes);
    this.#sha256.update(bytes);
    this.#bytes += bytes.length;
  }

  digest(): FileDigest {
    return { bytes: this.#bytes, sm3: this.#sm3.digest(), sha256: this.#sha256.digest() };
  }
}

/**
 * A file of a batch while it is written: under a temporary name in the folder of its final one, so that the rename is atomic
 * and nobody ever sees a part under the real name (clearing.md section 3).
 */
export class BatchFile {
  readonly #temporary: string;
  readonly #handle: number;
  readonly #digester = new FileDigester();
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  #filled = 0;

  constructor(folder: string, name: string) {
    this.#temporary = temporaryFile(folder, name);
    // What a killed run left under this name is begun again.
    this.#handle = openSync(this.#temporary, 'w', 0o640);
  }

  write(bytes: Uint8Array): void {
    if (bytes.length > this.#buffer.length - this.#filled) this.#flush();
    if (bytes.length > this.#buffer.length) {
      this.#digester.update(bytes);
      writeAll(this.#handle, bytes);
      return;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  /**
   * Everything is on disk under the temporary name; `publishFile` gives it the real one.
   *
   * @param beginning bytes that take the place of as many first ones; the file is then read once more for its hashes
   */
  finish(beginning?: Uint8Array): FileDigest {
    this.#flush();
    if (beginning !== undefined) writeAll(this.#handle, beginning, 0);
    fsyncSync(this.#handle);
    closeSync(this.#handle);
    return beginning === undefined ? this.#digester.digest() : digestFile(this.#temporary);
  }

  abandon(): void {
    closeSync(this.#handle);
    rmSync(this.#temporary, { force: true });
  }

  #flush(): void {
    const part = this.#buffer.subarray(0, this.#filled);
    this.#digester.update(part);
    writeAll(this.#handle, part);
    this.#filled = 0;
  }
}

/** @param position where in the file; where the last write ended, when it is left out */
function writeAll(handle: number, bytes: Uint8Array, position: number | null = null): void {
  let written = 0;
  while (written < bytes.length) {
    const at = position === null ? null : position + written;
    written += writeSync(handle, bytes, written, bytes.length - written, at);
  }
}

/** Where a file is while it is written, and until it is published. */
export function temporaryFile(folder: string, name: string): string {
  return path.join(folder, `.${name}.tmp`);
}

/** Gives a finished file its real name. */
export function publishFile(folder: string, name: string): void {
  renameSync(temporaryFile(folder, name), path.join(folder, name));
  syncFolder(folder);
}

/** Takes a finished file back that nobody wants. */
export function discardFile(folder: string, name: string): void {
  rmSync(temporaryFile(folder, name), { force: true });
}

/** Writes a small file whole, unless it is there with these bytes already. */
export function writeWhole(folder: string, name: string, bytes: Uint8Array): void {
  const file = path.join(folder, name);
  if (existsSync(file)) {
    const present = digestFile(file);
    const wanted = new FileDigester();
    wanted.update(bytes);
    if (Buffer.from(present.sha256).equals(wanted.digest().sha256)) return;
  }
  writeDurably(file, bytes);
}

/** Reads a file once in pieces for its hashes. */
export function digestFile(file: string): FileDigest {
  const handle = openSync(file, 'r');
  try {
    const digester = new FileDigester();
    const buffer = Buffer.alloc(BUFFER_BYTES);
    for (;;) {
      const read = readSync(handle, buffer, 0, buffer.length, null);
      if (read === 0) return digester.digest();
      digester.update(buffer.subarray(0, read));
    }
  } finally {
    closeSync(handle);
  }
}
