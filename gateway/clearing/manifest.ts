import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import {
  addDifference,
  netFen,
  NO_ADJUSTMENTS,
  type AdjustmentTotals,
  type BatchIdentity,
  type BatchTotals,
} from './clearing-batch.ts';

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
    /** lines of adjustments in the file, and what was taken and is not in it */
    readonly adjustments: AdjustmentTotals;
    readonly unpresented: readonly {
      readonly state: 'held' | 'withheld';
      readonly cause: string;
      readonly differenceFen: number;
    }[];
    /** SM3 of this party's manifest before this one, of any kind; null for its first */
    readonly previousManifestSm3: Uint8Array | null;
  };

/**
 * The manifest as bytes: JSON with its members in this order, two spaces of indent, LF at the end, ASCII but for nothing. The
 * same content gives the same bytes anywhere. A batch that took adjustments has edition 2, which says what became of them; any other has edition 1.
 */
export function manifestBytes(content: ManifestContent): Uint8Array {
  const members = {
    manifest: 'tapgate-clearing',
    edition: tookAdjustments(content) ? 2 : 1,
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
    ...(tookAdjustments(content) ? adjustmentMembers(content) : {}),
    sm3: upperHex(content.sm3),
    sha256: upperHex(content.sha256),
    previousManifestSm3: content.previousManifestSm3 === null ? null : upperHex(content.previousManifestSm3),
  };
  return Buffer.from(`${JSON.stringify(members, null, 2)}\n`, 'utf8');
}

function tookAdjustments({ adjustments, unpresented }: ManifestContent): boolean {
  return adjustments.records > 0 || unpresented.length > 0;
}

function adjustmentMembers(content: ManifestContent): object {
  const causes = [...new Set(content.unpresented.map(({ state, cause }) => `${state} ${cause}`))].sort();
  return {
    adjustments: content.adjustments,
    netFen: netFen(content, content.adjustments),
    unpresented: causes.map((named) => {
      const [state = '', cause = ''] = named.split(' ');
      const own = content.unpresented.filter((one) => one.state === state && one.cause === cause);
      const { records, extraFen, reducedFen } = own.reduce(
        (sum, { differenceFen }) => addDifference(sum, differenceFen),
        NO_ADJUSTMENTS,
      );
      return { state, cause, records, extraFen, reducedFen };
    }),
  };
}

function upperHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}
