import { isIsoDate } from '@tapgate/sdk/wire/identifiers';
import { describeStartFault, StartFault } from '../start-fault.ts';
import type { DateRange } from '../store/stored-journeys.ts';

/** A command line that makes no sense; its message is for people. */
export class UsageFault extends Error {}

/** The service dates that a command is asked about, both included. @throws UsageFault */
export function dateRange(values: {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}): DateRange {
  const { from, to } = values;
  if (from === undefined || to === undefined || !isIsoDate(from) || !isIsoDate(to))
    throw new UsageFault('--from and --to take existing dates, YYYY-MM-DD');
  if (from > to) throw new UsageFault('--to is before --from');
  return { from, to };
}

export const progressFormat = (doing: string): string =>
  `${doing} [{bar}] {value}/{total} journeys, {eta_formatted} left`;

/** Runs a command to its exit code: what `run` returns; 2 for wrong usage; one line and its own code for a start that failed. */
export async function endCommand(name: string, run: () => Promise<number>): Promise<void> {
  // A reader that has seen enough (head) closes the pipe: that is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  try {
    process.exitCode = await run();
  } catch (error) {
    if (error instanceof UsageFault || (error instanceof TypeError && 'code' in error)) {
      process.stderr.write(`${error.message}\nTry npm run ${name} -- --help\n`);
      process.exitCode = 2;
    } else {
      process.stderr.write(`${describeStartFault(error)}\n`);
      process.exitCode = error instanceof StartFault ? error.exitCode : 1;
    }
  }
}
