import type { BatchFiles, ClosingDependencies, FileMaking } from './closing.ts';
import { ThreadedFiles } from './closing-threads.ts';
import { makeOrdered } from './make-ordered.ts';

/**
 * Who makes the files of a closing: this thread, and others where the caller named them and the day is large enough for them to pay. The bytes
 * are the same.
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
