import { addFen, fen, type Fen } from '@tapgate/sdk/wire/money';
import {
  addDifference,
  NO_ADJUSTMENTS,
  type AdjustmentTotals,
  type BatchFormat,
  type BatchTotals,
  type ClaimedRide,
  type DeferredCharge,
  type Presentment,
} from '../clearing/clearing-batch.ts';
import type { UnpresentedAdjustment, WithheldJourney } from '../store/clearing-batches.ts';
import { BatchFile, type FileDigest } from './batch-file.ts';
import { withheldJourney, type BatchPiece, type ChangePiece } from './batch-items.ts';

export type BuiltFile = FileDigest &
  BatchTotals & {
    readonly withheld: BatchTotals;
    /** changes that the file carries */
    readonly adjustments: AdjustmentTotals;
    /** changes that the batch took and the file does not carry */
    readonly unpresented: readonly UnpresentedAdjustment[];
    /** without lines these bytes are no file of the format */
    readonly isNoFile: boolean;
  };

/**
 * Streams the items of a batch through its format into a file under its temporary name. Nothing of the batch is kept but its
 * sums and the few changes that it does not carry: the memory is that of one piece. An item that the format refuses is withheld with all its
 * journeys; a change that it cannot say is held.
 *
 * @param watch is told of each piece's withheld journeys before the file is finished, and of each piece that was written
 */
export async function buildFile<Item extends Presentment | DeferredCharge | ClaimedRide, Change>(
  place: { readonly folder: string; readonly name: string },
  format: BatchFormat<Item, Change>,
  pieces: AsyncIterable<BatchPiece<Item>>,
  changePieces: AsyncIterable<ChangePiece<Change>>,
  watch: {
    readonly keepWithheld: (withheld: readonly WithheldJourney[]) => Promise<void>;
    readonly pieceWritten: () => void;
  },
): Promise<BuiltFile> {
  const file = new BatchFile(place.folder, place.name);
  try {
    let records = 0;
    let totalFen = fen(0);
    let withheldRecords = 0;
    let withheldFen = fen(0);
    file.write(format.head);
    for await (const piece of pieces) {
      const withheld = [...piece.withheld];
      for (const { item, journeys } of piece.items) {
        const bytes = format.item(item, records + 1);
        if ('withheld' in bytes) {
          withheld.push(...journeys.map((journey) => withheldJourney(journey, bytes.withheld)));
          continue;
        }
        file.write(bytes);
        records += 1;
        totalFen = addFen(totalFen, amountOf(item));
      }
      watch.pieceWritten();
      if (withheld.length === 0) continue;
      await watch.keepWithheld(withheld);
      withheldRecords += withheld.length;
      withheldFen = withheld.reduce((sum, journey) => addFen(sum, journey.amountFen), withheldFen);
    }
    if (format.middle !== undefined) file.write(format.middle);
    const { adjustments, unpresented } = await writeChanges(file, format, changePieces, {
      items: records,
      pieceWritten: watch.pieceWritten,
    });
    const totals = { records, totalFen };
    file.write(format.tail(totals, adjustments));
    return {
      ...file.finish(format.headOf?.(totals, adjustments)),
      records,
      totalFen,
      withheld: { records: withheldRecords, totalFen: withheldFen },
      adjustments,
      unpresented,
      isNoFile: records === 0 && adjustments.records === 0 && format.isNeverEmpty === true,
    };
  } catch (error) {
    file.abandon();
    throw error;
  }
}

/** Read after the last item: only then is it known which rides of this very batch are withheld. */
async function writeChanges<Item, Change>(
  file: BatchFile,
  format: BatchFormat<Item, Change>,
  pieces: AsyncIterable<ChangePiece<Change>>,
  { items, pieceWritten }: { readonly items: number; readonly pieceWritten: () => void },
): Promise<Pick<BuiltFile, 'adjustments' | 'unpresented'>> {
  let adjustments = NO_ADJUSTMENTS;
  const unpresented: UnpresentedAdjustment[] = [];
  const heldRides = new Set<string>();
  for await (const { changes, withheld } of pieces) {
    unpresented.push(...withheld);
    for (const { change, ride, followsHeld, adjustmentId, differenceFen } of changes) {
      if (format.change === undefined) throw new RangeError('a format without changes takes none');
      const changeNo = adjustments.records + 1;
      const bytes =
        followsHeld || heldRides.has(ride)
          ? { held: 'follows_held' }
          : format.change(change, items + changeNo, changeNo);
      if ('held' in bytes) {
        heldRides.add(ride);
        unpresented.push({ adjustmentId, state: 'held', cause: bytes.held, differenceFen });
        continue;
      }
      file.write(bytes);
      adjustments = addDifference(adjustments, differenceFen);
    }
    pieceWritten();
  }
  return { adjustments, unpresented };
}

function amountOf(item: Presentment | DeferredCharge | ClaimedRide): Fen {
  return 'claimedFen' in item ? item.claimedFen : item.amountFen;
}
