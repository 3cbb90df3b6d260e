import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { BatchIdentity, BatchTotals } from './clearing-batch.ts';

/** What the signature of a batch covers. PAN and key never stand here; neither does anything that differs between two runs. */
export type ManifestContent = BatchIdentity &
  BatchTotals & {
    readonly format: string;
    /** null where the party wants no file on a day without records */
    readonly file: string | null;
    readonly fileBytes: number;
    readonly sm3: Uint8Array;
    readonly sha256: Uint8Array;
    readonly feeFen: Fen | null;
    readonly collectionDate: IsoDate | null;
    readonly withheld: BatchTotals;
    /** SM3 of this party's manifest before this one, of any kind; null for its first */
    readonly previousManifestSm3: Uint8Array | null;
  };

/**
 * The manifest as bytes: JSON with its members in this order, two spaces of indent, LF at the end, ASCII but for nothing. The
 * same content gives the same bytes anywhere.
 */
export function manifestBytes(content: ManifestContent): Uint8Array {
  const members = {
    manifest: 'tapgate-clearing',
    edition: 1,
    party: content.party,
    kind: content.kind,
    clearingDate: content.clearingDate,
    sequence: content.sequence,
    format: content.format,
    file: content.file,
    fileBytes: content.fileBytes,
    records: content.records,
    currency: 'CNY',
    totalFen: content.totalFen,
    feeFen: content.feeFen,
    collectionDate: content.collectionDate,
    withheldRecords: content.withheld.records,
    withheldFen: content.withheld.totalFen,
    sm3: upperHex(content.sm3),
    sha256: upperHex(content.sha256),
    previousManifestSm3: content.previousManifestSm3 === null ? null : upperHex(content.previousManifestSm3),
  };
  return Buffer.from(`${JSON.stringify(members, null, 2)}\n`, 'utf8');
}

function upperHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}
