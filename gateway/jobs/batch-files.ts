import { recordWithheld } from '../store/clearing-batches.ts';
import type { BuiltFile } from './build-batch.ts';
import type { BatchFiles, ClosingDependencies, FileMaking, FileOrder } from './closing.ts';
import { ThreadedFiles } from './closing-threads.ts';
import { makeBatchFile } from './make-batch-file.ts';

/**
 * Who makes the files of a closing: threads where the caller named them and the day is large enough for them to pay, this thread
 * otherwise. The bytes are the same.
 */
export function filesOf(dependencies: ClosingDependencies, making: FileMaking): BatchFiles {
  const { threads } = dependencies;
  const journeys = making.cut.upToSettledNo - making.cut.afterSettledNo;
  if (threads === undefined || threads.count < 2 || journeys < threads.fromJourneys)
    return filesHere(making, journeys);
  return new ThreadedFiles(making, threads);
}

/** A small day is closed one batch after the other; of a larger one, a batch is worked on while the database sorts the next. */
const SIDE_BY_SIDE_FROM_JOURNEYS = 10_000;

function filesHere(making: FileMaking, journeys: number): BatchFiles {
  return {
    atOnce: journeys < SIDE_BY_SIDE_FROM_JOURNEYS ? 1 : 2,
    make: (order) => makeOrdered(making, order),
    stop: () => Promise.resolve(),
    end: () => Promise.resolve(),
  };
}

/** Makes the file of an order; what is withheld from a new batch is kept while it is made. @throws as makeBatchFile */
export function makeOrdered(
  making: FileMaking,
  { batch, terms, place, isNew }: FileOrder,
): Promise<BuiltFile> {
  return makeBatchFile(making, batch, terms, place, async (withheld) => {
    if (isNew) await recordWithheld(making.database, batch, withheld);
  });
}
