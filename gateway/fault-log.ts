import { pino } from 'pino';
import { RulesUnusable } from './jobs/rules-watch.ts';
import { KeyFault } from './keys/key-provider.ts';
import { StartFault } from './start-fault.ts';
import { StoreFault } from './store/store-fault.ts';

/**
 * Where faults end: one JSON line each on stderr. A database that is gone makes a fault of every request, so of faults that are
 * alike one is written and the rest of the interval counted.
 */
export class FaultLog {
  readonly #log = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
  readonly #silentUntilMs = new Map<string, number>();
  readonly #suppressed = new Map<string, number>();

  readonly report = (fault: unknown): void => {
    const described = describeFault(fault);
    const kind = `${described.fault} ${described.code}`;
    const nowMs = performance.now();
    if (nowMs < (this.#silentUntilMs.get(kind) ?? 0)) {
      this.#suppressed.set(kind, (this.#suppressed.get(kind) ?? 0) + 1);
      return;
    }
    this.#silentUntilMs.set(kind, nowMs + ALIKE_MS);
    const suppressed = this.#suppressed.get(kind) ?? 0;
    this.#suppressed.delete(kind);
    this.#log.error(suppressed === 0 ? described : { ...described, alikeBefore: suppressed });
  };
}

const ALIKE_MS = 10_000;

type DescribedFault = {
  readonly fault: string;
  readonly code: string;
  readonly message?: string;
  readonly at?: readonly string[];
};

/**
 * What may be written of a fault. Messages of our own faults are made to be read; those of others (JSON.parse, drivers) may quote
 * what they were given, so only their kind and place are kept.
 */
export function describeFault(fault: unknown): DescribedFault {
  if (fault instanceof StoreFault || fault instanceof StartFault) {
    return { fault: fault.name, code: fault.code, message: fault.message };
  }
  if (fault instanceof RulesUnusable) return { fault: fault.name, code: fault.code, message: fault.message };
  if (fault instanceof KeyFault) return { fault: fault.name, code: 'key_fault', message: fault.message };
  if (!(fault instanceof Error)) return { fault: typeof fault, code: 'unknown' };
  const code = 'code' in fault && typeof fault.code === 'string' ? fault.code : 'unknown';
  return { fault: fault.name, code, at: framesOf(fault) };
}

const FRAMES_MAX = 8;

/** The places of a stack, without its first lines, which repeat the message. */
function framesOf(error: Error): string[] {
  return (error.stack ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '))
    .slice(0, FRAMES_MAX);
}
