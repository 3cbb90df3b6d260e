import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import type { Database } from '../store/connection.ts';
import { loadTerminals } from '../store/reference-data.ts';
import { readTerminalsMark } from '../store/terminals.ts';

/** What another gateway process has enrolled or revoked holds here after this time at the latest. */
const LOOK_EVERY_MS = 2_000;

/** Keeps this process' picture of the terminals the one that the database has. */
export class TerminalWatch {
  readonly #database: Database;
  readonly #take: (terminals: ReadonlyMap<TerminalId, TerminalPlacement>) => void;
  #mark: string | null = null;
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  constructor(database: Database, take: (terminals: ReadonlyMap<TerminalId, TerminalPlacement>) => void) {
    this.#database = database;
    this.#take = take;
  }

  start(onFault: (fault: unknown) => void): void {
    let isOut = false;
    this.#timer = setInterval(() => {
      this.refresh().then(
        () => {
          isOut = false;
        },
        (fault: unknown) => {
          // A database that is gone is reported once, not every other second.
          if (!isOut) onFault(fault);
          isOut = true;
        },
      );
    }, LOOK_EVERY_MS).unref();
  }

  /** After this the picture has everything that was committed before the call. @throws StoreFault */
  refresh(): Promise<void> {
    const look = this.#looking.then(() => this.#look());
    this.#looking = look.catch(() => undefined);
    return look;
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const mark = await readTerminalsMark(this.#database);
    if (mark === this.#mark) return;
    this.#take(await loadTerminals(this.#database));
    this.#mark = mark;
  }
}
