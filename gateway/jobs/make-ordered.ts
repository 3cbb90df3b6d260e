import { recordWithheld } from '../store/clearing-batches.ts';
import type { BuiltFile } from './build-batch.ts';
import type { FileMaking, FileOrder } from './closing.ts';
import { makeBatchFile } from './make-batch-file.ts';

/** Makes the file of an order; what is withheld from a new batch is kept while it is made. @throws as makeBatchFile */
export function makeOrdered(
  making: FileMaking,
  { batch, terms, place, isNew }: FileOrder,
): Promise<BuiltFile> {
  return makeBatchFile(making, batch, terms, place, async (withheld) => {
    if (isNew) await recordWithheld(making.database, batch, withheld);
  });
}
