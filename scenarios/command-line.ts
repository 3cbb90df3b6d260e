import { describeStartFault, StartFault } from '@tapgate/gateway/start-fault';

/** A command line that makes no sense; its message is for people. */
export class UsageFault extends Error {}

/** parseArgs of node:util throws for what it does not know: that is a usage fault, whatever its class. */
export function parsedOrUsage<Parsed>(parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch (error) {
    throw new UsageFault(error instanceof Error ? error.message : 'unknown option');
  }
}

/** @throws UsageFault unless the text is a whole number within the bounds */
export function countArgument(name: string, text: string, bounds: { least: number; most: number }): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= bounds.least && value <= bounds.most))
    throw new UsageFault(`${name} takes a number from ${bounds.least} to ${bounds.most}`);
  return value;
}

/**
 * Runs a command to its exit code: what `run` returns; 2 for a command line that makes no sense; one line and its own code for a
 * start that failed. Everything else is a fault of ours and keeps its stack.
 */
export async function runCommand(name: string, run: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await run();
  } catch (error) {
    if (error instanceof UsageFault) {
      process.stderr.write(`${error.message}\nTry npm run ${name} -- --help\n`);
      process.exitCode = 2;
    } else if (error instanceof StartFault) {
      process.stderr.write(`${describeStartFault(error)}\n`);
      process.exitCode = error.exitCode;
    } else throw error;
  }
}
