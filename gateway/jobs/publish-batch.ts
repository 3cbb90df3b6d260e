import { existsSync } from 'node:fs';
import path from 'node:path';
import type { BatchTerms } from '../clearing/batch-terms.ts';
import type { BatchIdentity } from '../clearing/clearing-batch.ts';
import type { ClearingProfile } from '../clearing/clearing-profile.ts';
import { controlFileBytes, type ControlledFile } from '../clearing/control-file.ts';
import type { SignedBatch } from '../store/clearing-batches.ts';
import {
  digestFile,
  discardFile,
  publishFile,
  temporaryFile,
  writeWhole,
  type FileDigest,
} from './batch-file.ts';
import { ClearingFault, type BatchPlace, type Closing } from './closing.ts';
import { CONTENT_KEY_BYTES, digestSealedFile, sealFile, sealingContext } from './sealed-file.ts';

/**
 * Brings file, manifest, signature and control file of a recorded batch under their real names. What is there with the right bytes stays; what is
 * missing or was damaged is made again and must be what was signed.
 *
 * @param justBuilt the file that was signed stands under its temporary name since a moment ago: it is not read once more
 * @throws StoreFault, KeyFault; ClearingFault batch_not_reproducible, and then nothing of it is there
 */
export async function publishBatch(
  closing: Closing,
  signed: SignedBatch,
  terms: BatchTerms,
  place: BatchPlace,
  justBuilt: boolean,
): Promise<void> {
  const { folder, name } = place;
  if (signed.fileName === null) discardFile(folder, name);
  else if (signed.contentKeySealed === null) await publishClear(closing, signed, terms, place, justBuilt);
  else await publishSealed(closing, signed, terms, place, justBuilt);
  closing.reached?.('file_published', signed);
  writeWhole(folder, `${name}.manifest.json`, signed.manifest);
  closing.reached?.('manifest_written', signed);
  writeWhole(folder, `${name}.sig`, signed.signature);
  closing.reached?.('signature_written', signed);
  writeWhole(folder, `${name}.chk`, controlFileBytes(controlledFiles(signed, terms, place)));
  closing.reached?.('control_written', signed);
}

/** Everything of the delivery but the control file itself. */
function controlledFiles(
  signed: SignedBatch,
  terms: BatchTerms,
  { folder, name }: BatchPlace,
): ControlledFile[] {
  const controlled = (file: string): ControlledFile => ({
    name: file,
    ...digestFile(path.join(folder, file)),
  });
  const rest = [controlled(`${name}.manifest.json`), controlled(`${name}.sig`)];
  if (signed.fileName === null) return rest;
  if (signed.contentKeySealed !== null)
    return [controlled(sentNameOf(name, terms.profile)), controlled(`${name}.key`), ...rest];
  const { fileBytes: bytes, fileSm3: sm3, fileSha256: sha256 } = signed;
  return [{ name, bytes, sm3, sha256 }, ...rest];
}

/** The name under which a file is sent. */
export function sentNameOf(name: string, { encryption }: ClearingProfile): string {
  return encryption.method === 'none' ? name : `${name}.enc`;
}

async function publishClear(
  closing: Closing,
  signed: SignedBatch,
  terms: BatchTerms,
  place: BatchPlace,
  justBuilt: boolean,
): Promise<void> {
  if (!justBuilt) {
    if (isFile(path.join(place.folder, place.name), signed)) return;
    await bringBack(closing, signed, terms, place);
  }
  publishFile(place.folder, place.name);
}

async function publishSealed(
  closing: Closing,
  signed: SignedBatch,
  terms: BatchTerms,
  place: BatchPlace,
  justBuilt: boolean,
): Promise<void> {
  const { contentKeySealed, envelope } = signed;
  if (contentKeySealed === null || envelope === null) throw new RangeError('a sealed batch has its key');
  const { folder, name } = place;
  const opened = closing.keys.open(contentKeySealed, sealingContext(signed));
  const content = { key: opened.subarray(0, CONTENT_KEY_BYTES), iv: opened.subarray(CONTENT_KEY_BYTES) };
  const sealedName = sentNameOf(name, terms.profile);
  const sealed = path.join(folder, sealedName);
  const digest = !justBuilt && existsSync(sealed) ? digestSealedFile(sealed, content) : null;
  if (digest === null || !isSigned(digest, signed)) {
    if (!justBuilt) await bringBack(closing, signed, terms, place);
    sealFile(temporaryFile(folder, name), { folder, name: sealedName }, content);
    publishFile(folder, sealedName);
  }
  discardFile(folder, name);
  writeWhole(folder, `${name}.key`, envelope);
}

/** Has the file in clear under its temporary name, with the bytes that were signed. */
async function bringBack(
  closing: Closing,
  signed: SignedBatch,
  terms: BatchTerms,
  place: BatchPlace,
): Promise<void> {
  if (isFile(temporaryFile(place.folder, place.name), signed)) return;
  const built = await closing.files.make({ batch: identityOf(signed), terms, place, isNew: false });
  if (isSigned(built, signed)) return;
  discardFile(place.folder, place.name);
  throw new ClearingFault('batch_not_reproducible', signed);
}

function identityOf({ party, kind, clearingDate, sequence }: BatchIdentity): BatchIdentity {
  return { party, kind, clearingDate, sequence };
}

function isFile(file: string, signed: SignedBatch): boolean {
  return existsSync(file) && isSigned(digestFile(file), signed);
}

function isSigned(digest: FileDigest, signed: SignedBatch): boolean {
  return (
    digest.bytes === signed.fileBytes &&
    Buffer.from(digest.sm3).equals(signed.fileSm3) &&
    Buffer.from(digest.sha256).equals(signed.fileSha256)
  );
}
