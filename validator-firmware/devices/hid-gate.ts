import { DeviceFault } from './device-fault.ts';
import type { GateHardware, GateListener, GateShow } from './gate-hardware.ts';
import { type HidBoard, type HidLibrary, loadHidLibrary } from './hid-library.ts';
import { eventOfReport, reportsOf } from './hid-reports.ts';

export type HidGateSettings = {
  readonly vendorId: number;
  readonly productId: number;
  /** how often a board that is not there is looked for, ms */
  readonly lookEveryMs?: number;
  /** null: not installed */
  readonly library?: HidLibrary | null;
};

const LOOK_EVERY_MS = 500;

/**
 * The board behind USB. Pulled out, it is lost with the first report that fails or the first error of its own; it is looked for
 * until it is there again, and then shows what it ought to be showing: a barrier that was told to shut must not stay open.
 */
export class HidGate implements GateHardware {
  readonly #library: HidLibrary;
  readonly #settings: HidGateSettings;
  readonly #listener: GateListener;
  #board: HidBoard | null = null;
  #shown: GateShow | null = null;
  #isClosed = false;
  #look: NodeJS.Timeout | null = null;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(library: HidLibrary, settings: HidGateSettings, listener: GateListener) {
    this.#library = library;
    this.#settings = settings;
    this.#listener = listener;
  }

  /**
   * Looks for the board once; one that is not there yet is looked for from then on.
   *
   * @throws DeviceFault hid_library_absent
   */
  static async open(settings: HidGateSettings, listener: GateListener): Promise<HidGate> {
    const library = settings.library === undefined ? loadHidLibrary() : settings.library;
    if (library === null) throw new DeviceFault('hid_library_absent');
    const gate = new HidGate(library, settings, listener);
    await gate.#lookForBoard();
    return gate;
  }

  get isThere(): boolean {
    return this.#board !== null;
  }

  show(show: GateShow): Promise<boolean> {
    return this.#inOrder(async () => {
      this.#shown = show;
      return this.#write(show);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#look !== null) clearTimeout(this.#look);
    await this.#tail;
    const board = this.#board;
    this.#board = null;
    await board?.close().catch(() => undefined);
  }

  async #write(show: GateShow): Promise<boolean> {
    const board = this.#board;
    if (board === null) return false;
    try {
      for (const report of reportsOf(show)) await board.write(Buffer.from(report));
      return true;
    } catch {
      this.#lose(board);
      return false;
    }
  }

  #lose(board: HidBoard): void {
    if (this.#board !== board) return;
    this.#board = null;
    board.close().catch(() => undefined);
    this.#listener({ event: 'gate_lost' });
    this.#lookLater();
  }

  #lookLater(): void {
    if (this.#isClosed) return;
    this.#look = setTimeout(() => {
      void this.#inOrder(() => this.#lookForBoard());
    }, this.#settings.lookEveryMs ?? LOOK_EVERY_MS);
  }

  async #lookForBoard(): Promise<void> {
    if (this.#isClosed) return;
    const { vendorId, productId } = this.#settings;
    let board: HidBoard;
    try {
      board = await this.#library.open(vendorId, productId);
    } catch {
      this.#lookLater();
      return;
    }
    this.#board = board;
    board.on('error', () => {
      this.#lose(board);
    });
    board.on('data', (report) => {
      const event = this.#board === board ? eventOfReport(report) : null;
      if (event !== null) this.#listener(event);
    });
    if (this.#shown !== null && !(await this.#write(this.#shown))) return;
    this.#listener({ event: 'gate_ready' });
  }

  /** Reports of two shows must not mix. */
  #inOrder<Result>(task: () => Promise<Result>): Promise<Result> {
    const run = this.#tail.then(task);
    this.#tail = run.catch(() => undefined);
    return run;
  }
}
