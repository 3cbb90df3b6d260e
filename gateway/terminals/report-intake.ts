import { MicroBatch } from '../intake/micro-batch.ts';
import type { Database } from '../store/connection.ts';
import { writeTerminalReports, type PlacedReport } from '../store/terminals.ts';

type Waiting = {
  readonly report: PlacedReport;
  readonly resolve: () => void;
  readonly reject: (fault: unknown) => void;
};

/** Nobody waits at a gate for a report: a twentieth of a second gathers three of the sixty a second that come after an outage. */
const GATHERING = { sizeMax: 200, sizeEnough: 50, gatherMs: () => 50, inFlightMax: 1 } as const;

/** Takes reports of terminals and writes those of a moment together, in one statement and one commit. */
export class ReportIntake {
  readonly #database: Database;
  readonly #batch: MicroBatch<Waiting>;

  constructor(database: Database) {
    this.#database = database;
    this.#batch = new MicroBatch(GATHERING, (reports) => this.#write(reports));
  }

  /** Returns when it is durable: the terminal then forgets its faults. @throws StoreFault */
  take(report: PlacedReport): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#batch.push([{ report, resolve, reject }]);
    });
  }

  async #write(waiting: readonly Waiting[]): Promise<void> {
    // A statement changes a row once: of two reports of one terminal the second waits for the next.
    const first = new Map<string, Waiting>();
    const again: Waiting[] = [];
    for (const one of waiting) {
      if (first.has(one.report.terminalId)) again.push(one);
      else first.set(one.report.terminalId, one);
    }
    try {
      await writeTerminalReports(
        this.#database,
        [...first.values()].map(({ report }) => report),
      );
      for (const { resolve } of first.values()) resolve();
    } catch (fault) {
      for (const { reject } of first.values()) reject(fault);
    }
    if (again.length > 0) await this.#write(again);
  }
}
