import { createCipheriv, createDecipheriv } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { BatchIdentity } from '../clearing/clearing-batch.ts';
import { BatchFile, FileDigester, type FileDigest } from './batch-file.ts';

/** SM4 key and initial vector of one file. */
export const CONTENT_KEY_BYTES = 16;
export const INITIAL_VECTOR_BYTES = 16;
export type ContentKey = { readonly key: Uint8Array; readonly iv: Uint8Array };

const PIECE_BYTES = 1 << 20;

/** What a content key is sealed for: it opens for no other batch. */
export function sealingContext({ party, kind, clearingDate, sequence }: BatchIdentity): string {
  return `clearing ${party} ${kind} ${clearingDate} ${sequence}`;
}

/**
 * Encrypts a finished file for its party: the initial vector, then SM4-CBC with PKCS#7 padding (formats/envelope.md). The same key
 * and vector give the same bytes.
 */
export function sealFile(
  source: string,
  place: { readonly folder: string; readonly name: string },
  content: ContentKey,
): void {
  const sealed = new BatchFile(place.folder, place.name);
  try {
    const cipher = createCipheriv('sm4-cbc', content.key, content.iv);
    sealed.write(content.iv);
    for (const piece of pieces(source)) sealed.write(cipher.update(piece));
    sealed.write(cipher.final());
    sealed.finish();
  } catch (error) {
    sealed.abandon();
    throw error;
  }
}

/** Size and hashes of what a sealed file holds; null when it does not open under this key. */
export function digestSealedFile(file: string, content: ContentKey): FileDigest | null {
  const decipher = createDecipheriv('sm4-cbc', content.key, content.iv);
  const digester = new FileDigester();
  try {
    let skip = INITIAL_VECTOR_BYTES;
    for (const piece of pieces(file)) {
      const part = piece.subarray(Math.min(skip, piece.length));
      skip -= piece.length - part.length;
      digester.update(decipher.update(part));
    }
    digester.update(decipher.final());
  } catch {
    return null;
  }
  return digester.digest();
}

function* pieces(file: string): Generator<Uint8Array> {
  const handle = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(PIECE_BYTES);
    for (;;) {
      const read = readSync(handle, buffer, 0, buffer.length, null);
      if (read === 0) return;
      yield buffer.subarray(0, read);
    }
  } finally {
    closeSync(handle);
  }
}
