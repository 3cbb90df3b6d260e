import {
  closeSync,
  fchownSync,
  fsyncSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import path from 'node:path';

/**
 * Writes a small file so that a reader sees the old content or the new one, never a part, also after power was lost: a new
 * file beside it, fsync, rename, fsync of the folder. Readable by its owner only (0600).
 *
 * Under root the file gets the folder's owner, so that a start with sudo does not lock the folder's owner out afterwards.
 */
export function writeDurably(file: string, content: string | Uint8Array): void {
  const folder = path.dirname(file);
  const next = `${file}.${randomBytes(6).toString('hex')}.new`;
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
  const handle = openSync(next, 'wx', 0o600);
  try {
    let written = 0;
    while (written < bytes.length) written += writeSync(handle, bytes, written);
    if (process.getuid?.() === 0) {
      const owner = statSync(folder);
      if (owner.uid !== 0) fchownSync(handle, owner.uid, owner.gid);
    }
    fsyncSync(handle);
  } catch (error) {
    unlinkSync(next);
    throw error;
  } finally {
    closeSync(handle);
  }
  renameSync(next, file);
  syncFolder(folder);
}

/** Makes a rename or a new name in a folder durable. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
