import { derToRs, sm2Verify } from '@tapgate/sdk/gm/sm2';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { sequenceFollows, type SequenceRule } from '../batch-sequence.ts';
import type { ReadManifest } from '../formats/manifest-reader.ts';
import type { InspectionCode } from './inspection.ts';

/** A manifest with what lies beside it. */
export type DeliveredManifest = {
  readonly manifest: ReadManifest;
  readonly bytes: Uint8Array;
  /** of the file that it names; null where there is none */
  readonly file: { readonly bytes: number; readonly sm3: Uint8Array; readonly sha256: Uint8Array } | null;
  /** it was sent encrypted: only its party can tell whether it is the one that was signed */
  readonly isSealed: boolean;
  readonly signature: Uint8Array | null;
};

/**
 * What a receiver decides about one delivery before it looks into the file (clearing.md 3): the file is the one that was
 * signed, and the signature is the sender's.
 *
 * @param publicKeyXy the sender's key; null: nobody said which, so the signature is not judged
 * @refuses file_missing, file_hash_wrong, signature_missing, signature_wrong: all that apply
 */
export function judgeDelivery(
  delivery: DeliveredManifest,
  publicKeyXy: Uint8Array | null,
): readonly InspectionCode[] {
  const codes: InspectionCode[] = [];
  const { manifest, file, signature } = delivery;
  if (manifest.file !== null && file === null && !delivery.isSealed) codes.push('file_missing');
  if (manifest.file !== null && file !== null && !isDescribed(file, manifest)) codes.push('file_hash_wrong');
  if (publicKeyXy === null) return codes;
  if (signature === null) return [...codes, 'signature_missing'];
  // The profile says DER or raw; a raw signature is exactly 64 bytes, and DER of two such numbers never is.
  const rs = signature.length === 64 ? signature : derToRs(signature);
  if (rs === null || !sm2Verify({ publicKeyXy, message: delivery.bytes, signatureRs: rs })) {
    codes.push('signature_wrong');
  }
  return codes;
}

function isDescribed(file: NonNullable<DeliveredManifest['file']>, manifest: ReadManifest): boolean {
  return (
    file.bytes === manifest.fileBytes &&
    upperHex(file.sm3) === manifest.sm3 &&
    upperHex(file.sha256) === manifest.sha256
  );
}

/**
 * What several manifests of one party say together: sequences of a kind count up without a gap (batch-sequence.ts), and each names the
 * one before it. The first of those at hand may name one that is not at hand.
 *
 * @param ordered manifests of one party in any order
 * @param rule how the party counts, where its profile is known
 * @returns per manifest (by its bytes' SM3 in hex) the codes sequence_gap and chain_broken
 */
export function judgeChain(
  ordered: readonly { readonly manifest: ReadManifest; readonly bytes: Uint8Array }[],
  rule: SequenceRule | null,
): ReadonlyMap<string, readonly InspectionCode[]> {
  const sorted = [...ordered].sort((a, b) => compare(orderOf(a.manifest), orderOf(b.manifest)));
  const codes = new Map<string, InspectionCode[]>();
  let previous: { readonly name: string } | null = null;
  const lastOfKind = new Map<string, ReadManifest>();
  for (const { manifest, bytes } of sorted) {
    const name = upperHex(sm3(bytes));
    const own: InspectionCode[] = [];
    if (!sequenceFollows(manifest, lastOfKind.get(manifest.kind) ?? null, rule)) own.push('sequence_gap');
    lastOfKind.set(manifest.kind, manifest);
    if (previous !== null && manifest.previousManifestSm3 !== previous.name) own.push('chain_broken');
    codes.set(name, own);
    previous = { name };
  }
  return codes;
}

function orderOf(manifest: ReadManifest): string {
  return `${manifest.clearingDate} ${manifest.kind} ${String(manifest.sequence).padStart(9, '0')}`;
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

export function upperHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}
