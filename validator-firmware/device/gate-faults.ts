import type { ListStanding } from '../lists/list-ages.ts';
import type { DeviceFault, FaultBook } from '../sync/terminal-report.ts';
import type { UpkeepRound } from '../sync/upkeep-loop.ts';

/** A clock that is further off than this is a fault: taps of a journey are told apart by less. */
const SKEW_MAX_MS = 60_000;

export type GateFaultsParts = {
  readonly clock: () => number;
  readonly onFault: (fault: DeviceFault) => void;
};

/** Everything that goes wrong at one gate, written down until the gateway has it; what holds on is written down once. */
export class GateFaults {
  readonly book: FaultBook;
  readonly #parts: GateFaultsParts;
  readonly #holding = new Set<string>();

  constructor(book: FaultBook, parts: GateFaultsParts) {
    this.book = book;
    this.#parts = parts;
  }

  record(fault: DeviceFault): void {
    this.#parts.onFault(fault);
    // A disk that takes no faults takes no taps either: the journal's own fault is told to whoever stands there.
    this.book.record(fault).catch(() => undefined);
  }

  now(code: string, detail: string | null): void {
    this.record({ code, atMs: this.#parts.clock(), detail });
  }

  /** @param error by its code, or by what it is: messages of others may hold anything */
  ofError(code: string, error: unknown): void {
    this.now(code, nameOf(error));
  }

  /** What a round of upkeep has shown: a clock that is off, lists that were refused or have grown old, a revocation. */
  note({ synced }: UpkeepRound, standings: readonly ListStanding[]): void {
    const { clockSkewMs } = synced;
    if (clockSkewMs !== null) {
      const seconds = Math.round(clockSkewMs / 1_000);
      const isOff = Math.abs(clockSkewMs) > SKEW_MAX_MS;
      this.#hold('clock_skewed', '', isOff ? `${seconds > 0 ? '+' : ''}${seconds} s` : null);
    }
    if (synced.stoppedBy === null || synced.stoppedBy === 'terminal_revoked')
      this.#hold('terminal_revoked', '', synced.stoppedBy);
    for (const { kind, stoppedBy } of synced.lists) {
      const isRefused = stoppedBy?.startsWith('list_') === true;
      this.#hold('list_refused', kind, isRefused ? `${kind} ${stoppedBy}` : null);
    }
    // One that never came has not grown old.
    for (const { kind, isStale, ageMs } of standings)
      this.#hold('list_stale', kind, isStale && ageMs !== null ? kind : null);
  }

  async close(): Promise<void> {
    await this.book.close();
  }

  #hold(code: string, name: string, detail: string | null): void {
    const key = `${code} ${name}`;
    if (detail === null) this.#holding.delete(key);
    else if (!this.#holding.has(key)) {
      this.#holding.add(key);
      this.now(code, detail);
    }
  }
}

function nameOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
