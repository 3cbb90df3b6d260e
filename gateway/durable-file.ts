import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchownSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { systemErrorCode } from './start-fault.ts';

/**
 * Writes a small file so that a reader sees the old content or the new one, never a part, also after power was lost: a new
 * file beside it, fsync, rename, fsync of the folder. Readable by its owner only (0600).
 */
export function writeDurably(file: string, content: string | Uint8Array): void {
  renameSync(writeBeside(file, content), file);
  syncFolder(path.dirname(file));
}

/** The same for a file that must not exist yet: of two processes that make it at once one gets true, the other false. */
export function createDurably(file: string, content: string | Uint8Array): boolean {
  const next = writeBeside(file, content);
  try {
    linkSync(next, file);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(next);
    syncFolder(path.dirname(file));
  }
}

/** Under root the file gets the folder's owner, so that a start with sudo does not lock the folder's owner out afterwards. */
function writeBeside(file: string, content: string | Uint8Array): string {
  const next = `${file}.${randomBytes(6).toString('hex')}.new`;
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
  const handle = openSync(next, 'wx', 0o600);
  try {
    let written = 0;
    while (written < bytes.length) written += writeSync(handle, bytes, written);
    if (process.getuid?.() === 0) {
      const owner = statSync(path.dirname(file));
      if (owner.uid !== 0) fchownSync(handle, owner.uid, owner.gid);
    }
    fsyncSync(handle);
  } catch (error) {
    unlinkSync(next);
    throw error;
  } finally {
    closeSync(handle);
  }
  return next;
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
