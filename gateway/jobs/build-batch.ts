import { addFen, fen, type Fen } from '@tapgate/sdk/wire/money';
import type {
  BatchFormat,
  BatchTotals,
  ClaimedRide,
  DeferredCharge,
  Presentment,
} from '../clearing/clearing-batch.ts';
import type { WithheldJourney } from '../store/clearing-batches.ts';
import { BatchFile, type FileDigest } from './batch-file.ts';
import { withheldJourney, type BatchPiece } from './batch-items.ts';

export type BuiltFile = FileDigest &
  BatchTotals & {
    readonly withheld: BatchTotals;
    /** without items these bytes are no file of the format */
    readonly isNoFile: boolean;
  };

/**
 * Streams the items of a batch through its format into a file under its temporary name. Nothing of the batch is kept but its
 * sums: the memory is that of one piece. An item that the format refuses is withheld with all its journeys.
 *
 * @param watch is told of each piece's withheld journeys before the file is finished, and of each piece that was written
 */
export async function buildFile<Item extends Presentment | DeferredCharge | ClaimedRide>(
  place: { readonly folder: string; readonly name: string },
  format: BatchFormat<Item>,
  pieces: AsyncIterable<BatchPiece<Item>>,
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
    const totals = { records, totalFen };
    file.write(format.tail(totals));
    return {
      ...file.finish(format.headOf?.(totals)),
      records,
      totalFen,
      withheld: { records: withheldRecords, totalFen: withheldFen },
      isNoFile: records === 0 && format.isNeverEmpty === true,
    };
  } catch (error) {
    file.abandon();
    throw error;
  }
}

function amountOf(item: Presentment | DeferredCharge | ClaimedRide): Fen {
  return 'claimedFen' in item ? item.claimedFen : item.amountFen;
}
