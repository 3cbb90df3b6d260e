import { randomBytes } from 'node:crypto';
import { rsToDer } from '@tapgate/sdk/gm/sm2';
import { sm2Encrypt } from '@tapgate/sdk/gm/sm2-encryption';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { batchFee } from '../clearing/batch-fee.ts';
import type { BatchTerms } from '../clearing/batch-terms.ts';
import {
  addDifference,
  netFen,
  NO_ADJUSTMENTS,
  type AdjustmentTotals,
  type BatchIdentity,
  type BatchKind,
} from '../clearing/clearing-batch.ts';
import type { ClearingProfile } from '../clearing/clearing-profile.ts';
import { manifestBytes } from '../clearing/manifest.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { postBatch } from '../ledger/post-batch.ts';
import type { Posting } from '../ledger/posting.ts';
import {
  findPreviousManifestSm3,
  recordBatch,
  type SignedBatch,
  type UnpresentedAdjustment,
} from '../store/clearing-batches.ts';
import type { BuiltFile } from './build-batch.ts';
import type { BatchPlace, Closing } from './closing.ts';
import { CONTENT_KEY_BYTES, INITIAL_VECTOR_BYTES, sealingContext } from './sealed-file.ts';

/** Every rail of today debits the holder's bank account. */
const PURSE = 'bank';

/**
 * Makes a batch that was never made: builds its file under the temporary name, signs the manifest, and records the batch with its
 * postings in one transaction. The signature and the key of an encrypted file are random, so they are made here once and kept.
 *
 * @param earlier ends when the party's batch before this one has ended, whichever way: manifests of a party are chained
 * @throws StoreFault, KeyFault, ClearingFault
 */
export async function signBatch(
  closing: Closing,
  batch: BatchIdentity,
  terms: BatchTerms,
  place: BatchPlace,
  earlier: Promise<unknown>,
): Promise<SignedBatch> {
  const { database, keys, reached, files } = closing;
  const { profile } = terms;
  const built = await files.make({ batch, terms, place, isNew: true });
  reached?.('file_built', batch);
  await earlier;
  const previousManifestSm3 = await findPreviousManifestSm3(database, batch);
  const isEmpty = built.records === 0 && built.adjustments.records === 0;
  const isLeftOut = built.isNoFile || (isEmpty && profile.emptyFile === 'manifest_only');
  const fileName = isLeftOut ? null : place.name;
  const manifest = manifestBytes({
    ...batch,
    ...built,
    format: formatOf(batch.kind, profile),
    file: fileName,
    fileBytes: built.bytes,
    feeFen: batchFee(profile, { ...batch, totalFen: netFen(built, built.adjustments) }),
    collectionDate: terms.collectionDate,
    previousManifestSm3,
  });
  const rs = keys.signManifest(manifest);
  const signed: SignedBatch = {
    ...batch,
    records: built.records,
    totalFen: built.totalFen,
    withheld: built.withheld,
    adjustments: built.adjustments,
    fileName,
    fileBytes: built.bytes,
    fileSm3: built.sm3,
    fileSha256: built.sha256,
    manifest,
    manifestSm3: sm3(manifest),
    previousManifestSm3,
    signature: profile.signature === 'der' ? rsToDer(rs) : rs,
    terms,
    ...newEnvelope(keys, batch, profile),
  };
  await recordBatch(database, signed, PURSE, postingsOf(batch, built), built.unpresented);
  reached?.('batch_recorded', batch);
  return signed;
}

function formatOf(kind: BatchKind, profile: ClearingProfile): string {
  switch (kind) {
    case 'offline_purchase':
      return 'cup-tc-526';
    case 'deferred_charge':
      return profile.deferredCharges;
    case 'subsidy_claim':
      return 'subsidy-claim';
  }
}

/** A claim moves no money: its rides and their changes stand as receivable since they were settled. */
function postingsOf(batch: BatchIdentity, built: BuiltFile): Posting[] {
  if (batch.kind === 'subsidy_claim') return [];
  const { totalFen: presentedFen, withheld } = built;
  return postBatch({
    ...batch,
    bankId: batch.party,
    purse: PURSE,
    presentedFen,
    withheldFen: withheld.totalFen,
    adjusted: built.adjustments,
    adjustedWithheld: sumOf(built.unpresented, 'withheld'),
  });
}

function sumOf(
  unpresented: readonly UnpresentedAdjustment[],
  state: UnpresentedAdjustment['state'],
): AdjustmentTotals {
  const own = unpresented.filter((one) => one.state === state);
  return own.reduce((sum, { differenceFen }) => addDifference(sum, differenceFen), NO_ADJUSTMENTS);
}

function newEnvelope(
  keys: KeyProvider,
  batch: BatchIdentity,
  { encryption }: ClearingProfile,
): Pick<SignedBatch, 'contentKeySealed' | 'envelope'> {
  if (encryption.method === 'none') return { contentKeySealed: null, envelope: null };
  const content = randomBytes(CONTENT_KEY_BYTES + INITIAL_VECTOR_BYTES);
  const publicKey = Buffer.from(encryption.publicKey, 'hex');
  return {
    contentKeySealed: keys.seal(content, sealingContext(batch)),
    envelope: sm2Encrypt(publicKey, content.subarray(0, CONTENT_KEY_BYTES), encryption.ciphertext),
  };
}
